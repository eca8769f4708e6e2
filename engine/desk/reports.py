"""What closed trades and the present market look like, grouped the ways people ask for it; plain data for any seat."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from engine.clock import Clock
from engine.desk.incidents import told
from engine.market.candles import CandlePanels
from engine.money import Instrument, Side
from engine.store.queries import TradingQueries
from engine.store.rows import SignalRow
from engine.trading.floor import TradingFloor
from engine.trading.performance import closed_trades, equity_curve, max_drawdown_r, summary
from engine.trading.pipeline import Pipeline
from strategies.evaluate import due, evaluate_one
from strategies.model import Refusal, StrategyId
from strategies.registry import STRATEGIES
from strategies.settings import StrategySettings

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
SHOWN = 20
ZONED = 12  # symbols the zone engine is summed up over
# Exits at a target, or at a stop behind which nothing was lost.
GAINED = ("tp1", "tp2", "breakeven", "tp1_lock", "trail")
SCORE_BUCKETS = ((float("-inf"), 3.0), (3.0, 4.0), (4.0, 6.0), (6.0, 8.0), (8.0, float("inf")))

Answer = Callable[[Mapping[str, str]], Awaitable[Any]]


class Reports:
    """Answers by name, to be joined to the desk's other answers."""

    def __init__(
        self, clock: Clock, queries: TradingQueries, floor: TradingFloor, pipeline: Pipeline, panels: CandlePanels,
        instruments: Mapping[str, Instrument], settings: StrategySettings, own: Mapping[str, str],
    ) -> None:  # fmt: skip
        """`own` are the timeframes of the user's strategies, by name."""
        self._clock = clock
        self._queries = queries
        self._floor = floor
        self._pipeline = pipeline
        self._panels = panels
        self._instruments = instruments
        self._settings = settings
        self._own = own

    def table(self) -> dict[str, Answer]:
        """Name -> answer."""
        return {
            "performance": self._performance, "stats": self._stats, "ap_stats": self._ap_stats, "closed": self._closed,
            "by_regime": self._by_regime, "by_confluence": self._by_confluence, "strategies": self._strategies,
            "validate": self._validate, "zones": self.zones, "regimes": self._regimes, "period": self._period,
            "zone_engine": self._zone_engine, "zone_arms": self._zone_arms,
        }  # fmt: skip

    async def _rows(self, args: Mapping[str, str], strategy: str | None = None) -> list[SignalRow]:
        days = float(args.get("days", "7"))
        since_ms = self._clock.now_ms() - round(days * DAY_MS)
        return await self._queries.closed(since_ms=since_ms, strategy_id=strategy, taken=True, limit=100_000)

    async def _performance(self, args: Mapping[str, str]) -> dict[str, Any]:
        rows = await self._rows(args)
        return {**_figures("all", rows), "open": len(self._floor.keeper.positions()), "days": args.get("days", "7")}

    async def _stats(self, args: Mapping[str, str]) -> list[dict[str, Any]]:
        return _grouped(await self._rows(args), lambda row: row.strategy_id)[:10]

    async def _ap_stats(self, args: Mapping[str, str]) -> dict[str, Any]:
        rows = await self._rows(args, StrategyId.ACTION_PRICE)
        return {
            "total": _figures("action_price", rows), "by_mode": _grouped(rows, lambda row: row.ap_mode or "?"),
            "by_score": _grouped(rows, lambda row: _bucket(row.final_score)),
        }  # fmt: skip

    async def _closed(self, args: Mapping[str, str]) -> list[dict[str, Any]]:
        since_ms = self._clock.now_ms() - round(float(args.get("hours", "24")) * HOUR_MS)
        strategy = args.get("strategy") or None
        rows = await self._queries.closed(since_ms=since_ms, strategy_id=strategy, taken=True, limit=10_000)
        kind = args.get("kind", "")
        if kind == "sl":
            rows = [row for row in rows if row.exit_reason == "stop"]
        elif kind == "tp":
            rows = [row for row in rows if row.exit_reason in GAINED]
        return [
            {
                "symbol": row.symbol, "side": row.side, "strategy": row.strategy_id,
                "entry": self._price(row.symbol, row.entry),
                "exit": self._price(row.symbol, row.exit_price), "net_r": row.result_net_r, "reason": row.exit_reason,
                "minutes": round(((row.closed_ms or 0) - (row.opened_ms or 0)) / 60_000), "closed_ms": row.closed_ms,
            }
            for row in rows[:SHOWN]
        ]  # fmt: skip

    def _price(self, symbol: str, price: Decimal | None) -> str:
        """An average price with the decimals of its tick."""
        instrument = self._instruments.get(symbol)
        return str(price) if instrument is None or price is None else instrument.text(instrument.price(price))

    async def _by_regime(self, args: Mapping[str, str]) -> list[dict[str, Any]]:
        return _grouped(await self._rows(args), lambda row: row.regime or "?")

    async def _by_confluence(self, args: Mapping[str, str]) -> list[dict[str, Any]]:
        return _grouped(await self._rows(args), lambda row: str(row.confluence_count))

    async def _strategies(self, _args: Mapping[str, str]) -> list[dict[str, Any]]:
        newest = {row.strategy_id: row for row in reversed(await self._queries.signals(limit=1_000))}
        held = [position.plan for position in self._floor.keeper.positions()]
        known = [(name.value, one.enabled(self._settings), one.tf) for name, one in STRATEGIES.items()]
        known += [(name, True, tf) for name, tf in self._own.items()]
        return [
            {
                "strategy": name, "enabled": enabled, "timeframe": tf,
                "open": [plan.symbol for plan in held if plan.strategy == name],
                "last_signal_ms": newest[name].decided_ms if name in newest else None,
                "last_symbol": newest[name].symbol if name in newest else None,
            }
            for name, enabled, tf in known
        ]  # fmt: skip

    async def _validate(self, args: Mapping[str, str]) -> list[dict[str, Any]]:
        symbol = args.get("symbol", "BTCUSDT").upper()
        if symbol not in self._instruments:
            return []
        snapshot = self._pipeline.snapshot(symbol, self._panels.candles(symbol, "15m").last_close_ms)
        found: list[dict[str, Any]] = []
        for name in due(snapshot, self._settings):
            verdicts = evaluate_one(name, snapshot, self._settings)
            found.append({
                "strategy": name.value,
                "verdicts": [
                    {
                        "side": Side(verdict.side).word,
                        "verdict": verdict.reason if isinstance(verdict, Refusal) else "signal",
                        "score": verdict.score,
                        "conditions": [(c.name, c.state.value, c.value, c.need) for c in verdict.conditions],
                    }
                    for verdict in verdicts
                ],
            })  # fmt: skip
        return found

    async def zones(self, args: Mapping[str, str]) -> dict[str, Any]:
        """Zones of a symbol around its price, low to high."""
        symbol = args.get("symbol", "BTCUSDT").upper()
        candles = self._panels.candles(symbol, "15m")
        if symbol not in self._instruments or not len(candles):
            return {"symbol": symbol, "zones": []}
        snapshot = self._pipeline.snapshot(symbol, candles.last_close_ms)
        built, atr, close = snapshot.source.zones(), float(snapshot.ind["15m"].atr[-1]), float(candles.close[-1])
        text = self._instruments[symbol].text
        return {
            "symbol": symbol, "origin": built.origin, "price": text(close), "reason": built.reason,
            "zones": [
                {
                    "low": text(zone.low), "high": text(zone.high), "kind": zone.kind, "grade": zone.grade,
                    "tf": zone.tf, "strength": zone.strength, "state": zone.state, "touches": zone.touches,
                    "distance_atr": (zone.mid - close) / atr if atr > 0 else None,
                }
                for zone in built.zones
            ],
        }  # fmt: skip

    async def _zone_engine(self, _args: Mapping[str, str]) -> dict[str, Any]:
        """Which builder decides, and what it found on the first symbols."""
        names = sorted(self._instruments)[:ZONED]
        found: dict[str, list[dict[str, Any]]] = {}
        origins: Counter[str] = Counter()
        for symbol in names:
            value = await self.zones({"symbol": symbol})
            found[symbol] = value["zones"]
            origins[value.get("origin", "none")] += 1
            await asyncio.sleep(0)  # a symbol's zones may take milliseconds
        every = [zone for zones in found.values() for zone in zones]
        return {
            "provider": self._settings.zones.provider, "watched": len(self._instruments), "origins": dict(origins),
            "zones": len(every), "symbols": {symbol: len(zones) for symbol, zones in found.items()},
            **{f"by_{key}": dict(Counter(str(zone[key]) for zone in every)) for key in ("kind", "grade", "state")},
        }  # fmt: skip

    async def _zone_arms(self, args: Mapping[str, str]) -> dict[str, Any]:
        """Results by the builder a trade was decided on, and how often the other one would have decided otherwise."""
        days = float(args.get("days", "30"))
        compared: Counter[str] = Counter()
        for event in await self._queries.steps("zone_arms", self._clock.now_ms() - round(days * DAY_MS)):
            other = msgspec.json.decode(event.payload)["theirs"]
            compared["alike" if other["would_signal"] else "refused by the other"] += 1
        return {
            "days": args.get("days", "30"), "compared": dict(compared),
            "arms": _grouped(await self._rows({"days": f"{days:g}"}), lambda row: row.zone_arm or "?"),
        }  # fmt: skip

    async def _regimes(self, _args: Mapping[str, str]) -> dict[str, Any]:
        counts: dict[str, int] = {}
        for regime in self._pipeline.regimes.values():
            counts[regime.state.value] = counts.get(regime.state.value, 0) + 1
        btc = self._pipeline.btc
        return {"counts": counts, "btc": msgspec.to_builtins(btc) if btc is not None else None}

    async def _period(self, args: Mapping[str, str]) -> dict[str, Any]:
        rows = await self._rows(args)
        since_ms = self._clock.now_ms() - round(float(args.get("days", "7")) * DAY_MS)
        trades = closed_trades(rows)
        return {
            "days": args.get("days", "7"), "total": _figures("all", rows),
            "equity_r": list(equity_curve(trades)), "by_strategy": _grouped(rows, lambda row: row.strategy_id),
            "by_regime": _grouped(rows, lambda row: row.regime or "?"),
            "by_hour": _grouped(rows, lambda row: f"{(row.decided_ms // HOUR_MS) % 24:02d}"),
            "fees_usdt": str(sum((row.fees_usdt or 0) for row in rows)),
            "funding_usdt": str(sum((row.funding_usdt or 0) for row in rows)),
            **told(await self._queries.incidents(since_ms=since_ms), SHOWN),
        }  # fmt: skip


