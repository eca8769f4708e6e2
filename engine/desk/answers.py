"""Lists and objects that are asked for once: the JSON shapes of the command-line contract."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from engine.clock import Clock
from engine.desk import signal_json
from engine.desk.gauges import Gauges
from engine.desk.notice_log import NoticeLog
from engine.desk.pictures import expires_ms
from engine.desk.verdicts import Verdicts
from engine.money import Instrument
from engine.port.commands import Done, Refused
from engine.store.audit import first_broken
from engine.store.queries import TradingQueries
from engine.trading.floor import TradingFloor
from engine.trading.picture import order_lines, position_row
from engine.trading.position_state import Position
from strategies.settings import StrategySettings

MOST_ROWS = 1_000

Answer = Callable[[Mapping[str, str]], Awaitable[Any]]


class UnknownSubject(Exception):
    """An id nobody has; the command ends with 2."""


class Answers:
    """Answers queries by name. Values are plain data; `ask` makes them JSON bytes."""

    def __init__(
        self,
        clock: Clock,
        home: str,
        queries: TradingQueries,
        floor: TradingFloor,
        verdicts: Verdicts,
        gauges: Gauges,
        notices: NoticeLog,
        instruments: Mapping[str, Instrument],
        strategies: StrategySettings,
        summary: Callable[[], dict[str, Any]],
    ) -> None:
        self._clock = clock
        self._home = home
        self._queries = queries
        self._floor = floor
        self._verdicts = verdicts
        self._gauges = gauges
        self._notices = notices
        self._instruments = instruments
        self._strategies = strategies
        self._summary = summary
        self.asked_symbol = ""  # of the last what-if by hand: its book joins the focus
        self._table: dict[str, Answer] = {
            "status": self._status, "signals": self._signals, "signal": self.signal, "shadow": self._shadow,
            "positions": self._positions, "orders": self._orders, "limits": self._limits, "trades": self._trades,
            "summary": self._summary_of, "symbols": self._symbols, "audit": self._audit, "notices": self._notices_of,
        }  # fmt: skip

    def join(self, more: Mapping[str, Answer]) -> None:
        """Answer these questions too."""
        self._table.update(more)

    def knows(self, symbol: str) -> bool:
        """Whether this symbol is watched."""
        return symbol.upper() in self._instruments

    async def ask(self, what: str, args: Mapping[str, str]) -> Done | Refused:
        """The answer as JSON; an unknown question or subject is refused with exit code 2."""
        answer = self._table.get(what)
        if answer is None:
            return Refused("unknown_query", f"nobody answers {what!r}; known: {', '.join(sorted(self._table))}", code=2)
        try:
            return Done(data=msgspec.json.encode(await answer(args)))
        except UnknownSubject as error:
            return Refused("unknown_id", str(error), code=2)

    async def _status(self, _args: Mapping[str, str]) -> dict[str, Any]:
        health = self._gauges.health({})
        return {
            "state": health.state, "desk": health.desk, "venue": health.venue, "mode": health.mode, "pid": health.pid,
            "home": self._home, "started_ms": health.started_ms, "now_ms": health.as_of_ms,
            "heartbeat_age_ms": round(self._gauges.heartbeat_age_ms),
            "loop_lag_p99_ms": round(health.loop_lag_p99_ms, 2),
            "loop_lag_max_ms_10s": round(health.loop_lag_max_ms_10s, 2),
            "seats": health.seats, "positions_open": health.positions_open, "signals_pending": health.signals_pending,
            "books_synced": health.books_synced, "weight_used": health.weight_used, "telegram": health.telegram,
            "last_error": health.last_error, "account": health.account, "speed": health.speed,
            "symbols_live": health.symbols_live, "symbols_total": health.symbols_total, "reconciled": health.reconciled,
            "desk_reason": health.desk_reason, "naked_ms": round(health.naked_ms, 1), "equity": health.equity,
        }  # fmt: skip

    async def _signals(self, args: Mapping[str, str]) -> list[dict[str, Any]]:
        state = args.get("state")
        found = {entry.signal.id: self._of(entry.signal.id) for entry in self._floor.admission.queue.entries.values()}
        for row in await self._queries.signals(limit=MOST_ROWS):
            if row.signal_id not in found:
                found[row.signal_id] = signal_json.of_row(row, self._instruments.get(row.symbol), self._strategies)
        for refusal in self._verdicts.refused:
            found.setdefault(refusal.id, self._of(refusal.id))
        rows = [row for row in found.values() if state is None or row["state"] == state]
        return sorted(rows, key=lambda row: (-row["bar_time"], row["symbol"], row["strategy"]))[:MOST_ROWS]

    async def signal(self, args: Mapping[str, str]) -> dict[str, Any]:
        """One signal by its id. Raises UnknownSubject."""
        signal_id = args.get("id", "")
        value: dict[str, Any] | None = self._of(signal_id)
        if value is not None:
            return value
        row = await self._queries.signal(signal_id)
        if row is None:
            raise UnknownSubject(f"no signal {signal_id!r}")
        return signal_json.of_row(row, self._instruments.get(row.symbol), self._strategies)

    def _of(self, signal_id: str) -> Any:
        entry = self._floor.admission.queue.entries.get(signal_id)
        if entry is not None:
            instrument = self._instruments.get(entry.signal.symbol)
            return signal_json.of_waiting(entry, instrument, expires_ms(entry, self._clock), self._strategies)
        for refusal in self._verdicts.refused:
            if refusal.id == signal_id:
                return signal_json.of_refusal(refusal, self._instruments.get(refusal.symbol), self._strategies)
        return None

    async def _shadow(self, _args: Mapping[str, str]) -> list[dict[str, Any]]:
        rows = await self._queries.signals(limit=MOST_ROWS)
        return [
            {
                "id": row.signal_id, "symbol": row.symbol, "side": row.side, "strategy": row.strategy_id,
                "bar_time": row.decided_ms, "state": row.status, "net_r": row.result_net_r, "mfe_r": row.mfe_r,
                "mae_r": row.mae_r, "exit_reason": row.exit_reason,
            }
            for row in rows
            if not row.taken and (row.opened_ms is not None or row.status == "beside")
        ]  # fmt: skip

    async def _positions(self, _args: Mapping[str, str]) -> list[dict[str, Any]]:
        mono_ms = self._clock.mono_ms()
        return [position_json(position, mono_ms) for position in self._floor.keeper.positions() if not position.over]

    async def _orders(self, _args: Mapping[str, str]) -> list[dict[str, object]]:
        return order_lines(self._floor.keeper.positions())

    async def _limits(self, _args: Mapping[str, str]) -> dict[str, Any]:
        view = self._gauges.limits({})
        return {
            "pools": [msgspec.to_builtins(pool) for pool in view.pools], "banned_until_ms": view.banned_until_ms,
            "gate": view.gate, "forecast": view.forecast,
        }  # fmt: skip

    async def _trades(self, _args: Mapping[str, str]) -> list[dict[str, Any]]:
        return [
            {
                "id": row.signal_id, "symbol": row.symbol, "side": row.side, "strategy": row.strategy_id,
                "mode": row.ap_mode, "regime": row.regime, "score": row.final_score, "opened_ms": row.opened_ms,
                "closed_ms": row.closed_ms, "entry": _text(row.entry), "exit": _text(row.exit_price),
                "net_r": row.result_net_r, "net_usdt": _text(row.result_usdt), "mfe_r": row.mfe_r, "mae_r": row.mae_r,
                "reason": row.exit_reason, "taken": row.taken,
            }
            for row in await self._queries.closed(limit=MOST_ROWS)
        ]  # fmt: skip

    async def _symbols(self, _args: Mapping[str, str]) -> list[str]:
        return sorted(self._instruments)

    async def _audit(self, args: Mapping[str, str]) -> dict[str, Any]:
        rows = await self._queries.operator_log(limit=int(args.get("limit", MOST_ROWS)))
        broken = first_broken(rows)
        return {"rows": [msgspec.to_builtins(row) for row in rows], "intact": broken is None}

    async def _notices_of(self, _args: Mapping[str, str]) -> list[dict[str, Any]]:
        return [msgspec.to_builtins(notice) for notice in self._notices.kept]

    async def _summary_of(self, _args: Mapping[str, str]) -> dict[str, Any]:
        return self._summary()


def position_json(position: Position, mono_ms: float) -> dict[str, Any]:
    """One position in the shape of the contract."""
    row = position_row(position, mono_ms)
    return {
        "id": row.id, "signal_id": row.signal_id, "symbol": row.symbol, "side": row.side, "strategy": row.strategy,
        "quantity": row.quantity, "entry": row.entry, "mark": row.mark, "stop": row.stop,
        "stop_order_id": row.stop_order_id, "protected": row.protected,
        "tiers": [{"r": t.r, "price": t.price, "share": t.share, "state": t.state} for t in row.tiers],
        "r_now": row.r_now, "mfe_r": row.mfe_r, "mae_r": row.mae_r, "opened_ms": row.opened_ms, "state": row.state,
        "realized_r": row.realized_r, "naked_ms": row.naked_ms,
    }  # fmt: skip


def _text(value: object) -> str | None:
    return None if value is None else str(value)
