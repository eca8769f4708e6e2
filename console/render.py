"""Numbers as a trader reads them: ages, countdowns, results, bars, gauges, sparks. Pure text.

Results are rounded down and costs up, so that nothing is ever rounded in the trader's favour.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime

STRATEGY_SHORT = {
    "action_price": "AP",
    "liquidity_sweep": "SWP",
    "break_retest": "B&R",
    "order_flow": "FLW",
    "pullback": "PUL",
    "value_area": "VAL",
    "atr_momentum": "MOM",
}

UNKNOWN = "?"


def age(ms: float | None) -> str:
    """How old something is, with the precision that matters at that age."""
    if ms is None or not math.isfinite(ms):
        return UNKNOWN
    ms = max(ms, 0.0)
    if ms < 1_000:
        return f"{math.ceil(ms / 10) * 10:.0f}ms"
    if ms < 9_950:
        return f"{ms / 1_000:.1f}s"
    return span(ms)


def span(ms: float) -> str:
    """A duration as precise as its size deserves: `42s`, `7m30s`, `42m`, `4h05m`, `2d03h`."""
    seconds = max(int(ms // 1_000), 0)
    if seconds < 60:
        return f"{seconds}s"
    if seconds < 3_600:
        return f"{seconds // 60}m{seconds % 60:02d}s" if seconds % 60 and seconds < 600 else f"{seconds // 60}m"
    if seconds < 86_400:
        minutes = seconds % 3_600 // 60
        return f"{seconds // 3_600}h{minutes:02d}m" if minutes else f"{seconds // 3_600}h"
    return f"{seconds // 86_400}d{seconds % 86_400 // 3_600:02d}h"


def countdown(ms: float) -> str:
    """Time left as `06:12` or `1:02:03`; what has passed is `00:00`, and a part of a second is not given away."""
    seconds = max(int(ms // 1_000), 0)
    if seconds >= 3_600:
        return f"{seconds // 3_600}:{seconds % 3_600 // 60:02d}:{seconds % 60:02d}"
    return f"{seconds // 60:02d}:{seconds % 60:02d}"


def clock_time(ms: int) -> str:
    """UTC time of day, `11:45`."""
    return datetime.fromtimestamp(ms / 1_000, UTC).strftime("%H:%M")


def clock_seconds(ms: int) -> str:
    """UTC time of day, `11:45:07`."""
    return datetime.fromtimestamp(ms / 1_000, UTC).strftime("%H:%M:%S")


def day_time(ms: int) -> str:
    """UTC date and time, `10-31 11:45`."""
    return datetime.fromtimestamp(ms / 1_000, UTC).strftime("%m-%d %H:%M")


def number(value: float | None, digits: int = 2) -> str:
    """A measured value, rounded to nearest, unknown as `?`."""
    return UNKNOWN if value is None or not math.isfinite(value) else f"{value:.{digits}f}"


def signed(value: float | None, digits: int = 2) -> str:
    """A measured value with its sign."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    text = f"{value:+.{digits}f}"
    return text if float(text) else text.replace("-", "+")


def result(value: float | None, digits: int = 2) -> str:
    """A result or a ratio in the trader's interest: rounded down, with its sign."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    scale = 10**digits
    # The tiny push keeps 0.29 from becoming 0.28 for the binary digits' sake alone.
    return signed(math.floor(value * scale + 1e-9) / scale, digits)


def cost(value: float | None, digits: int = 2) -> str:
    """A cost or a risk: rounded up."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    scale = 10**digits
    return f"{math.ceil(value * scale - 1e-9) / scale + 0.0:.{digits}f}"


def ratio(value: float | None, digits: int = 1) -> str:
    """Reward to risk: rounded down, without a sign."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    scale = 10**digits
    return f"{math.floor(value * scale + 1e-9) / scale + 0.0:.{digits}f}"


def pace(speed: float) -> str:
    """How fast an exchange's clock runs, `20x`; it is measured, so its last digits say nothing."""
    return f"{round(speed, 0 if speed >= 10 else 1):g}x"


def tone(value: float | None, good: str = "profit", bad: str = "loss") -> str:
    """The role of a result by its sign."""
    if value is None or value == 0:
        return ""
    return good if value > 0 else bad


def quantity(value: float) -> str:
    """A quantity in at most six cells: `0.015`, `12.40`, `1234`, `56.7k`, `1.20M`."""
    size = abs(value)
    for limit, digits in ((0.0005, 5), (10, 3), (100, 2), (1_000, 1), (10_000, 0)):
        if size < limit:
            return f"{value:.{digits}f}"
    for unit, divisor in (("k", 1e3), ("M", 1e6), ("B", 1e9)):
        scaled = value / divisor
        if abs(scaled) < 999.5:
            return f"{scaled:.{2 if abs(scaled) < 10 else 1 if abs(scaled) < 100 else 0}f}{unit}"
    return f"{value:.1e}"


def decimals(text: str) -> int:
    """Digits after the point in a price or tick, `0.10` -> 2."""
    return len(text.partition(".")[2])


_EIGHTHS = " ▏▎▍▌▋▊▉█"


def bar(share: float, width: int) -> str:
    """A bar of `share` (0 to 1) of `width` cells, to an eighth of a cell, padded."""
    eighths = round(max(0.0, min(share, 1.0)) * width * 8) if math.isfinite(share) else 0
    whole, part = divmod(eighths, 8)
    text = "█" * whole + (_EIGHTHS[part] if part else "")
    return text + " " * (width - len(text))


def blocks(share: float, width: int) -> str:
    """A bar in whole cells, padded: it changes seldom, which a poor link likes."""
    whole = round(max(0.0, min(share, 1.0)) * width) if math.isfinite(share) else 0
    return "█" * whole + " " * (width - whole)


def gauge(used: float, limit: float, width: int) -> str:
    """A fill gauge; any use at all shows at least one cell."""
    share = used / limit if limit > 0 else 0.0
    whole = math.ceil(max(0.0, min(share, 1.0)) * width)
    return "▓" * whole + "░" * (width - whole)


def gauge_role(used: float, limit: float) -> str:
    share = used / limit if limit > 0 else 0.0
    return "danger" if share >= 0.9 else "warn" if share >= 0.7 else "accent"


_SPARK = "▁▂▃▄▅▆▇█"


def spark(values: Sequence[float], width: int) -> str:
    """The last `width` values as a line of blocks, scaled to their own range."""
    values = [value for value in values[-width:] if math.isfinite(value)]
    if not values:
        return ""
    low, half = min(values), max(values) / 2 - min(values) / 2  # halves, so that no difference overflows
    if half == 0:
        return _SPARK[3] * len(values)
    return "".join(_SPARK[min(int((value / 2 - low / 2) / half * 8), 7)] for value in values)


_UNITS_S = {"s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}


def parse_span(text: str) -> float | None:
    """Seconds of a duration such as `30m`, `4h`, `1h30m`, `2d`; None for no duration. Raises `ValueError`."""
    text = text.strip().lower()
    if text in ("", "-", "always", "forever"):
        return None
    if not re.fullmatch(r"(\d+(\.\d+)?[smhd])+", text):
        raise ValueError(f"not a duration: {text}; try 30m, 4h or 2d")
    return sum(float(n) * _UNITS_S[unit] for n, _, unit in re.findall(r"(\d+(\.\d+)?)([smhd])", text))


def rank_text(value: float | None) -> str:
    """A rank from 0 to 100 within its own history."""
    return UNKNOWN if value is None or not math.isfinite(value) else f"{value:.0f}%"
