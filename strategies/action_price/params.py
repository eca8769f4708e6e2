"""Parameters of Action Price with the defaults of section 6 of the rules."""

from __future__ import annotations

from typing import Literal

from strategies.params import AtLeastOne, Count, NotNegative, Params, Positive, Switchable


class ComponentWeights(Params, frozen=True):
    """A factor for each component's points; 1.0 is the printed rule, 0 switches a component off."""

    initiator_size: NotNegative = 1.0
    confirm_depth: NotNegative = 1.0
    close_position: NotNegative = 1.0
    slope200: NotNegative = 1.0
    ema_fan: NotNegative = 1.0
    gap_to_atr: NotNegative = 1.0
    ema200_stickiness: NotNegative = 1.0
    confirm_color: NotNegative = 1.0
    break_and_base: NotNegative = 1.0
    retest_tag: NotNegative = 1.0
    initiator_wick: NotNegative = 1.0


class ActionPriceParams(Switchable, frozen=True):
    """Pattern, score, entry plan, levels and gates of the EMA200 body cross."""

    confirm_buffer_atr: NotNegative = 0.0
    depth_mode: Literal["proximity", "legacy"] = "proximity"
    weights: ComponentWeights = ComponentWeights()
    standard_score: float = 6.0
    scalp_score: float = 3.0
    # entry plan
    wait_from_atr: Positive = 1.0
    skip_from_atr: Positive = 2.0
    wait_bars: Count = 8
    wait_touch_atr: NotNegative = 0.5
    # levels
    stop_pad_atr: NotNegative = 0.1
    tp1_r: Positive = 1.0
    tp2_standard_r: Positive = 2.0
    tp2_scalp_r: Positive = 1.5
    max_stop_atr: Positive = 3.0
    max_sl_percent: Positive = 10.0
    max_deviation: Positive = 0.25  # of |reference close - stop|
    # gates; 0 switches a number off
    chop_adx: NotNegative = 14.0
    chop_atr_rank: NotNegative = 30.0
    chop_bb_rank: NotNegative = 30.0
    room_r: NotNegative = 1.2
    btc_against_pct: NotNegative = 0.3
    weak_vr: NotNegative = 0.8
    ok_vr: NotNegative = 1.2
    strong_vr: NotNegative = 1.8
    cooldown_bars: AtLeastOne = 8
