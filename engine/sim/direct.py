"""The in-memory door: the same exchange without sockets, on time that is handed in.

For virtual time and tests: requests take the way of REST requests, pushes are pulled. Nothing is signed, because there
is nobody in between; budgets, filters, fills and trouble are those of every door.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from engine.sim.clockwork import HandClock
from engine.sim.codes import Refused
from engine.sim.exchange import Answer, Exchange, over_budget
from engine.sim.faults import read_fault
from engine.sim.hub import Hub
from engine.sim.opening import contracts_of, open_market, play_capture, recordings_of
from engine.sim.pools import OverBudget
from engine.sim.stream_names import BEAT_MS
from engine.sim.tape import Recording
from engine.sim.tariff import CHARGES, ORDER_WRITES

ADDRESS = "direct"


class DirectExchange:
    """One exchange and one user of it. `now` is read at every call, or time is moved by `advance`."""

    def __init__(self, exchange: Exchange, clock: HandClock, now: Callable[[], int] | None = None) -> None:
        self.exchange = exchange
        self._clock, self._now = clock, now
        self._hub = Hub(exchange)
        self._pushed: list[tuple[str, Any]] = []
        self._beaten_ms = clock.now_ms()

    @staticmethod
    def open(
        now_ms: int,
        symbols: tuple[str, ...] = (),
        scenario: str = "recorded",
        seed: int = 7,
        balance: Decimal = Decimal(10_000),
        recordings: Mapping[str, Recording] | None = None,
        start_bar: int | None = None,
        now: Callable[[], int] | None = None,
    ) -> DirectExchange:
        """An exchange at `now_ms`, on the bundled recordings or on others. Raises UnknownSymbol."""
        tapes = recordings if recordings is not None else recordings_of(scenario)
        clock = HandClock(now_ms)
        market = open_market(contracts_of(symbols, tapes), tapes, scenario, seed, now_ms, start_bar)
        if scenario == "capture":
            play_capture(market, lambda: clock.wall_ms() - now_ms)
        return DirectExchange(Exchange(market, clock, seed, balance), clock, now)

    def now_ms(self) -> int:
        self._follow()
        return self._clock.now_ms()

    def request(self, method: str, path: str, params: Mapping[str, str] | None = None) -> tuple[int, Any]:
        """Ask as the user: (HTTP status, JSON body). Status 0 stands for an answer that never came."""
        self._follow()
        answer = self._answer(method, path, dict(params or {}))
        return (0, None) if answer.lost else (answer.status, msgspec.json.decode(msgspec.json.encode(answer.body)))

    def subscribe(self, *streams: str) -> None:
        """Hear market streams from now on."""
        for stream in streams:
            self._hub.subscribe(stream, self)

    def unsubscribe(self, *streams: str) -> None:
        for stream in streams:
            self._hub.unsubscribe(stream, self)

    def advance(self, now_ms: int) -> None:
        """Move to a later time; streams say what they have to say then."""
        self._clock.set(now_ms)
        self._beat()

    def fault(self, kind: str, **params: object) -> None:
        """Let something go wrong now. Raises BadFault."""
        self._follow()
        self.exchange.trouble.begin(read_fault({"kind": kind, **params}))

    def market_events(self) -> list[tuple[str, Any]]:
        """(stream, payload) pushed since the last call."""
        self._follow()
        pushed, self._pushed = self._pushed, []
        return pushed

    def private_events(self) -> list[dict[str, Any]]:
        """Events of the user's account since the last call, in order."""
        self._follow()
        return [event for _, event in self.exchange.private_events()]

    def push(self, stream: str, payload: bytes) -> None:
        """Hears the hub."""
        self._pushed.append((stream, msgspec.json.decode(payload)))

    def _answer(self, method: str, path: str, params: dict[str, str]) -> Answer:
        exchange, now_ms = self.exchange, self._clock.now_ms()
        exchange.catch_up()
        charge = CHARGES.get((method, path))
        if charge is None:
            return Answer(404, {"code": -5000, "msg": f"Path {path}, Method {method} is invalid"})
        try:
            exchange.pools.admit(ADDRESS, now_ms)
            used = exchange.pools.charge(ADDRESS, charge.pool, charge.weigh(params), now_ms)
            if (method, path) in ORDER_WRITES:
                exchange.pools.count_socket(ADDRESS, now_ms)
            answer = exchange.perform(method, path, params, exchange.keys.account)
        except Refused as refusal:
            return Answer(refusal.status, refusal.body)
        except OverBudget as over:
            return over_budget(over)
        answer.headers["X-MBX-USED-WEIGHT-1M"] = str(used)
        return answer

    def _follow(self) -> None:
        if self._now is not None:
            self._clock.set(self._now())
        if self._clock.now_ms() - self._beaten_ms >= BEAT_MS:
            self._beat()

    def _beat(self) -> None:
        self._beaten_ms = self._clock.now_ms()
        self._hub.beat()