def _figures(name: str, rows: Iterable[SignalRow]) -> dict[str, Any]:
    rows = list(rows)
    trades = closed_trades(rows)
    return {
        **msgspec.to_builtins(summary(name, trades)), "max_drawdown_r": max_drawdown_r(equity_curve(trades)),
        "net_usdt": str(sum((row.result_usdt or 0) for row in rows)),
        "tp1": sum(1 for row in rows if row.stage in ("tp1", "tp2")),
        "tp2": sum(1 for row in rows if row.stage == "tp2"),
        "exits": dict(Counter(row.exit_reason for row in rows)),
    }  # fmt: skip


def _grouped(rows: list[SignalRow], key: Callable[[SignalRow], str]) -> list[dict[str, Any]]:
    names = sorted({key(row) for row in rows})
    groups = [_figures(name, [row for row in rows if key(row) == name]) for name in names]
    return sorted(groups, key=lambda group: -group["trades"])


def _bucket(score: float | None) -> str:
    if score is None:
        return "?"
    low, high = next(bucket for bucket in SCORE_BUCKETS if bucket[0] <= score < bucket[1])
    return (
        f"< {high:g}"
        if low == float("-inf")
        else f"{low:g} and more"
        if high == float("inf")
        else f"{low:g} to {high:g}"
    )
