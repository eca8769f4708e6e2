"""Scripted trouble in force: what `faults.py` describes, turned into what doors and market must do about it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from engine.sim.accounts import AccountBook
from engine.sim.clockwork import Clockwork, ExchangeClock
from engine.sim.faults import Fault
from engine.sim.market import Market
from engine.sim.pools import Pools

Cut = Callable[[str], None]
_DEPTH = ("depth_gap", "depth_duplicate", "depth_out_of_order")
_NEXT = (
    "submit_timeout_accepted", "submit_timeout_lost", "unknown_accepted", "unknown_lost", "fill_before_ack",
    "stop_rejected", "would_trigger", "reduce_only_rejected", "partial_fill",
)  # fmt: skip
_LASTING = ("silent_socket", "private_stream_dead", "region_refused", "server_error", "overload")
_ON_POSITION = ("manual_close", "liquidation", "adl")


class Trouble:
    """Faults by kind: those that last, those that wait for the next request or event, those that need a position."""

    def __init__(self, market: Market, account: AccountBook, pools: Pools, clock: ExchangeClock) -> None:
        self._market, self._account, self._pools, self._clock = market, account, pools, clock
        self._until: dict[str, tuple[float, Mapping[str, Any]]] = {}
        self._next: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
        self._waiting: list[Fault] = []
        self._scheduled: list[tuple[float, Fault]] = []
        self._held_back: dict[str, bytes] = {}
        self.cut: Cut = lambda route: None
        self.stale: Callable[[str], None] = lambda symbol: None

    def schedule(self, faults: list[Fault]) -> None:
        """Begin each fault at its moment, counted from now."""
        start = self._clock.wall_ms()
        self._scheduled = sorted(((start + fault.at_s * 1000, fault) for fault in faults), key=lambda each: each[0])

    def tick(self) -> None:
        """Begin what is due, and try again what needs a position."""
        now = self._clock.wall_ms()
        while self._scheduled and self._scheduled[0][0] <= now:
            self.begin(self._scheduled.pop(0)[1])
        self._waiting = [fault for fault in self._waiting if not self._strike(fault)]

    def begin(self, fault: Fault) -> None:
        """Let a fault happen now."""
        params, kind = fault.params, fault.kind
        if kind in _LASTING:
            self._until[kind] = (self._clock.wall_ms() + float(params["seconds"]) * 1000, params)
        elif kind in _NEXT or kind in _DEPTH:
            self._next[kind].extend([params] * int(params.get("count", 1)))
        elif kind in _ON_POSITION:
            if not self._strike(fault):
                self._waiting.append(fault)
        else:
            self._happen(fault)

    def lasting(self, kind: str) -> Mapping[str, Any] | None:
        """Parameters of a fault that is in force, else None."""
        until, params = self._until.get(kind, (0.0, {}))
        return params if self._clock.wall_ms() < until else None

    def silent(self, route: str) -> bool:
        """Whether sockets of a route say nothing now."""
        if route == "private":
            return self.lasting("private_stream_dead") is not None
        params = self.lasting("silent_socket")
        return params is not None and params["route"] in (route, "all", "market")

    def take(self, kind: str) -> Mapping[str, Any] | None:
        """Use up one waiting fault of a kind."""
        waiting = self._next[kind]
        return waiting.pop(0) if waiting else None

    def depth(self, stream: str, symbol: str, event: bytes) -> list[bytes]:
        """What is sent in place of one depth event of one stream."""
        held = self._held_back.pop(stream, None)
        if held is not None:
            return [event, held]
        for kind in _DEPTH:
            waiting = self._next[kind]
            if waiting and waiting[0]["symbol"] in (None, symbol):
                waiting.pop(0)
                if kind == "depth_gap":
                    return []
                if kind == "depth_duplicate":
                    return [event, event]
                self._held_back[stream] = event
                return []
        return [event]

    def _happen(self, fault: Fault) -> None:
        params, now_ms = fault.params, self._clock.now_ms()
        if fault.kind == "disconnect":
            self.cut(str(params["route"]))
        elif fault.kind == "rate_limited":
            self._pools.exhaust(now_ms)
        elif fault.kind == "banned":
            self._pools.ban(None, now_ms, params["seconds"])
        elif fault.kind == "listen_key_expired":
            self._account.expire_listen_key("main")
        elif fault.kind == "clock_skew" and isinstance(self._clock, Clockwork):
            self._clock.skew(int(params["ms"]))
        elif fault.kind == "stale_snapshot":
            for symbol in [params["symbol"]] if params["symbol"] else self._market.symbols:
                if symbol in self._market.lanes:
                    self.stale(symbol)
        elif fault.kind == "price":
            symbol = str(params["symbol"])
            last = self._market.last(symbol)
            price = params["price"] if params["price"] is not None else None
            moved = Decimal(str(price)) if price is not None else last * (1 + Decimal(str(params["pct"] or 0)) / 100)
            self._market.move(symbol, moved)

    def _strike(self, fault: Fault) -> bool:
        """Do what needs a position; False when there is none yet."""
        symbol = fault.params["symbol"] or self._held()
        if symbol is None:
            return False
        if fault.kind == "manual_close":
            return self._account.close_by_other(symbol)
        if fault.kind == "liquidation":
            return self._account.liquidate(symbol)
        return self._account.adl(symbol, abs(self._amount(symbol)) * Decimal(str(fault.params["share"])))

    def _held(self) -> str | None:
        return next((row["symbol"] for row in self._positions() if Decimal(row["positionAmt"])), None)

    def _amount(self, symbol: str) -> Decimal:
        return next((Decimal(row["positionAmt"]) for row in self._positions() if row["symbol"] == symbol), Decimal(0))

    def _positions(self) -> list[dict[str, Any]]:
        _, rows = self._account.request("GET", "/fapi/v3/positionRisk", {}, "main", self._market.now_ms)
        return list(rows)
