"""What a person asks who is not in front of the screen: how the engine is, and how long things take."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from engine.bus import Bus
from engine.clock import Clock
from engine.desk.gauges import Gauges
from engine.exchange.client import ExchangeClient
from engine.market.coordinator import SymbolLoadCoordinator
from engine.market.feed import MarketFeed
from engine.port.views import HealthView
from engine.store.journal import Journal
from engine.trading.approval import pending
from engine.trading.events import Reconciled
from engine.trading.floor import TradingFloor
from engine.trading.pipeline import Pipeline
from strategies.registry import STRATEGIES
from strategies.settings import StrategySettings


class Vitals:
    """Answers by name, to be joined to the desk's other answers. Times of the program are machine milliseconds."""

    def __init__(
        self, clock: Clock, bus: Bus, client: ExchangeClient, coordinator: SymbolLoadCoordinator, feed: MarketFeed,
        pipeline: Pipeline, floor: TradingFloor, gauges: Gauges, journal: Journal, settings: StrategySettings,
        own: Iterable[str],
    ) -> None:  # fmt: skip
        self._clock = clock
        self._client = client
        self._coordinator = coordinator
        self._feed = feed
        self._pipeline = pipeline
        self._floor = floor
        self._gauges = gauges
        self._journal = journal
        self._settings = settings
        self._own = tuple(own)
        self._reconciled: Reconciled | None = None
        bus.subscribe(Reconciled, self._on_reconciled)

    def table(self) -> dict[str, Callable[[Mapping[str, str]], Any]]:
        """Name -> answer."""
        return {"vitals": self._vitals, "latency": self._latency}

    def _on_reconciled(self, event: Reconciled) -> None:
        self._reconciled = event

    async def _vitals(self, _args: Mapping[str, str]) -> dict[str, Any]:
        health, loading, btc = self._gauges.health({}), self._coordinator.progress(), self._pipeline.btc
        report, told, now_ms = self._pipeline.report, self._reconciled, self._clock.now_ms()
        standing = self._floor.standing.value
        return {
            "version": _version(), "venue": health.venue, "mode": health.mode, "account": health.account,
            "state": health.state, "desk": health.desk, "desk_reason": health.desk_reason,
            "uptime_s": max(0, now_ms - health.started_ms) // 1000,
            "symbols_active": loading.active, "symbols_failed": loading.failed,
            "symbols_loading": loading.pending + loading.loading + loading.queued,
            "signals_pending": len(pending(self._floor.admission.queue)), "positions_open": health.positions_open,
            "open_risk_r": health.open_risk_r, "day_r": health.day_r,
            "weight_used": health.weight_used, "weight_limit": health.weight_limit,
            "last_cycle_ms": report.close_ms if report is not None else None,
            "last_cycle_took_ms": round(report.wall_ms) if report is not None else None,
            "btc_change_pct": btc.change_pct if btc is not None else None,
            "btc_blocks_reversion": btc is not None and now_ms < btc.reversion_blocked_until_ms,
            "strategies": [
                *(name.value for name, one in STRATEGIES.items() if one.enabled(self._settings)), *self._own,
            ],
            "reconciled": health.reconciled, "corrected": told.fixed if told is not None else 0,
            "disagreeing": told.open_rows if told is not None else 0,
            "alarms": self._alarms(health),
            "blocks": [
                {"symbol": b.symbol, "side": b.side, "strategy": b.strategy, "until_ms": b.until_ms, "reason": b.reason}
                for b in standing.blocks
                if b.until_ms == 0 or b.until_ms > now_ms
            ],
            "cooldowns": {key: until for key, until in standing.cooldowns.items() if until > now_ms},
        }  # fmt: skip

    def _alarms(self, health: HealthView) -> list[str]:
        """What a person should look at now."""
        found = [f"link {name} {state}" for name, state in health.links.items() if state != "ok"]
        found += [f"{s.name} {s.state} {s.detail}".strip() for s in health.services if s.state == "failed"]
        found += [f"{cause}: {detail}" if detail else cause for cause, detail in self._floor.standing.value.holds]
        if health.naked_ms > 0:
            found.append(f"a position without a stop for {health.naked_ms:.0f} ms")
        if health.last_error:
            found.append(health.last_error)
        return found

    async def _latency(self, _args: Mapping[str, str]) -> dict[str, Any]:
        health, mono_ms, report = self._gauges.health({}), self._clock.mono_ms(), self._pipeline.report
        ages = [mono_ms - heard for heard in self._feed.marked_mono_ms.values()]
        trips = list(self._client.rest.round_trips_ms)
        return {
            "stream_age_p50_ms": _quantile(ages, 0.5), "stream_age_p95_ms": _quantile(ages, 0.95),
            "loop_lag_p99_ms": round(health.loop_lag_p99_ms, 1),
            "loop_lag_max_ms": round(health.loop_lag_max_ms_10s, 1),
            "rest_p50_ms": _quantile(trips, 0.5), "rest_p95_ms": _quantile(trips, 0.95),
            "commit_p95_ms": round(self._journal.latency_p95_ms, 1),
            "clock_offset_ms": health.clock_offset_ms, "books_synced": health.books_synced,
            "cycle": None if report is None else {
                "close_ms": report.close_ms, "symbols": report.symbols, "signals": report.signals,
                "refusals": report.refusals, "failures": report.failures, "took_ms": round(report.wall_ms, 1),
            },
        }  # fmt: skip


def _quantile(values: list[float], share: float) -> float | None:
    """None of nothing."""
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 1) if ordered else None


def _version() -> str:
    try:
        return version("perpdeck")
    except PackageNotFoundError:
        return "?"
