"""Parameters of the multi-timeframe zones with the defaults of section 8.3 of the rules."""

from __future__ import annotations

from typing import Final

from strategies.params import AtLeastOne, NotNegative, Params, Positive, Share

SENIOR_FIRST: Final = ("1d", "4h", "1h", "15m")


class FrameParams(Params, frozen=True):
    """One timeframe: spans in its bars, widths and spacing in its ATR, ages in days."""

    lookback: AtLeastOne
    pivot_k: AtLeastOne
    width_min_atr: Positive
    width_max_atr: Positive
    reaction_bars: AtLeastOne
    visit_gap: AtLeastOne
    fresh_days: Positive
    expiry_days: Positive
    stale_bars: AtLeastOne
    multiplier: Positive
    cap: AtLeastOne
    spacing_atr: NotNegative


class FlipParams(Params, frozen=True):
    """When a zone changes sides; distances in ATR, spans in bars."""

    break_atr: Positive = 0.3
    confirm_closes: AtLeastOne = 2
    retest_bars: AtLeastOne = 12
    retest_atr: NotNegative = 0.25
    follow_atr: Positive = 0.4
    follow_bars: AtLeastOne = 4
    multiplier: Share = 0.6


class WeightParams(Params, frozen=True):
    """Weights of the strength terms; the four positive ones are scaled to a perfect 100."""

    touches: NotNegative = 22.0
    reactions: NotNegative = 32.0
    freshness: NotNegative = 16.0
    confluence: NotNegative = 24.0
    noise: NotNegative = 14.0
    stale: NotNegative = 15.0


class ProminenceParams(Params, frozen=True):
    """An optional check that swings are denser inside a zone than beside it; bandwidths in ATR per timeframe."""

    enabled: bool = False
    bandwidth_1d: Positive = 0.30
    bandwidth_4h: Positive = 0.25
    bandwidth_1h: Positive = 0.20
    bandwidth_15m: Positive = 0.15
    least: Share = 0.25
    least_points: AtLeastOne = 6
    least_prices: AtLeastOne = 3


class V3Params(Params, frozen=True):
    """The whole pipeline."""

    frame_1d: FrameParams = FrameParams(
        lookback=200, pivot_k=4, width_min_atr=0.8, width_max_atr=1.6, reaction_bars=5, visit_gap=1, fresh_days=40.0,
        expiry_days=60.0, stale_bars=90, multiplier=1.2, cap=10, spacing_atr=0.7,
    )  # fmt: skip
    frame_4h: FrameParams = FrameParams(
        lookback=700, pivot_k=3, width_min_atr=0.6, width_max_atr=1.2, reaction_bars=6, visit_gap=2, fresh_days=25.0,
        expiry_days=30.0, stale_bars=150, multiplier=1.1, cap=12, spacing_atr=0.6,
    )  # fmt: skip
    frame_1h: FrameParams = FrameParams(
        lookback=1000, pivot_k=3, width_min_atr=0.5, width_max_atr=1.0, reaction_bars=8, visit_gap=3, fresh_days=15.0,
        expiry_days=15.0, stale_bars=200, multiplier=1.0, cap=15, spacing_atr=0.5,
    )  # fmt: skip
    frame_15m: FrameParams = FrameParams(
        lookback=2000, pivot_k=2, width_min_atr=0.35, width_max_atr=0.7, reaction_bars=12, visit_gap=4, fresh_days=7.0,
        expiry_days=5.0, stale_bars=200, multiplier=0.95, cap=15, spacing_atr=0.4,
    )  # fmt: skip
    flip: FlipParams = FlipParams()
    weights: WeightParams = WeightParams()
    prominence: ProminenceParams = ProminenceParams()
    least_bars: AtLeastOne = 50
    outlier_z: Positive = 3.0
    cluster_eps_atr: Positive = 0.6
    cluster_least: AtLeastOne = 2
    width_min_share: NotNegative = 0.001
    split_factor: Positive = 1.5
    purity_min: Share = 0.65
    purity_keep: Share = 0.60
    shrink_quantile: Share = 0.15
    shrink_least: AtLeastOne = 3
    reaction_min_atr: Positive = 0.7
    merge_overlap: Share = 0.40
    merge_bonus: NotNegative = 5.0
    same_overlap: Share = 0.5
    active_touches: AtLeastOne = 2
    active_strength: NotNegative = 50.0
    key_touches: AtLeastOne = 3
    key: NotNegative = 80.0
    strong: NotNegative = 60.0
    normal: NotNegative = 40.0
    per_bucket: AtLeastOne = 2

    def frame(self, tf: str) -> FrameParams:
        """Parameters of one timeframe."""
        frame: FrameParams = getattr(self, f"frame_{tf}")
        return frame


DEFAULTS: Final = V3Params()
