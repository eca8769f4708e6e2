"""Predicates after the score: each computed filter is applied (7.3, 6.7, 9.8, 4.2)."""

from __future__ import annotations

import msgspec
import pytest

from strategies.evaluate import settle
from strategies.filters import (
    Blocks,
    Cooldown,
    FilterParams,
    cooldown_after_exit,
    cooldown_after_signal,
    held,
)
from strategies.model import BtcContext, Candles, Family, MarketSnapshot, Mode, Signal
from strategies.settings import StrategySettings
from tests.support.analysis import START_MS, candles, indicators, signal, snapshot

PARAMS = FilterParams()
BAR_MS = 900_000


def at_close(t_ms: int = START_MS, btc: BtcContext | None = None) -> MarketSnapshot:
    bars: Candles = candles([(1.0, 2.0, 0.5, 1.5)])
    return snapshot({"15m": bars}, {"15m": indicators(1)}, t_ms=t_ms, btc=btc)


def reason(found: Signal, snap: MarketSnapshot, blocks: Blocks = Blocks(), params: FilterParams = PARAMS) -> str | None:  # noqa: B008
    hold = held(found, snap, blocks, params)
    return None if hold is None else hold.reason


@pytest.mark.parametrize(("family", "held_back"), [(Family.MEAN_REVERSION, True), (Family.BREAKOUT, False)])
@pytest.mark.parametrize(("left_ms", "active"), [(1, True), (0, False), (-1, False)])
def test_violent_btc_stops_fades_on_every_symbol(family: Family, held_back: bool, left_ms: int, active: bool) -> None:
    snap = at_close(btc=BtcContext(reversion_blocked_until_ms=START_MS + left_ms))
    expected = "block:btc_reversion" if held_back and active else None
    assert reason(signal(family=family), snap) == expected


def test_open_signal_blocks_its_own_strategy_only() -> None:
    blocks = Blocks(open=frozenset({"break_retest"}))
    assert reason(signal("break_retest"), at_close(), blocks) == "block:open_signal"
    assert reason(signal("value_area"), at_close(), blocks) is None


@pytest.mark.parametrize(("bars", "held_back"), [(7, True), (8, False), (9, False)])
def test_action_price_rests_eight_bars_after_a_published_signal(bars: int, held_back: bool) -> None:
    first = signal("action_price", mode=Mode.STANDARD)
    blocks = Blocks(cooldowns=(cooldown_after_signal(first, 8),))
    later = msgspec.structs.replace(first, bar_time_ms=first.bar_time_ms + bars * BAR_MS)
    assert (reason(later, at_close(), blocks) == "block:cooldown") is held_back
    other_side = msgspec.structs.replace(later, side=-1)
    assert reason(other_side, at_close(), blocks) is None


@pytest.mark.parametrize(("stopped", "rest"), [(True, 8), (False, 4)])
def test_exits_rest_by_how_they_ended(stopped: bool, rest: int) -> None:
    found = cooldown_after_exit("break_retest", 1, "15m", START_MS, stopped=stopped)
    assert found.until_ms == START_MS + rest * BAR_MS


def test_suspension_stops_everything() -> None:
    assert reason(signal(), at_close(), Blocks(suspended="gap under repair")) == "block:suspended"


@pytest.mark.parametrize(
    ("minute", "allowed"),
    [(0, True), (119, True), (120, False), (420, True), (539, True), (540, False), (809, False), (810, True),
     (929, True), (930, False)],
)  # fmt: skip
def test_session_gate_holds_breakouts_outside_openings_when_it_is_on(minute: int, allowed: bool) -> None:
    snap = at_close(START_MS + minute * 60_000)
    on = FilterParams(session_gate=True)
    assert (reason(signal(family=Family.BREAKOUT), snap, params=on) is None) is allowed
    assert reason(signal(family=Family.RETEST), snap, params=on) is None
    assert reason(signal(family=Family.BREAKOUT), snap) is None


def test_thin_data_is_refused_only_where_asked() -> None:
    thin = signal(flags=("thin_data",))
    assert reason(thin, at_close()) is None
    assert reason(thin, at_close(), params=FilterParams(refuse_thin_data=True)) == "block:thin_data"


def test_held_signals_become_refusals_and_start_nothing() -> None:
    """A pattern that was never published must not mute the next one: nothing of it is remembered."""
    found = signal("action_price")
    blocks = Blocks(cooldowns=(Cooldown("action_price", 1, found.bar_time_ms + 1),))
    settings = StrategySettings()
    refused = settle([found], at_close(), settings, blocks)
    assert (refused.signals, [r.reason for r in refused.refusals]) == ((), ["block:cooldown"])
    assert settle([found], at_close(), settings).signals == (found,)


def test_action_price_does_not_compete_with_the_six() -> None:
    """Its score is on another scale: an opposite signal of the six neither drops it nor is dropped."""
    both = [signal("action_price", 1, score=8.0, mode=Mode.STANDARD), signal("break_retest", -1, score=4.0)]
    found = settle(both, at_close(), StrategySettings())
    assert [(s.strategy, s.side) for s in found.signals] == [("action_price", 1), ("break_retest", -1)]
    assert found.signals[0].score == 8.0
