"""Order flow (5.3): at an edge of the value area, book, takers and open interest agree, and price confirms.

Without a live book it is silent; it does not degrade into something weaker.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from strategies.absent import at
from strategies.bars import hour_factor_at, volume_ok
from strategies.flow import book_supports, delta_ratio, delta_ratio_at, imbalance_at
from strategies.measures import Measures
from strategies.model import Candles, Family, Indicators, MarketSnapshot, Sign
from strategies.params import NotNegative, Positive, Switchable
from strategies.setup import Checks, Setup
from strategies.side import adverse
from strategies.value import Profile, profile

TF: Final = "15m"
SUPPORTIVE: Final = {1: ("VAL", "POC"), -1: ("VAH", "POC")}
ACCEPTED: Final = {1: "VAH", -1: "VAL"}


class OrderFlowParams(Switchable, frozen=True):
    """Distances in ATR, imbalance and delta as shares; the strict profile is di_min 0.60 and doi_min 5."""

    near_atr: NotNegative = 0.3
    vr: NotNegative = 1.5
    di_min: NotNegative = 0.25
    dr3_min: NotNegative = 0.10
    doi_min: float = 1.0
    level_stop_atr: NotNegative = 0.5
    bar_stop_atr: NotNegative = 0.25
    base: Positive = 2.5


def screen(candles: Candles, ind: Indicators, params: OrderFlowParams, measures: Measures) -> NDArray[np.bool_]:
    """Loud bars on which the takers of the last three lean clearly to one side."""
    leaning = np.abs(delta_ratio(candles, 3)) >= params.dr3_min
    return leaning & volume_ok(ind.vr, candles.open_time, params.vr)


def evaluate(snapshot: MarketSnapshot, params: OrderFlowParams, measures: Measures) -> tuple[Setup, ...]:
    """One setup for the side the takers lean to, with every condition that holds or does not."""
    candles, ind = snapshot.bars[TF], snapshot.ind[TF]
    t = len(candles) - 1
    vr, leaning, atr = at(ind.vr, t), delta_ratio_at(candles, 3, t), at(ind.atr, t)
    need = params.vr * hour_factor_at(int(candles.open_time[t]))
    if vr is None or leaning is None or atr is None or vr < need or abs(leaning) < params.dr3_min:
        return ()
    side: Sign = 1 if leaning > 0 else -1
    checks = Checks()
    checks.need("volume", vr, True, f">= {need:g}")
    checks.need("delta", side * leaning, True, f">= {params.dr3_min:g}")
    book = book_supports(snapshot.book, side, params.di_min, measures.flow)
    imbalance = imbalance_at(snapshot.book, measures.flow)
    shown = None if book is None or imbalance is None else side * imbalance
    checks.need("book", shown, book is True, f">= {params.di_min:g} and steady")
    doi = snapshot.doi_pct
    checks.need("doi", doi, doi is not None and doi >= params.doi_min, f">= {params.doi_min:g} %")
    known = book is not None  # without a live book it is silent, and a profile would be built for nothing
    traded = profile(candles, len(candles), snapshot.filters.tick, measures.profile) if known else None
    name, level = _nearest(traded, float(candles.close[t]))
    away = None if level is None else abs(float(candles.close[t]) - level) / atr
    checks.need("near", away, away is not None and away <= params.near_atr, f"<= {params.near_atr:g} ATR")
    variant = None if level is None else _confirmed(candles, side, name, level)
    checks.require("price", None if level is None else variant is not None, "a reclaim or an acceptance of the level")
    accepts = variant == "acceptance"
    return (
        Setup(
            variant=variant or "reclaim", family=Family.BREAKOUT if accepts else Family.MEAN_REVERSION, side=side,
            reason=checks.reason, detail=checks.detail, conditions=checks.asked, base=params.base, atr=atr,
            structural=None if level is None else _stop(candles, side, level, atr, params), volume_vr=vr,
            evidence={"level": level, "level_name": name, "delta3": side * leaning, "imbalance": shown, "doi_pct": doi},
        ),
    )  # fmt: skip


def _nearest(traded: Profile | None, close: float) -> tuple[str, float | None]:
    if traded is None:
        return "", None
    levels = (("VAL", traded.val), ("POC", traded.poc), ("VAH", traded.vah))
    return min(levels, key=lambda level: abs(close - level[1]))


def _confirmed(candles: Candles, side: Sign, name: str, level: float) -> str | None:
    """A dip behind a supportive level that closes beyond it, or two closes beyond the outer edge."""
    closes = side * (candles.close[-2:] - level)
    dipped = side * (float(adverse(candles, side)[-1]) - level) < 0
    if name in SUPPORTIVE[side] and dipped and closes[-1] > 0:
        return "reclaim"
    return "acceptance" if name == ACCEPTED[side] and len(closes) == 2 and bool((closes > 0).all()) else None


def _stop(candles: Candles, side: Sign, level: float, atr: float, params: OrderFlowParams) -> float:
    extreme = float(adverse(candles, side)[-1])
    return side * min(side * level - params.level_stop_atr * atr, side * extreme - params.bar_stop_atr * atr)
