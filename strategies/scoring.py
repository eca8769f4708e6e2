"""The score of the six strategies (7.1, 7.2): base times regime weight, capped bonuses, uncapped penalties.

`components` and `modifiers` are the score: their points add up to it, and what the cap takes away is a modifier of its
own. Absent inputs earn nothing, cost nothing and are listed.
"""

from __future__ import annotations

from typing import Final

import msgspec

from strategies.model import ComponentScore, Family
from strategies.params import NotNegative, Params, Positive

TRADED_EVIDENCE: Final = ("volume", "flow", "open_interest", "book")
DIGITS: Final = 4


class ScoringParams(Params, frozen=True):
    """Points and thresholds of the modifiers."""

    enter_threshold: float = 3.0
    positive_cap: Positive = 4.0
    volume_vr: Positive = 1.5
    doi_min: float = 1.0
    doi_min_small: float = 0.5
    small_from_rank: Positive = 21.0
    doi_max: float = 3.0
    adx_strong: Positive = 30.0
    rsi_low: Positive = 30.0
    rsi_high: Positive = 70.0
    funding_z: Positive = 2.5
    btc_against_pct: NotNegative = 0.3
    btc_penalty: NotNegative = 2.0
    late_trend_penalty: NotNegative = 1.0
    funding_penalty: NotNegative = 1.0
    volatility_penalty: NotNegative = 0.5
    volatility_multiple: Positive = 2.0
    confluence_bonus: NotNegative = 0.5
    confluence_cap: NotNegative = 1.0
    confluence_pct: Positive = 0.3
    lead_margin: NotNegative = 1.0


class Facts(msgspec.Struct, frozen=True):
    """What the modifiers look at, already in the direction of the trade; None is absent."""

    vr: float | None = None  # volume ratio of the bar that matters to the setup
    flow: bool | None = None  # flow with the trade, or its flip for mean reversion
    flow_ratio: float | None = None
    doi_pct: float | None = None
    small: bool = False  # outside the top twenty by volume
    book: bool | None = None
    adx: float | None = None  # 4h
    trend_with: bool = False  # the regime trends in the trade direction
    rsi: float | None = None
    divergence_15m: bool | None = None
    divergence_1h: bool | None = None
    late_trend: bool | None = None
    funding_z: float | None = None  # positive: the trade joins the crowd
    btc_change_pct: float | None = None  # positive: with the trade
    btc_exempt: bool = False
    atr_multiple: float | None = None  # ATR against its median of 100 bars


class Scored(msgspec.Struct, frozen=True):
    """A score with its parts."""

    score: float
    components: tuple[ComponentScore, ...]
    modifiers: tuple[ComponentScore, ...]
    evidenced: bool  # at least one of volume, flow, open interest, book speaks for the trade
    thin: bool  # more than half of them, or BTC, are absent


def score(base: float, weight: float, family: Family, side: int, facts: Facts, params: ScoringParams) -> Scored:
    """Weigh a setup; `weight` is its cell of the regime matrix."""
    modifiers = [modifier for modifier in _modifiers(family, side, facts, params) if modifier is not None]
    positives = sum(modifier.points for modifier in modifiers if modifier.points > 0)
    over = positives - params.positive_cap
    if over > 0:
        modifiers.append(
            ComponentScore("cap", positives, -round(over, DIGITS), f"bonuses count {params.positive_cap:g} at most")
        )
    components = (ComponentScore("base", base, round(base * weight, DIGITS), f"{base:g} x regime {weight:g}"),)
    evidence = [modifier for modifier in modifiers if modifier.name in TRADED_EVIDENCE]
    return Scored(
        total(components, tuple(modifiers)),
        components,
        tuple(modifiers),
        any(modifier.points > 0 for modifier in evidence),
        _thin(facts, evidence),
    )


def total(components: tuple[ComponentScore, ...], modifiers: tuple[ComponentScore, ...]) -> float:
    """The printed score: the sum of the printed points."""
    return round(float(sum(part.points for part in (*components, *modifiers))), DIGITS)


def _modifiers(family: Family, side: int, facts: Facts, params: ScoringParams) -> list[ComponentScore | None]:
    reverts = family is Family.MEAN_REVERSION
    chases = family in (Family.BREAKOUT, Family.PULLBACK)
    low, high = params.doi_min_small if facts.small else params.doi_min, params.doi_max
    doi_holds = facts.doi_pct is not None and (facts.doi_pct <= 0 if reverts else low <= facts.doi_pct <= high)
    extreme = facts.rsi is not None and (facts.rsi < params.rsi_low if side > 0 else facts.rsi > params.rsi_high)
    return [
        _number("volume", facts.vr, facts.vr is not None and facts.vr >= params.volume_vr, 1.0),
        _number("flow", facts.flow_ratio, facts.flow is True, 1.0, absent=facts.flow is None),
        _number("open_interest", facts.doi_pct, doi_holds, 1.0),
        _answer("book", facts.book, 1.0),
        None if reverts else _number(
            "adx", facts.adx, facts.trend_with and facts.adx is not None and facts.adx > params.adx_strong, 1.0
        ),
        _number("rsi_extreme", facts.rsi, extreme, 0.5) if reverts else None,
        _divergence(facts),
        _answer("late_trend", facts.late_trend, -params.late_trend_penalty) if chases else None,
        _number("funding_crowded", facts.funding_z, facts.funding_z is not None and facts.funding_z > params.funding_z,
                -params.funding_penalty),
        None if facts.btc_exempt else _number(
            "btc_filter", facts.btc_change_pct, _against(facts.btc_change_pct, params), -params.btc_penalty
        ),
        _number("volatility", facts.atr_multiple,
                facts.atr_multiple is not None and facts.atr_multiple > params.volatility_multiple,
                -params.volatility_penalty),
    ]  # fmt: skip


def _against(change: float | None, params: ScoringParams) -> bool:
    return change is not None and change <= -params.btc_against_pct


def _number(name: str, value: float | None, holds: bool, points: float, *, absent: bool = False) -> ComponentScore:
    if absent or value is None:
        return ComponentScore(name, None, 0.0, "absent")
    return ComponentScore(name, value, points if holds else 0.0)


def _answer(name: str, holds: bool | None, points: float) -> ComponentScore:
    if holds is None:
        return ComponentScore(name, None, 0.0, "absent")
    return ComponentScore(name, float(holds), points if holds else 0.0)


def _divergence(facts: Facts) -> ComponentScore:
    short, long = facts.divergence_15m, facts.divergence_1h
    if short is None and long is None:
        return ComponentScore("cvd_divergence", None, 0.0, "absent")
    seen = (0.3 if short else 0.0) + (0.5 if long else 0.0)
    where = {0.0: "", 0.3: "15m", 0.5: "1h", 0.8: "15m and 1h"}[seen]
    return ComponentScore("cvd_divergence", float(bool(short)) + float(bool(long)), seen, where)


def _thin(facts: Facts, evidence: list[ComponentScore]) -> bool:
    absent = sum(modifier.input is None for modifier in evidence)
    return absent > len(TRADED_EVIDENCE) / 2 or (facts.btc_change_pct is None and not facts.btc_exempt)
