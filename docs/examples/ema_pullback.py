"""A strategy of your own in twenty lines: buy the dip to EMA20 in an uptrend, sell the rally to it in a downtrend."""

from __future__ import annotations

from engine.user import Condition, Proposal, Snapshot

NAME = "ema_pullback"
TIMEFRAME = "15m"
PARAMS = {"fast": 20, "slow": 100, "stop_atr": 0.5}


def evaluate(snapshot: Snapshot) -> Proposal | None:
    if snapshot.trend == 0:
        return None
    bars = snapshot.frame("15m")
    if len(bars) < 250:
        return None
    bars["fast"], bars["slow"] = bars.ta.ema(length=PARAMS["fast"]), bars.ta.ema(length=PARAMS["slow"])
    bars["atr"], bars["rsi"] = bars.ta.atr(length=14), bars.ta.rsi(length=14)
    last, side = bars.iloc[-1], snapshot.trend
    dip = last.low if side > 0 else last.high
    if side * (last.fast - last.slow) <= 0 or side * (dip - last.fast) > 0 or side * (last.close - last.fast) <= 0:
        return None
    turned = side * (last.close - last.open) > 0
    rested = 40 <= last.rsi <= 60
    return Proposal(
        side="long" if side > 0 else "short",
        stop=float(dip - side * PARAMS["stop_atr"] * last["atr"]),
        score=3.0 + abs(float(last.fast - last.slow) / float(last["atr"])) / 4,
        conditions=(
            Condition("turned", bool(turned), need="a bar in the trade's colour"),
            Condition("rsi", bool(rested), float(last.rsi), "40 to 60"),
        ),
        kind="pullback",
    )
