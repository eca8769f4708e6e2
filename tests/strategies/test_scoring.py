"""Sections 7.1 and 7.2: weights, modifiers by family, the cap, and what absence does."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies.model import Family
from strategies.scoring import Facts, Scored, ScoringParams, score

PARAMS = ScoringParams()
FULL = Facts(
    vr=1.9, flow=True, flow_ratio=0.1, doi_pct=0.0, book=True, adx=35.0, trend_with=True, rsi=50.0,
    divergence_15m=True, divergence_1h=False, late_trend=True, funding_z=0.0, btc_change_pct=-0.47, atr_multiple=1.0,
)  # fmt: skip


def points(scored: Scored) -> dict[str, float]:
    return {modifier.name: modifier.points for modifier in scored.modifiers}


def of(
    facts: Facts, family: Family = Family.RETEST, *, base: float = 2.5, weight: float = 1.0, side: int = 1
) -> Scored:
    return score(base, weight, family, side, facts, PARAMS)


def test_printed_example_of_break_and_retest() -> None:
    """Base 2.5 x 1.5, bonuses 4.3 capped at 4, BTC -2, late -1 (a family that asks for it) => 4.75."""
    found = of(FULL, Family.BREAKOUT, weight=1.5)
    assert found.score == 4.75
    assert points(found) == {
        "volume": 1, "flow": 1, "open_interest": 0, "book": 1, "adx": 1, "cvd_divergence": 0.3, "late_trend": -1,
        "funding_crowded": 0, "btc_filter": -2, "volatility": 0, "cap": pytest.approx(-0.3),
    }  # fmt: skip
    without_btc = msgspec.structs.replace(FULL, btc_change_pct=0.2)
    assert of(without_btc, Family.BREAKOUT, weight=1.5).score == 6.75


def test_retest_is_not_blamed_for_a_late_trend() -> None:
    assert "late_trend" not in points(of(FULL, Family.RETEST))


def test_weight_alone_clears_the_bar_but_nothing_speaks_for_it() -> None:
    found = of(Facts(), weight=1.5)
    assert (found.score, found.evidenced, found.thin) == (3.75, False, True)
    assert all(modifier.input is None and modifier.points == 0 for modifier in found.modifiers)


@pytest.mark.parametrize(
    ("family", "doi", "small", "expected"),
    [
        (Family.BREAKOUT, 0.99, False, 0), (Family.BREAKOUT, 1.0, False, 1), (Family.BREAKOUT, 3.0, False, 1),
        (Family.BREAKOUT, 3.01, False, 0), (Family.BREAKOUT, 0.5, True, 1), (Family.BREAKOUT, 0.5, False, 0),
        (Family.BREAKOUT, -1.0, False, 0), (Family.MEAN_REVERSION, 0.0, False, 1),
        (Family.MEAN_REVERSION, 0.1, False, 0), (Family.MEAN_REVERSION, -2.0, True, 1),
    ],
)  # fmt: skip
def test_open_interest_by_family(family: Family, doi: float, small: bool, expected: float) -> None:
    """The same growth speaks for both sides of a family; a fade wants positions closed."""
    facts = Facts(doi_pct=doi, small=small)
    for side in (1, -1):
        assert points(of(facts, family, side=side))["open_interest"] == expected


@pytest.mark.parametrize(
    ("rsi", "side", "expected"), [(29.9, 1, 0.5), (30.0, 1, 0), (70.1, -1, 0.5), (70.0, -1, 0), (29.9, -1, 0)]
)
def test_rsi_extreme_is_for_fades_only(rsi: float, side: int, expected: float) -> None:
    assert points(of(Facts(rsi=rsi), Family.MEAN_REVERSION, side=side))["rsi_extreme"] == expected
    assert "rsi_extreme" not in points(of(Facts(rsi=rsi), Family.BREAKOUT, side=side))


@pytest.mark.parametrize(
    ("short", "long", "expected", "seen"),
    [(True, False, 0.3, 1), (False, True, 0.5, 1), (True, True, 0.8, 2), (False, False, 0, 0), (None, True, 0.5, 1),
     (None, None, 0, None)],
)  # fmt: skip
def test_divergence_by_frame(short: bool | None, long: bool | None, expected: float, seen: float | None) -> None:
    found = next(m for m in of(Facts(divergence_15m=short, divergence_1h=long)).modifiers if m.name == "cvd_divergence")
    assert (found.points, found.input) == (expected, seen)


@pytest.mark.parametrize(
    ("facts", "name", "expected"),
    [
        (Facts(adx=30.1, trend_with=True), "adx", 1), (Facts(adx=30.0, trend_with=True), "adx", 0),
        (Facts(adx=50.0, trend_with=False), "adx", 0), (Facts(funding_z=2.51), "funding_crowded", -1),
        (Facts(funding_z=2.5), "funding_crowded", 0), (Facts(btc_change_pct=-0.30), "btc_filter", -2),
        (Facts(btc_change_pct=-0.29), "btc_filter", 0), (Facts(btc_change_pct=0.47), "btc_filter", 0),
        (Facts(atr_multiple=2.01), "volatility", -0.5), (Facts(atr_multiple=2.0), "volatility", 0),
        (Facts(vr=1.5), "volume", 1), (Facts(vr=1.49), "volume", 0), (Facts(book=False), "book", 0),
        (Facts(flow=False, flow_ratio=-0.2), "flow", 0),
    ],
)  # fmt: skip
def test_single_modifiers(facts: Facts, name: str, expected: float) -> None:
    assert points(of(facts))[name] == expected


def test_btc_is_not_held_against_itself() -> None:
    assert "btc_filter" not in points(of(Facts(btc_exempt=True, btc_change_pct=-3.0)))


@pytest.mark.parametrize(
    ("facts", "thin"),
    [
        (Facts(vr=1.0, flow=True, flow_ratio=0.1, btc_change_pct=0.0), False),
        (Facts(vr=1.0, btc_change_pct=0.0), True),
        (Facts(vr=1.0, flow=False, flow_ratio=0.0, doi_pct=1.0, book=True), True),  # BTC absent
        (Facts(vr=1.0, flow=False, flow_ratio=0.0, btc_exempt=True), False),
    ],
)
def test_thin_when_most_evidence_or_btc_is_absent(facts: Facts, thin: bool) -> None:
    assert of(facts).thin is thin


numbers = st.none() | st.floats(-5, 5, allow_nan=False)
answers = st.none() | st.booleans()


@given(
    facts=st.builds(
        Facts, vr=numbers, flow=answers, flow_ratio=numbers, doi_pct=numbers, small=st.booleans(), book=answers,
        adx=st.none() | st.floats(0, 80), trend_with=st.booleans(), rsi=st.none() | st.floats(0, 100),
        divergence_15m=answers, divergence_1h=answers, late_trend=answers, funding_z=numbers, btc_change_pct=numbers,
        btc_exempt=st.booleans(), atr_multiple=numbers,
    ),
    base=st.floats(0.5, 5), weight=st.sampled_from([0.8, 0.9, 1.0, 1.2, 1.3, 1.5]), family=st.sampled_from(Family),
)  # fmt: skip
def test_printed_points_add_up_to_the_score_and_absence_never_counts(
    facts: Facts, base: float, weight: float, family: Family
) -> None:
    found = of(facts, family, base=base, weight=weight)
    assert found.score == pytest.approx(sum(p.points for p in (*found.components, *found.modifiers)), abs=1e-9)
    assert [component.name for component in found.components] == ["base"]
    for modifier in found.modifiers:
        assert modifier.input is not None or modifier.points == 0
    bonuses = sum(m.points for m in found.modifiers if m.points > 0)
    cap = next((m.points for m in found.modifiers if m.name == "cap"), 0.0)
    assert bonuses + cap <= 4.0 + 1e-9
