"""The table of strategies: every variant fires on both sides, and nothing fires that its screen leaves out."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.action_price.params import ActionPriceParams
from strategies.evaluate import due, evaluate, evaluate_one
from strategies.indicators import indicators
from strategies.model import BookFlow, BtcContext, Filters, MarketSnapshot, Refusal, RegimeState, Signal, StrategyId
from strategies.regime import WEIGHTS, regime_series
from strategies.registry import STRATEGIES
from strategies.settings import StrategySettings
from strategies.zones.v2 import build_v2
from tests.support.analysis import regime, rescaled
from tests.support.goldens import GOLDENS, short
from tests.support.series import folded, seeds, walk

SETTINGS = StrategySettings()
CASES = [pytest.param(*key, id="-".join(key)) for key in GOLDENS]


def total(verdict: Signal | Refusal) -> float:
    return sum(part.points for part in (*verdict.components, *verdict.modifiers))


@pytest.mark.parametrize("side", [1, -1], ids=["long", "short"])
@pytest.mark.parametrize(("strategy", "variant"), CASES)
def test_every_variant_can_fire_on_each_side(strategy: StrategyId, variant: str, side: int) -> None:
    snap = GOLDENS[strategy, variant]()
    snap = snap if side > 0 else short(snap)
    verdicts = evaluate_one(strategy, snap, SETTINGS)
    found = [verdict for verdict in verdicts if isinstance(verdict, Signal)]
    assert [(signal.variant, signal.side) for signal in found] == [(variant, side)], verdicts
    signal = found[0]
    assert signal.family is STRATEGIES[strategy].families[variant]
    assert signal.score == pytest.approx(total(signal), abs=1e-9)
    assert side * (signal.ref_close - signal.stop) > 0
    tf = STRATEGIES[strategy].tf
    assert STRATEGIES[strategy].screen(snap.bars[tf], snap.ind[tf], SETTINGS)[-1]


@pytest.mark.parametrize(("strategy", "variant"), CASES)
def test_mirror_image_scores_the_same(strategy: StrategyId, variant: str) -> None:
    long = GOLDENS[strategy, variant]()
    ours = evaluate_one(strategy, long, SETTINGS)[0]
    theirs = evaluate_one(strategy, short(long), SETTINGS)[0]
    assert ours.score == pytest.approx(theirs.score)
    assert [c.state for c in ours.conditions] == [c.state for c in theirs.conditions]
    assert 200.0 - (theirs.stop or 0.0) == pytest.approx(ours.stop, abs=0.15)  # one bin of a profile


@pytest.mark.parametrize(("strategy", "variant"), CASES)
def test_the_unit_of_price_does_not_matter(strategy: StrategyId, variant: str) -> None:
    """The same market at a thousandth of the price: absolute tolerances would show here."""
    snap, unit = GOLDENS[strategy, variant](), 2.0**-10
    dear = evaluate_one(strategy, snap, SETTINGS)[0]
    cheap = evaluate_one(strategy, rescaled(snap, unit), SETTINGS)[0]
    assert isinstance(cheap, Signal)
    assert cheap.score == pytest.approx(dear.score)
    assert cheap.stop == pytest.approx((dear.stop or 0.0) * unit, rel=1e-9)


def test_the_table_names_every_variant_of_the_matrix() -> None:
    named = {(row.id, variant) for row in STRATEGIES.values() for variant in row.families}
    assert named - {(StrategyId.ACTION_PRICE, "immediate"), (StrategyId.ACTION_PRICE, "pullback")} == set(WEIGHTS)
    assert set(GOLDENS) == set(WEIGHTS)
    assert list(STRATEGIES) == sorted(STRATEGIES, key=lambda name: name.value)


@pytest.mark.parametrize(("strategy", "variant"), CASES)
def test_cells_left_empty_are_not_taken(strategy: StrategyId, variant: str) -> None:
    for state in RegimeState:
        snap = msgspec.structs.replace(GOLDENS[strategy, variant](), regime=regime(state, 1 if state == "TREND" else 0))
        signals = [v for v in evaluate_one(strategy, snap, SETTINGS) if isinstance(v, Signal) and v.variant == variant]
        assert not signals or state in WEIGHTS[strategy, variant]


@pytest.mark.parametrize(("strategy", "variant"), CASES)
def test_the_forming_bar_of_higher_frames_changes_nothing(strategy: StrategyId, variant: str) -> None:
    """A later 1h and 4h bar with absurd averages is not visible yet."""
    snap = GOLDENS[strategy, variant]()
    before = evaluate_one(strategy, snap, SETTINGS)
    bars, ind = dict(snap.bars), dict(snap.ind)
    for tf in ("1h", "4h"):
        if tf == STRATEGIES[strategy].tf:
            continue
        c = bars[tf]
        one = msgspec.structs.replace(c.slice(len(c) - 1, len(c)), open_time=c.open_time[-1:] + c.tf_ms)
        bars[tf] = type(c)(tf, *(np.concatenate((getattr(c, f), getattr(one, f))) for f in c.__struct_fields__[1:]))
        ind[tf] = type(ind[tf])(*(np.append(getattr(ind[tf], f), 1e6) for f in ind[tf].__struct_fields__))
    assert evaluate_one(strategy, msgspec.structs.replace(snap, bars=bars, ind=ind), SETTINGS) == before


class Market:
    """A whole walk with its higher frames, from which any close can be looked at."""

    def __init__(self, seed: int, n: int, step: float = 24.0) -> None:
        full = walk(seed, n, step=step)
        self.bars = {tf: full if tf == "15m" else folded(full, tf) for tf in ("15m", "1h", "4h")}
        self.ind = {tf: indicators(c) for tf, c in self.bars.items()}
        self.regimes = regime_series(self.bars["4h"], self.ind["4h"])
        self.undecided = (regime(RegimeState.RANGE), regime(RegimeState.TREND, 1), regime(RegimeState.TREND, -1))[
            seed % 3
        ]
        self.book = BookFlow((0.4,) * 20, 1.0)

    def at(self, t_ms: int, *, cut: bool = True) -> MarketSnapshot:
        """What was known at `t_ms`; with `cut` off the higher frames keep their later bars."""
        count = {tf: len(c.upto(t_ms)) for tf, c in self.bars.items()}
        keep = {tf: count[tf] if cut or tf == "15m" else len(c) for tf, c in self.bars.items()}
        bars = {tf: c.slice(0, keep[tf]) for tf, c in self.bars.items()}
        ind = {tf: i.slice(0, keep[tf]) for tf, i in self.ind.items()}
        state = self.regimes.at(count["4h"] - 1)
        if state.state is RegimeState.UNDECIDED:
            state = self.undecided
        return MarketSnapshot(
            "TESTUSDT", t_ms, bars, ind, state, _Built(bars["15m"], ind["15m"]), Filters(1 / 64),
            btc=BtcContext(change_pct=0.1), book=self.book, doi_pct=1.5,
        )  # fmt: skip


class _Built:
    def __init__(self, c: object, ind: object) -> None:
        self._c, self._ind = c, ind

    def zones(self) -> object:
        return build_v2("TESTUSDT", self._c, self._ind.atr)


LOOSE = msgspec.convert(
    {
        "judge": {"scoring": {"enter_threshold": -9.0}, "confirmation": {"least": 1}, "stops": {"max_pct_15m": 50.0}},
        "action_price": {"scalp_score": -20.0, "standard_score": 0.0, "room_r": 0.0},
        "liquidity_sweep": {"sweep_vr": 0.5, "max_depth_atr": 3.0},
        "break_retest": {"vr_other": 0.5, "adx_other": 1.0, "vr_trend": 0.5, "adx_trend": 1.0},
        "order_flow": {"vr": 0.3, "near_atr": 3.0}, "value_area": {"near_atr": 3.0, "accept_vr": 0.5},
        "atr_momentum": {"impulse_vr": 0.3, "impulse_mult": 0.7, "adx_min": 0.0, "runway_atr": 0.0},
        "pullback": {"vr": 0.3, "impulse_atr": 1.0, "fib_min": 0.0, "fib_max": 1.0, "adx_squeeze": 0.0},
    },
    StrategySettings,
)  # fmt: skip
"""Thresholds so low that a short walk has many candidates."""


@settings(max_examples=6, deadline=None)
@given(seed=seeds)
def test_nothing_is_said_about_a_bar_the_screen_leaves_out(seed: int) -> None:
    market = Market(seed, 3600)
    for name, row in STRATEGIES.items():
        c = market.bars[row.tf]
        mask = row.screen(c, market.ind[row.tf], LOOSE)
        for t in range(len(c) - (240 if row.tf == "15m" else 80), len(c)):
            verdicts = row.evaluate(market.at(int(c.open_time[t]) + c.tf_ms), LOOSE)
            assert mask[t] or not verdicts, (name, t, verdicts)
            for verdict in verdicts:
                assert total(verdict) == pytest.approx(verdict.score or 0.0, abs=1e-9)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_walks_of_these_tests_have_something_to_say(strategy: StrategyId) -> None:
    """Or the property above could not fail."""
    row = STRATEGIES[strategy]
    spoken = 0
    for seed in range(3):
        market = Market(seed, 3600)
        c = market.bars[row.tf]
        for t in range(len(c) - (400 if row.tf == "15m" else 120), len(c)):
            spoken += bool(row.evaluate(market.at(int(c.open_time[t]) + c.tf_ms), LOOSE))
    assert spoken >= 5


@settings(max_examples=10, deadline=None)
@given(seed=seeds, cut=st.integers(3200, 3550))
def test_later_bars_do_not_change_an_earlier_verdict(seed: int, cut: int) -> None:
    """Screens of a prefix are prefixes of screens, and verdicts read no higher bar that closed later."""
    market = Market(seed, 3600)
    for row in STRATEGIES.values():
        c, ind = market.bars[row.tf], market.ind[row.tf]
        n = cut if row.tf == "15m" else cut // 16
        whole = row.screen(c, ind, LOOSE)
        assert np.array_equal(row.screen(c.slice(0, n), ind.slice(0, n), LOOSE), whole[:n])
        fresh = indicators(c.slice(0, n))
        assert np.array_equal(row.screen(c.slice(0, n), fresh, LOOSE), whole[:n])
    t_ms = int(market.bars["15m"].open_time[cut]) + 900_000
    for name in (row.id for row in STRATEGIES.values() if row.tf == "15m"):
        cut_off = STRATEGIES[name].evaluate(market.at(t_ms), LOOSE)
        assert STRATEGIES[name].evaluate(market.at(t_ms, cut=False), LOOSE) == cut_off


def test_only_strategies_whose_bar_just_closed_are_due() -> None:
    market = Market(3, 400)
    c = market.bars["15m"]
    at_four = next(t for t in range(390, 300, -1) if (int(c.open_time[t]) + 900_000) % 14_400_000 == 0)
    now = int(c.open_time[at_four]) + 900_000
    assert StrategyId.PULLBACK in due(market.at(now), SETTINGS)
    assert StrategyId.PULLBACK not in due(market.at(now + 900_000), SETTINGS)
    late = msgspec.structs.replace(market.at(now), t_ms=now + 900_000)
    assert due(late, SETTINGS) == ()
    off = msgspec.structs.replace(SETTINGS, action_price=ActionPriceParams(enabled=False))
    assert StrategyId.ACTION_PRICE not in due(market.at(now), off)


def test_evaluate_merges_all_that_is_due_in_a_fixed_order() -> None:
    snap = GOLDENS[StrategyId.LIQUIDITY_SWEEP, "continuation"]()
    first, again = evaluate(snap, SETTINGS), evaluate(snap, SETTINGS)
    assert first == again
    assert [signal.strategy for signal in first.signals] == ["liquidity_sweep"]
    assert (first.symbol, first.t_ms) == (snap.symbol, snap.t_ms)
