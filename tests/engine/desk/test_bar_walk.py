"""What is followed lives through every bar, also those that closed while nobody looked, and before anything new."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from config.schema import Settings
from engine.desk.bar_walk import BarWalk
from engine.errors import Transient
from engine.exchange.wire_market import Kline
from engine.market.bars import Bar
from engine.market.candles import CandlePanels
from engine.market.events import BarsClosed
from engine.port.commands import ApproveSignal
from engine.store.rows import PositionRow, SignalRow
from tests.support.desk_rig import FloorRig, on_virtual_time, running
from tests.support.trading import BAR, T0, make_signal

S = "BTCUSDT"
MINUTE = 60_000
SIGNALS = Settings(venue="sim", mode="signals")


class Ends:
    """Stored history that ends with one bar."""

    def __init__(self, newest_ms: int) -> None:
        self.newest_ms = newest_ms

    async def ends(self, symbols: list[str], tf: str) -> dict[str, tuple[int, int]]:
        return dict.fromkeys(symbols, (0, self.newest_ms))


class Minutes:
    """An exchange of quiet minutes, one of which falls deep or rises high."""

    def __init__(self) -> None:
        self.low_at = self.high_at = -1
        self.asked: list[tuple[int, int, int]] = []
        self.error: Exception | None = None

    async def klines(
        self, symbol: str, tf: str, start_ms: int = 0, end_ms: int = 0, limit: int = 0, lane: Any = None
    ) -> list[Kline]:
        self.asked.append((start_ms, end_ms, limit))
        if self.error is not None:
            raise self.error
        rows = []
        for at in range(start_ms, end_ms, MINUTE):
            low, high = (97.0 if at == self.low_at else 99.9), (101.5 if at == self.high_at else 100.1)
            rows.append(Kline(at, 100.0, high, low, 100.0, 1.0, at + MINUTE - 1, 1.0, 1, 0.5, 0.5))
        return rows


class Scene:
    def __init__(self, desk: FloorRig, newest_ms: int = T0 - BAR) -> None:
        self.desk = desk
        self.panels = CandlePanels()
        self.minutes = Minutes()
        self.walk = BarWalk(desk.clock, desk.floor, self.panels, Ends(newest_ms), self.minutes)  # type: ignore[arg-type]

    def bar(self, n: int, low: float = 99.5, high: float = 100.5) -> None:
        self.panels.add(S, "15m", Bar(T0 + n * BAR, 100.0, high, low, 100.0, 1.0))

    def close(self, n: int) -> None:
        self.walk.on_closed(BarsClosed(T0 + (n + 1) * BAR, ("15m",), (S,)))

    @property
    def row(self) -> SignalRow:
        return self.desk.journal.of(SignalRow)[0]


def play(act: Callable[[Scene], Awaitable[None]], settings: Settings | None = SIGNALS) -> None:
    async def scenario(clock: Any) -> None:
        async with running(FloorRig(clock, settings=settings)) as desk:
            await act(Scene(desk))

    on_virtual_time(scenario)


def test_a_shadow_walks_each_close_once() -> None:
    async def act(scene: Scene) -> None:
        await scene.desk.floor.admission.offer(make_signal())
        scene.bar(0, high=101.0)
        scene.close(0)
        scene.close(0)
        assert scene.row.mfe_r == pytest.approx((101.0 - 100.02) / 2.02)
        assert scene.row.status == "open"
        scene.bar(1, low=97.0)
        scene.close(1)
        assert (scene.row.status, scene.row.exit_reason) == ("closed", "stop")
        assert not scene.minutes.asked

    play(act)


def test_a_bar_whose_close_was_never_told_is_walked_with_the_next() -> None:
    async def act(scene: Scene) -> None:
        await scene.desk.floor.admission.offer(make_signal())
        scene.bar(0, low=97.0)
        scene.bar(1)
        scene.close(1)
        assert (scene.row.status, scene.row.exit_reason) == ("closed", "stop")
        (position,) = scene.desk.journal.of(PositionRow)
        assert position.closed_ms == T0

    play(act)


def test_after_a_stop_missed_minutes_are_walked_and_an_exit_has_its_true_time() -> None:
    async def act(scene: Scene) -> None:
        await scene.desk.floor.admission.offer(make_signal())
        scene.minutes.low_at = T0 + 22 * MINUTE
        await scene.desk.clock.sleep(40 * 60)
        await scene.walk.catch_up(S)
        # Only closed quarters: the forming one is walked when it closes.
        assert scene.minutes.asked == [(T0, T0 + 2 * BAR, 30)]
        (position,) = scene.desk.journal.of(PositionRow)
        assert position.closed_ms == T0 + 22 * MINUTE
        assert scene.row.exit_reason == "stop"

    play(act)


@pytest.mark.parametrize("trouble", ["no answer", "long stop"])
def test_without_minutes_the_bars_at_hand_are_walked(trouble: str) -> None:
    async def act(scene: Scene) -> None:
        await scene.desk.floor.admission.offer(make_signal())
        scene.minutes.error = Transient("timeout")
        scene.bar(0)
        scene.bar(1, low=97.0)
        await scene.desk.clock.sleep(40 * 60 if trouble == "no answer" else 2 * 86_400)
        await scene.walk.catch_up(S)
        assert bool(scene.minutes.asked) == (trouble == "no answer")
        (position,) = scene.desk.journal.of(PositionRow)
        assert position.closed_ms == T0 + BAR

    play(act)


def test_nothing_followed_asks_nothing() -> None:
    async def act(scene: Scene) -> None:
        await scene.desk.clock.sleep(3600)
        await scene.walk.catch_up(S)
        assert not scene.minutes.asked

    play(act)


def test_a_real_trade_lives_through_what_was_missed_and_nothing_twice() -> None:
    async def act(scene: Scene) -> None:
        desk = scene.desk
        await desk.floor.admission.offer(make_signal())
        await desk.ask(ApproveSignal, signal_id="sig1", revision=1)
        position = desk.floor.keeper.on_symbol(S)
        assert position is not None
        await scene.walk.begin()
        scene.minutes.high_at = T0 + 3 * MINUTE
        await desk.clock.sleep(16 * 60)
        await scene.walk.catch_up(S)
        position = desk.floor.keeper.on_symbol(S)
        assert position is not None
        assert position.best == 101.5
        asked = list(scene.minutes.asked)
        await scene.walk.catch_up(S)
        assert scene.minutes.asked == asked
        # A close that everybody saw moves nothing: live prices do.
        scene.bar(1, high=103.0)
        scene.close(1)
        assert desk.floor.keeper.on_symbol(S).best == 101.5  # type: ignore[union-attr]
        # Two closes nobody saw do.
        scene.bar(2, high=101.8)
        scene.bar(3)
        scene.close(3)
        assert desk.floor.keeper.on_symbol(S).best == 101.8  # type: ignore[union-attr]

    play(act, Settings(venue="sim", mode="approve"))
