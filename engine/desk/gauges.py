"""How the engine is: health, budgets, performance; one place that knows where each number comes from."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from decimal import Decimal

from config.schema import Settings
from engine.clock import Clock
from engine.exchange.client import ExchangeClient
from engine.exchange.limits import Pool as PoolName
from engine.market.books import Books
from engine.market.coordinator import SymbolLoadCoordinator
from engine.money import ZERO
from engine.port.views import HealthView, LimitsView, PerformanceView, Pool, PositionsView, ServiceRow
from engine.supervise import LagMeter, Supervisor
from engine.trading import standing
from engine.trading.approval import pending
from engine.trading.booking import open_usdt
from engine.trading.floor import TradingFloor
from engine.trading.liquidation import liquidation_price
from engine.trading.losses import booked_since, day_start_ms
from engine.trading.performance import ClosedTrade, performance_view
from engine.trading.picture import open_risk_r, positions_view
from engine.trading.position_state import Position

BAR_MS = 900_000


class Gauges:
    """Builds the views of the engine itself."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        client: ExchangeClient,
        trader: ExchangeClient,
        supervisor: Supervisor,
        lag: LagMeter,
        coordinator: SymbolLoadCoordinator,
        books: Books,
        floor: TradingFloor,
        seats: Callable[[], int],
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._client = client
        self._trader = trader
        self._supervisor = supervisor
        self._lag = lag
        self._coordinator = coordinator
        self._books = books
        self._floor = floor
        self._seats = seats
        self.state = "STARTING"
        self.started_ms = clock.now_ms()
        self.last_error: str | None = None
        self.telegram = "off"
        self.banner = ""
        self.load_text: Callable[[], str] = lambda: ""
        self.closed: list[ClosedTrade] = []
        self.weight_used_max = 0

    @property
    def heartbeat_age_ms(self) -> float:
        """How long ago the engine's loop last showed life, on the wall."""
        return self._lag.beat_age_ms

    def health(self, _args: Mapping[str, str]) -> HealthView:
        """The status line and the health pane."""
        now_ms, settings = self._clock.now_ms(), self._settings
        held = self._floor.keeper.positions()
        loading = self._coordinator.progress()
        weight = self._client.ledger
        self.weight_used_max = max(self.weight_used_max, weight.used())
        desk = self._floor.standing.value
        return HealthView(
            revision=0, as_of_ms=now_ms, state=self.state, desk=standing.desk_state(desk, now_ms),
            desk_reason=standing.desk_reason(desk, now_ms), paused_until_ms=desk.paused_until_ms,
            venue=settings.venue, mode=desk.mode, account=settings.account.name, pid=os.getpid(),
            started_ms=self.started_ms, speed=self._clock.rate, links=self._links(),
            services=tuple(
                ServiceRow(one.name, one.state, one.detail, one.restarts) for one in self._supervisor.services.values()
            ),
            loop_lag_p99_ms=self._lag.p99_ms, loop_lag_max_ms_10s=self._lag.max_ms(),
            clock_offset_ms=self._client.clock_sync.offset_ms,
            weight_used=weight.used(), weight_limit=weight.limit(),
            orders_used=weight.used(PoolName.ORDERS_10S), orders_limit=weight.limit(PoolName.ORDERS_10S),
            open_risk_r=open_risk_r(held, self._floor.facts.equity, settings.risk.risk_pct),
            day_r=self._day_r(now_ms),
            positions_open=sum(1 for position in held if position.exposure > 0),
            signals_pending=len(pending(self._floor.admission.queue)), naked_ms=self._floor.keeper.naked_ms(),
            books_synced=self._books.synced, symbols_live=loading.active, symbols_total=loading.total,
            load_text=self.load_text(),
            seats=self._seats(), telegram=self.telegram, last_error=self.last_error,
            next_close_ms=(now_ms // BAR_MS + 1) * BAR_MS, banner=self.banner,
            reconciled=self._floor.reconciler.reconciled,
            equity=float(self._floor.facts.equity),
        )  # fmt: skip

    def limits(self, _args: Mapping[str, str]) -> LimitsView:
        """Budgets against their windows."""
        ledger = self._client.ledger
        return LimitsView(
            revision=0, as_of_ms=self._clock.now_ms(),
            pools=tuple(Pool(p.name, p.used, p.limit, p.resets_ms, dict(p.lanes)) for p in ledger.pools()),
            gate=ledger.gate_state.lower(), banned_until_ms=ledger.banned_until_ms, forecast=ledger.forecast_text(),
        )  # fmt: skip

    def positions(self, _args: Mapping[str, str]) -> PositionsView:
        """Open positions, real ones first."""
        held = self._floor.keeper.positions()
        known = ((position.plan.symbol, self._liquidation(position)) for position in held)
        liquidations = {symbol: price for symbol, price in known if price is not None}
        return positions_view(
            held, self._shadows(), self._clock.mono_ms(),
            self._clock.now_ms(),
            self._floor.facts.equity, self._settings.risk.risk_pct, liquidations,
        )  # fmt: skip

    def performance(self, _args: Mapping[str, str]) -> PerformanceView:
        """Closed trades of this epoch."""
        return performance_view(self.closed, self._clock.now_ms())

    def _liquidation(self, position: Position) -> Decimal | None:
        """What the exchange says; until it was asked, our own estimate, on the cautious side. Zero: out of reach."""
        symbol = position.plan.symbol
        if (told := self._floor.reconciler.liquidations.get(symbol)) is not None:
            return told
        if position.exposure <= 0:
            return None
        account = self._floor.facts.account(symbol)
        return liquidation_price(
            position.plan.direction, position.exposure, position.entry_price, account.wallet, account.brackets,
            account.maintenance, min(ZERO, account.unrealized),
        )  # fmt: skip

    def _shadows(self) -> list[Position]:
        """Followed signals, where following is all the desk does; beside real trades they would only crowd the pane."""
        return self._floor.shadows.positions() if self._floor.standing.value.mode == "signals" else []

    def _links(self) -> dict[str, str]:
        return {**self._client.links(), "private": self._trader.links()["private"]}

    def _day_r(self, now_ms: int) -> float:
        booked = booked_since(self._floor.log.bookings, day_start_ms(now_ms))
        left = sum((open_usdt(position) or ZERO for position in self._floor.keeper.positions()), ZERO)
        unit = float(self._floor.facts.equity) * self._settings.risk.risk_pct / 100
        return float(booked + left) / unit if unit > 0 else 0.0
