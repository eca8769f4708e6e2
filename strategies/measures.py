"""Parameters of the shared measures, and the facts of one setup that scoring and confirmation look at."""

from __future__ import annotations

import numpy as np

from strategies.absent import at, ratio
from strategies.btc import BtcParams
from strategies.divergence import DivergenceParams, divergence
from strategies.flow import FlowParams, book_supports, delta_ratio_at, flow_flip, flow_with
from strategies.model import Family, MarketSnapshot, RegimeState, Sign
from strategies.params import Params
from strategies.regime import RegimeParams, late_trend
from strategies.scoring import Facts, ScoringParams
from strategies.setup import Setup
from strategies.value import ProfileParams

BTC_SYMBOL = "BTCUSDT"
MEDIAN_ATR_BARS = 100


class Measures(Params, frozen=True):
    """How the things are measured that several rules read."""

    flow: FlowParams = FlowParams()
    profile: ProfileParams = ProfileParams()
    divergence: DivergenceParams = DivergenceParams()
    regime: RegimeParams = RegimeParams()
    btc: BtcParams = BtcParams()


def facts_of(snapshot: MarketSnapshot, setup: Setup, tf: str, measures: Measures, scoring: ScoringParams) -> Facts:
    """What the modifiers of a setup look at, in the direction of its trade; nothing later than the snapshot."""
    candles, ind, s = snapshot.bars[tf], snapshot.ind[tf], setup.side
    t, flow = len(candles) - 1, measures.flow
    reverts = setup.family is Family.MEAN_REVERSION
    turned = flow_flip(candles, s, t, flow) if reverts else flow_with(candles, s, t, flow)
    leaning = delta_ratio_at(candles, flow.flip_bars if reverts else flow.with_bars, t)
    btc = snapshot.btc.change_pct if snapshot.btc is not None else None
    return Facts(
        vr=setup.volume_vr,
        flow=turned,
        flow_ratio=None if leaning is None else s * leaning,
        doi_pct=snapshot.doi_pct,
        small=snapshot.quote_rank is not None and snapshot.quote_rank >= scoring.small_from_rank,
        book=book_supports(snapshot.book, s, params=flow),
        adx=snapshot.regime.adx,
        trend_with=snapshot.regime.state is RegimeState.TREND and snapshot.regime.direction == s,
        rsi=at(ind.rsi, t),
        divergence_15m=_diverges(snapshot, "15m", s, measures.divergence),
        divergence_1h=_diverges(snapshot, "1h", s, measures.divergence),
        late_trend=_late(snapshot, s, measures.regime),
        funding_z=None if snapshot.funding_z is None else s * snapshot.funding_z,
        btc_change_pct=None if btc is None else s * btc,
        btc_exempt=snapshot.symbol == BTC_SYMBOL,
        atr_multiple=_atr_multiple(snapshot, tf),
    )


def _diverges(snapshot: MarketSnapshot, tf: str, side: Sign, params: DivergenceParams) -> bool | None:
    candles = snapshot.bars.get(tf)
    return None if candles is None else divergence(candles.upto(snapshot.t_ms), side, params).found


def _late(snapshot: MarketSnapshot, side: Sign, params: RegimeParams) -> bool | None:
    candles, ind = snapshot.bars.get("4h"), snapshot.ind.get("4h")
    if candles is None or ind is None:
        return None
    return late_trend(candles, ind, len(candles.upto(snapshot.t_ms)) - 1, side, params)


def _atr_multiple(snapshot: MarketSnapshot, tf: str) -> float | None:
    atr = snapshot.ind[tf].atr[-MEDIAN_ATR_BARS:]
    if len(atr) < MEDIAN_ATR_BARS or not np.isfinite(atr).all():
        return None
    return ratio(float(atr[-1]), float(np.median(atr)))
