"""The figures a headless run ends with, counted while it ran. Times that judge the program are wall milliseconds."""

from __future__ import annotations

from typing import Any

from config.schema import Settings
from engine.bus import Bus
from engine.clock import Clock
from engine.desk.gauges import Gauges
from engine.exchange.client import ExchangeClient
from engine.exchange.orders import OrderChanged
from engine.market.coordinator import Place, SymbolLoadCoordinator
from engine.market.events import BarsClosed, BookSynced
from engine.supervise import LagMeter, Supervisor
from engine.trading.events import TradeClosed
from engine.trading.floor import TradingFloor
from engine.trading.pipeline import Pipeline


class Summary:
    """Counts from the moment it is made."""

    def __init__(
        self, settings: Settings, clock: Clock, bus: Bus, client: ExchangeClient, coordinator: SymbolLoadCoordinator,
        floor: TradingFloor, pipeline: Pipeline, gauges: Gauges,
        lag: LagMeter, supervisor: Supervisor,
    ) -> None:  # fmt: skip
        self._settings = settings
        self._clock = clock
        self._client = client
        self._coordinator = coordinator
        self._floor = floor
        self._pipeline = pipeline
        self._gauges = gauges
        self._lag = lag
        self._supervisor = supervisor
        self.opened_mono_ms: float | None = None
        self._bars = self._fills = self._closed = self._resyncs = 0
        bus.subscribe(BarsClosed, self._on_bars)
        bus.subscribe(OrderChanged, self._on_order)
        bus.subscribe(TradeClosed, self._on_closed)
        bus.subscribe(BookSynced, self._on_synced)

    def value(self) -> dict[str, Any]:
        """The summary in the shape of the contract."""
        started = self.opened_mono_ms if self.opened_mono_ms is not None else self._clock.mono_ms()
        self._gauges.health({})
        return {
            "venue": self._settings.venue, "mode": self._floor.standing.value.mode,
            "wall_s": round((self._clock.mono_ms() - started) / 1000, 1),
            "symbols": len(self._coordinator.members(Place.ACTIVE)), "bars_closed": self._bars,
            "signals": self._floor.admission.offered_count, "refused": self._pipeline.refused,
            "approved": self._floor.admission.approved_count, "orders_sent": self._floor.executor.orders_sent,
            "fills": self._fills, "trades_closed": self._closed,
            "positions_open": sum(1 for position in self._floor.keeper.positions() if position.exposure > 0),
            "naked_ms_max": round(self._floor.keeper.naked_max_ms, 1), "book_resyncs": self._resyncs,
            "weight_used_max": self._gauges.weight_used_max, "loop_lag_p99_ms": round(self._lag.p99_ms, 1),
            "errors": self._client.decode_errors + sum(s.restarts for s in self._supervisor.services.values()),
        }  # fmt: skip

    def _on_bars(self, event: BarsClosed) -> None:
        self._bars += len(event.symbols)

    def _on_order(self, event: OrderChanged) -> None:
        if event.fill is not None:
            self._fills += 1

    def _on_closed(self, _event: TradeClosed) -> None:
        self._closed += 1

    def _on_synced(self, event: BookSynced) -> None:
        if event.resyncs:
            self._resyncs += 1
