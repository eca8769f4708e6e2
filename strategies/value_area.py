"""Volume profile (5.5): price leaves the value area and is rejected back into it, or accepted outside.

The edges are those of the profile that ended three bars ago, so that the bars under test do not move their own levels.
The point of control is where a rejection aims, not what forbids it.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from strategies.absent import at, ratio
from strategies.flow import book_supports, flow_flip, flow_flip_mask, flow_with, flow_with_mask
from strategies.measures import Measures
from strategies.model import F64, Candles, Family, Indicators, MarketSnapshot, Sign
from strategies.params import AtLeastOne, NotNegative, Positive, Switchable
from strategies.setup import Checks, Setup
from strategies.side import SIDES, favour, opposite
from strategies.value import Profiles, profile
from strategies.windows import trailing_median

TF: Final = "15m"


class ValueAreaParams(Switchable, frozen=True):
    """Distances in ATR, tolerance as a share of the edge, shifts as a share of the value area."""

    near_atr: NotNegative = 1.0
    hold_bars: AtLeastOne = 2
    hold_tolerance: NotNegative = 0.001
    accept_closes: AtLeastOne = 2
    accept_of: AtLeastOne = 3
    accept_atr: NotNegative = 0.25
    accept_vr: NotNegative = 1.5
    accept_vr_bars: AtLeastOne = 50
    poc_shift_min: NotNegative = 0.10
    doi_rejection_below: float = 2.0
    doi_acceptance_min: float = 1.0
    rejection_stop_atr: NotNegative = 0.25
    acceptance_stop_atr: NotNegative = 0.5
    rejection_base: Positive = 2.5
    acceptance_base: Positive = 2.0


def volume_ratio(candles: Candles, bars: int) -> F64:
    """Volume of each bar against the median of the `bars` before it; NaN where absent."""
    before = np.full(len(candles), np.nan)
    before[1:] = trailing_median(candles.volume, bars)[:-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(before > 0, candles.volume / before, np.nan)


def screen(candles: Candles, ind: Indicators, params: ValueAreaParams, measures: Measures) -> NDArray[np.bool_]:
    """Bars on which the takers flip to one side, or lean to it on volume."""
    flips = np.zeros(len(candles), dtype=np.bool_)
    leans = np.zeros(len(candles), dtype=np.bool_)
    for side in SIDES:
        flips |= flow_flip_mask(candles, side, measures.flow)
        leans |= flow_with_mask(candles, side, measures.flow)
    return flips | (leans & (volume_ratio(candles, params.accept_vr_bars) >= params.accept_vr))


def evaluate(snapshot: MarketSnapshot, params: ValueAreaParams, measures: Measures) -> tuple[Setup, ...]:
    """What happens at either edge of the value area on the newest bar."""
    candles, ind = snapshot.bars[TF], snapshot.ind[TF]
    t = len(candles) - 1
    atr = at(ind.atr, t)
    tail = candles.slice(max(0, t - params.accept_vr_bars - 1), t + 1)
    if atr is None or not screen(tail, ind.slice(len(candles) - len(tail), t + 1), params, measures)[-1]:
        return ()
    tick, reach = snapshot.filters.tick, params.near_atr * atr
    before = profile(candles, len(candles) - measures.profile.ref_bars, tick, measures.profile)
    if before is None:
        return ()
    edges = ((SIDES[0], before.vah), (SIDES[1], before.val))
    near = [(sigma, edge) for sigma, edge in edges if abs(float(candles.close[t]) - edge) <= reach]
    if not near:
        return ()
    traded = Profiles(profile(candles, len(candles), tick, measures.profile), before)
    found: list[Setup] = []
    for sigma, edge in near:
        beyond = sigma * (candles.close[-max(params.accept_of, params.hold_bars + 1) :] - edge)
        if _returned(beyond, edge, params):
            found.append(_rejection(snapshot, sigma, edge, traded, atr, params, measures))
        elif _left(beyond, atr, params):
            found.append(_acceptance(snapshot, sigma, edge, traded, atr, params, measures))
    return tuple(found)


def _returned(beyond: F64, edge: float, params: ValueAreaParams) -> bool:
    """Outside, then held inside, give or take a tolerance."""
    hold = params.hold_bars
    inside = beyond[-hold:] <= params.hold_tolerance * edge
    return len(beyond) > hold and bool(beyond[-hold - 1] > 0) and bool(inside.all())


def _left(beyond: F64, atr: float, params: ValueAreaParams) -> bool:
    """Enough closes outside, or one far outside; the newest among them."""
    enough = int((beyond[-params.accept_of :] > 0).sum()) >= params.accept_closes
    return bool(beyond[-1] > 0) and (enough or bool(beyond[-1] >= params.accept_atr * atr))


def _rejection(
    snapshot: MarketSnapshot, sigma: Sign, edge: float, traded: Profiles, atr: float, params: ValueAreaParams,
    measures: Measures,
) -> Setup:  # fmt: skip
    candles, side = snapshot.bars[TF], opposite(sigma)
    t, shift, poc = len(candles) - 1, traded.poc_shift, traded.ref.poc if traded.ref else None
    checks = Checks()
    checks.require("flow", flow_flip(candles, side, t, measures.flow), "taker flow flips to the trade")
    opposed = book_supports(snapshot.book, sigma, params=measures.flow)
    checks.unless("book", None if opposed is None else float(opposed), opposed is True, "not against the trade")
    doi, limit = snapshot.doi_pct, params.doi_rejection_below
    checks.unless("doi", doi, doi is not None and doi >= limit, f"< {limit:g} %")
    steady = shift is not None and abs(shift) < params.poc_shift_min
    checks.need("poc_shift", shift, steady, f"within +-{params.poc_shift_min:g}")
    extreme = _excursion(candles, sigma, edge, params)
    return Setup(
        variant="rejection", family=Family.MEAN_REVERSION, side=side, reason=checks.reason, detail=checks.detail,
        conditions=checks.asked, base=params.rejection_base, atr=atr,
        structural=extreme - side * params.rejection_stop_atr * atr, tp2_price=poc, room_to=poc,
        volume_vr=at(snapshot.ind[TF].vr, t),
        evidence={"edge": edge, "poc": poc, "poc_shift": shift, "extreme": extreme},
    )  # fmt: skip


def _acceptance(
    snapshot: MarketSnapshot, sigma: Sign, edge: float, traded: Profiles, atr: float, params: ValueAreaParams,
    measures: Measures,
) -> Setup:  # fmt: skip
    candles = snapshot.bars[TF]
    t, shift = len(candles) - 1, traded.poc_shift
    checks = Checks()
    tail = candles.volume[-params.accept_vr_bars - 1 : -1]
    known = len(tail) == params.accept_vr_bars
    vr = ratio(float(candles.volume[t]), float(np.median(tail))) if known else None
    checks.need("volume", vr, vr is not None and vr >= params.accept_vr, f">= {params.accept_vr:g} of 50 bars")
    checks.require("flow", flow_with(candles, sigma, t, measures.flow), "taker flow with the trade")
    doi, least = snapshot.doi_pct, params.doi_acceptance_min
    checks.need("doi", doi, doi is not None and doi >= least, f">= {least:g} %")
    moved = None if shift is None else sigma * shift
    checks.need("poc_shift", moved, moved is not None and moved >= params.poc_shift_min, f">= {params.poc_shift_min:g}")
    return Setup(
        variant="acceptance", family=Family.BREAKOUT, side=sigma, reason=checks.reason, detail=checks.detail,
        conditions=checks.asked, base=params.acceptance_base, atr=atr,
        structural=edge - sigma * params.acceptance_stop_atr * atr, volume_vr=at(snapshot.ind[TF].vr, t),
        evidence={"edge": edge, "poc": traded.ref.poc if traded.ref else None, "poc_shift": shift, "vr50": vr},
    )  # fmt: skip


def _excursion(candles: Candles, sigma: Sign, edge: float, params: ValueAreaParams) -> float:
    """The furthest price since the closes left the area, up to the newest bar."""
    last = len(candles) - 1
    start = last - params.hold_bars
    while start > 0 and sigma * (float(candles.close[start - 1]) - edge) > 0:
        start -= 1
    return sigma * float((sigma * favour(candles, sigma)[start:]).max())
