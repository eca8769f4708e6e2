"""A close of the whole market: who is asked first, who is left alone, what is asked for, what is compared."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest
import structlog

from engine.clock import InlineExecutor, VirtualClock, run_virtual
from engine.errors import StoreError
from engine.market.candles import CandlePanels
from engine.market.events import BarsClosed
from engine.supervise import Failure
from engine.trading.pipeline import ANSWER_S, BTC, Pipeline
from engine.trading.snapshots import Analyst
from engine.trading.user_strategies import UserStrategies, UserStrategy
from engine.trading.zone_arms import Comparison
from engine.user import Proposal
from strategies.evaluate import Evaluation
from strategies.filters import Blocks
from strategies.model import BookFlow, MarketSnapshot, Signal, StrategyId
from strategies.registry import STRATEGIES
from strategies.settings import StrategySettings
from strategies.zones.provider import ZoneParams
from tests.support.bundled import SYMBOLS, bar_of, bundled, fill
from tests.support.replay import with_flow
from tests.support.trading import make_instrument

BUSY = 3638  # the bar of the recording on which five symbols signal
MEASURED = ("BNBUSDT", "BTCUSDT", "ETHUSDT", "SOLUSDT")
TICK = Decimal("0.0001")
SETTINGS = with_flow(StrategySettings(), estimate=True)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with structlog.testing.capture_logs():
        yield


class Around:
    """Answers a test can slow down, and a note of what was asked."""

    def __init__(self, delay_s: float = 0.0, doi_pct: float | None = 1.5) -> None:
        self.delay_s, self.answer = delay_s, doi_pct
        self.looked: list[str] = []
        self.asked: list[str] = []

    def book(self, symbol: str) -> BookFlow | None:
        self.looked.append(symbol)
        return None

    def spread(self, symbol: str) -> float | None:
        return None

    def quote_rank(self, symbol: str) -> int | None:
        return 5

    async def doi_pct(self, symbol: str) -> float | None:
        self.asked.append(symbol)
        await asyncio.sleep(self.delay_s)
        return self.answer

    async def funding_z(self, symbol: str) -> float | None:
        return 0.0


class Room:
    """A pipeline over the bundled recording, filled up to the bar before the first close."""

    def __init__(self, clock: Any, settings: StrategySettings = SETTINGS, first: int = BUSY, **wired: Any) -> None:
        self.panels = CandlePanels()
        for symbol in SYMBOLS:
            fill(self.panels, symbol, bundled(symbol).slice(0, first))
        self.around = wired.pop("around", None) or Around()
        self.taken: list[tuple[Evaluation, MarketSnapshot]] = []
        self.failures: list[tuple[str, str, str]] = []
        self.compared: list[Comparison] = []
        self.analyst = Analyst(settings, 8)
        self.pipeline = Pipeline(
            self.analyst, self.panels, {name: make_instrument(name, tick=TICK) for name in SYMBOLS}, self.around, clock,
            wired.pop("blocks_of", lambda _symbol, _t: Blocks()), self.take, self.fell,
            compared=self.compared.append, executor=InlineExecutor(), **wired,
        )  # fmt: skip

    async def take(self, evaluation: Evaluation, snapshot: MarketSnapshot) -> None:
        self.taken.append((evaluation, snapshot))

    def fell(self, failure: Failure, symbol: str) -> None:
        self.failures.append((failure.name, symbol, failure.text))

    async def close(self, index: int = BUSY, symbols: tuple[str, ...] = SYMBOLS) -> None:
        for symbol in symbols:
            self.panels.add(symbol, "15m", bar_of(bundled(symbol), index))
        close_ms = int(bundled(BTC).open_time[index]) + 900_000
        self.pipeline.on_closed(BarsClosed(close_ms, ("15m",), symbols))
        runner = asyncio.create_task(self.pipeline.run())
        idle = asyncio.create_task(self.pipeline.idle.wait())
        await asyncio.wait((runner, idle), return_when=asyncio.FIRST_COMPLETED)
        if runner.done():
            runner.result()
        runner.cancel()

    @property
    def signals(self) -> list[Signal]:
        return [signal for evaluation, _ in self.taken for signal in evaluation.signals]

    def verdicts(self, *left_out: str) -> set[tuple[str, str, int, str, float | None]]:
        return {
            (v.symbol, v.strategy, v.side, getattr(v, "reason", "signal"), v.score)
            for evaluation, _ in self.taken
            for v in (*evaluation.signals, *evaluation.refusals)
            if v.strategy not in left_out
        }


def play(act: Callable[[Room], Awaitable[None]], **wired: Any) -> Room:
    rooms: list[Room] = []

    async def main(clock: VirtualClock) -> None:
        rooms.append(Room(clock, **wired))
        await act(rooms[0])

    run_virtual(main, int(bundled(BTC).open_time[BUSY]) + 901_000)
    return rooms[0]


async def one(room: Room) -> None:
    await room.close()


def test_btc_is_decided_first_and_every_symbol_once() -> None:
    room = play(one)
    assert room.around.looked == [BTC, *(symbol for symbol in SYMBOLS if symbol != BTC)]
    assert all(snapshot.btc is not None for _, snapshot in room.taken)
    assert len(room.signals) >= 4
    assert room.pipeline.report is not None
    assert room.pipeline.report.signals == len(room.signals)
    assert room.pipeline.report.symbols == len(SYMBOLS)


def test_every_close_is_decided_once_on_its_own_bars() -> None:
    async def three(room: Room) -> None:
        for index in range(BUSY, BUSY + 3):
            await room.close(index)

    room = play(three)
    assert Counter(room.around.looked) == dict.fromkeys(SYMBOLS, 3)
    seen = Counter((signal.symbol, signal.strategy, signal.bar_time_ms) for signal in room.signals)
    assert max(seen.values()) == 1
    assert len({when for _, _, when in seen}) >= 2
    assert all(
        signal.bar_time_ms == snapshot.t_ms for evaluation, snapshot in room.taken for signal in evaluation.signals
    )


def test_a_failing_strategy_is_reported_and_leaves_the_others_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    healthy = play(one)
    row = STRATEGIES[StrategyId.LIQUIDITY_SWEEP]

    def broken(_snapshot: MarketSnapshot, _settings: StrategySettings) -> tuple[()]:
        raise ZeroDivisionError("no volume")

    monkeypatch.setitem(STRATEGIES, row.id, msgspec.structs.replace(row, evaluate=broken))
    room = play(one)
    assert {(name, text) for name, _, text in room.failures} == {
        (f"liquidity_sweep on {symbol}", "ZeroDivisionError: no volume") for symbol in SYMBOLS
    }
    assert room.pipeline.report is not None
    assert room.pipeline.report.failures == len(SYMBOLS)
    assert room.verdicts() == healthy.verdicts("liquidity_sweep")
    assert room.signals


class Hurried:
    """A clock on which every look costs a slice, or none does."""

    def __init__(self, step_ms: float) -> None:
        self.step_ms, self.mono = step_ms, 0.0

    def now_ms(self) -> int:
        return 0

    def mono_ms(self) -> float:
        self.mono += self.step_ms
        return self.mono


def turns_of_others(step_ms: float) -> int:
    """How often another task got the loop during one close."""
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def main() -> None:
        room = Room(Hurried(step_ms))
        ticking = asyncio.create_task(others())
        await room.close()
        ticking.cancel()

    asyncio.run(main())
    return turns


def test_the_loop_is_given_back_when_a_slice_is_used_up_and_not_before() -> None:
    assert turns_of_others(step_ms=5.0) >= turns_of_others(step_ms=0.0) + 4 * len(SYMBOLS)


def test_open_interest_is_asked_only_where_it_can_change_something_and_all_at_once() -> None:
    around = Around(delay_s=1.0)
    started: list[float] = []

    async def timed(room: Room) -> None:
        loop = asyncio.get_running_loop()
        started.append(loop.time())
        await room.close()
        started.append(loop.time())

    room = play(timed, around=around)
    assert {signal.symbol for signal in room.signals if signal.strategy != "action_price"} <= set(around.asked)
    assert len(around.asked) == len(set(around.asked)) < len(SYMBOLS)
    assert started[1] - started[0] == pytest.approx(1.0, abs=0.01)
    told = {m.name: m.input for signal in room.signals for m in signal.modifiers}
    assert told["open_interest"] == 1.5


def test_what_does_not_come_in_time_is_absent_and_holds_up_nobody() -> None:
    async def timed(room: Room) -> None:
        loop = asyncio.get_running_loop()
        before = loop.time()
        await room.close()
        assert loop.time() - before == pytest.approx(ANSWER_S, abs=0.01)

    room = play(timed, around=Around(delay_s=60.0))
    assert room.signals
    assert all(m.input is None for signal in room.signals for m in signal.modifiers if m.name == "open_interest")


def test_an_answer_decides_exactly_as_if_it_had_been_known_at_once() -> None:
    late = play(one)
    for evaluation, snapshot in late.taken:
        if snapshot.doi_pct is None:
            continue
        for signal in evaluation.signals:
            again = STRATEGIES[StrategyId(signal.strategy)].evaluate(snapshot, SETTINGS)
            assert (signal.side, signal.stop) in {(v.side, v.stop) for v in again if isinstance(v, Signal)}
    without = play(one, around=Around(doi_pct=None))
    assert late.verdicts() != without.verdicts()


def test_a_store_that_fails_is_told_as_it_is_and_leaves_no_request_behind() -> None:
    class Lost(Room):
        async def take(self, evaluation: Evaluation, snapshot: MarketSnapshot) -> None:
            raise StoreError("disk full")

    async def main(clock: VirtualClock) -> int:
        room = Lost(clock, around=Around(delay_s=2.0))
        with pytest.raises(StoreError):
            await room.close()
        await asyncio.sleep(0)
        return len(asyncio.all_tasks())

    assert run_virtual(main, 0) <= 2  # this one, and the wait for idleness


@pytest.mark.parametrize(
    ("blocks", "reason"),
    [
        (Blocks(suspended="a hole in its bars"), "block:suspended"),
        (Blocks(open=frozenset(name.value for name in StrategyId)), "block:open_signal"),
    ],
)
def test_blocks_hold_every_signal_and_say_why(blocks: Blocks, reason: str) -> None:
    free, held = play(one), play(one, blocks_of=lambda _symbol, _t: blocks)
    assert held.signals == []
    stopped = {(v.symbol, v.strategy) for e, _ in held.taken for v in e.refusals if v.reason == reason}
    assert {(signal.symbol, signal.strategy) for signal in free.signals} <= stopped


def test_what_was_computed_is_kept_until_the_bars_change() -> None:
    async def act(room: Room) -> None:
        await room.close()
        before = room.analyst.stats()
        snapshot = room.pipeline.snapshot("ETHUSDT", room.taken[0][1].t_ms)
        again = room.analyst.stats()
        assert (again.misses, again.hits > before.hits) == (before.misses, True)

        bar = bar_of(bundled("ETHUSDT"), BUSY - 3)
        room.panels.add("ETHUSDT", "15m", msgspec.structs.replace(bar, high=bar.high * 1.05, close=bar.close * 1.04))
        revised = room.pipeline.snapshot("ETHUSDT", snapshot.t_ms)
        assert room.analyst.stats().misses > again.misses
        assert revised.ind["15m"].atr[-1] > snapshot.ind["15m"].atr[-1]
        assert snapshot.bars["15m"].close[-4] == bar.close  # what was handed out stays what it was

    play(act)


def zoned(provider: str) -> StrategySettings:
    zones = ZoneParams(provider=provider)  # type: ignore[arg-type]
    return msgspec.structs.replace(SETTINGS, zones=zones)


def test_shadow_zones_change_nothing_and_are_compared_for_every_signal() -> None:
    plain, shadow = play(one, settings=zoned("v2")), play(one, settings=zoned("shadow"))
    assert plain.compared == []
    assert shadow.verdicts() == plain.verdicts()
    assert {signal.zone_arm for signal in shadow.signals} == {"v2"}
    told = {comparison.verdict.id: comparison for comparison in shadow.compared}
    assert {signal.id for signal in shadow.signals} <= set(told)
    for signal in shadow.signals:
        ours, theirs = told[signal.id].ours, told[signal.id].theirs
        assert (ours.arm, ours.would_signal, ours.stop) == ("v2", True, signal.stop)
        assert theirs.arm == "v3"
        assert theirs.would_signal or theirs.reason
    assert any(comparison.ours != comparison.theirs for comparison in shadow.compared)


def test_what_the_shadow_would_have_done_is_what_that_arm_does_when_it_decides() -> None:
    shadow, v3 = play(one, settings=zoned("shadow")), play(one, settings=zoned("v3"))
    assert {signal.zone_arm for signal in v3.signals} == {"v3"}
    acted = {signal.id: signal.stop for signal in v3.signals}
    for comparison in shadow.compared:
        if isinstance(comparison.verdict, Signal) and comparison.theirs.would_signal:
            assert acted.get(comparison.verdict.id) == comparison.theirs.stop
    assert any(isinstance(c.verdict, Signal) and c.theirs.would_signal for c in shadow.compared)


def test_split_gives_each_symbol_one_arm_and_says_which() -> None:
    room = play(one, settings=zoned("split"))
    close_ms = room.taken[0][1].t_ms
    arms = {symbol: room.pipeline.snapshot(symbol, close_ms).source.zones().origin for symbol in SYMBOLS}
    assert set(arms.values()) == {"v2", "v3"}
    assert room.compared == []
    assert all(signal.zone_arm == arms[signal.symbol] for signal in room.signals)


def test_a_strategy_can_be_given_a_builder_of_its_own() -> None:
    own = msgspec.structs.replace(SETTINGS.break_retest, zones="v3")
    mixed = play(one, settings=msgspec.structs.replace(SETTINGS, break_retest=own))
    v3 = play(one, settings=zoned("v3"))
    assert {s.zone_arm for s in mixed.signals if s.strategy == "break_retest"} == {"v3"}
    assert {(s.id, s.stop) for s in mixed.signals if s.strategy == "break_retest"} == {
        (s.id, s.stop) for s in v3.signals if s.strategy == "break_retest"
    }
    assert all(comparison.verdict.strategy != "break_retest" for comparison in mixed.compared)


def user(run: Callable[[Any], Any], symbols: frozenset[str] | None = None) -> UserStrategies:
    return UserStrategies([UserStrategy("mine", "15m", "mine.py", symbols, run)], InlineExecutor())


def test_a_users_strategy_that_fails_is_told_and_leaves_the_others_alone() -> None:
    def broken(_snapshot: Any) -> Any:
        raise KeyError("ema")

    room = play(one, users=user(broken, frozenset({"ETHUSDT", BTC})))
    assert {(name, symbol) for name, symbol, _ in room.failures} == {
        ("mine on BTCUSDT", BTC), ("mine on ETHUSDT", "ETHUSDT"),
    }  # fmt: skip
    assert all("KeyError" in text for _, _, text in room.failures)
    assert room.verdicts() == play(one).verdicts()


def test_a_users_signal_takes_part_in_conflicts_like_any_other() -> None:
    plain = play(one)
    rival = next(signal for signal in plain.signals if signal.strategy != "action_price")

    def against(snapshot: Any) -> Proposal:
        bars = snapshot.frame("15m")
        side, close = ("short" if rival.side > 0 else "long"), float(bars.close.iloc[-1])
        return Proposal(side, close + rival.side * rival.atr, rival.score)

    def along(snapshot: Any) -> Proposal:
        side, close = ("long" if rival.side > 0 else "short"), float(snapshot.frame("15m").close.iloc[-1])
        return Proposal(side, close - rival.side * rival.atr, rival.score - 0.5)

    torn = play(one, users=user(against, frozenset({rival.symbol})))
    assert [s for s in torn.signals if s.symbol == rival.symbol and s.strategy != "action_price"] == []
    reasons = {v.strategy: v.reason for e, _ in torn.taken for v in e.refusals if v.symbol == rival.symbol}
    assert (reasons["mine"], reasons[rival.strategy]) == ("block:opposite_side", "block:opposite_side")

    joined = play(one, users=user(along, frozenset({rival.symbol})))
    group = {s.strategy: s for s in joined.signals if s.symbol == rival.symbol and s.group_id}
    assert {"mine", rival.strategy} <= set(group)
    assert group[rival.strategy].confluence_count == 2
