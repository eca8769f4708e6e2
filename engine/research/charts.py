"""Pictures of a result as plain SVG text: nothing to load, nothing to run."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

from strategies.model import Candles

WIDTH: Final = 860
UP, DOWN, INK, FAINT, LINE = "#2f7d4f", "#b3443c", "#30343a", "#c9ced6", "#2b6cb0"


def curve(values: Sequence[float], height: int = 220, *, fill: str = "", colour: str = LINE, points: int = 1200) -> str:
    """A line over equal steps, with its zero; at most `points` are drawn, the extremes of each stretch kept."""
    if len(values) < 2:
        return "<p>too few trades for a picture</p>"
    shown = _thinned(values, points)
    low, high = min(0.0, *shown), max(0.0, *shown)
    span = (high - low) or 1.0

    def at(k: int, value: float) -> str:
        return f"{k / (len(shown) - 1) * WIDTH:.1f},{(high - value) / span * height:.1f}"

    line = " ".join(at(k, value) for k, value in enumerate(shown))
    zero = high / span * height
    area = f'<polygon points="0,{zero:.1f} {line} {WIDTH},{zero:.1f}" fill="{fill}"/>' if fill else ""
    labels = "".join(
        f'<text x="4" y="{y:.1f}" font-size="11" fill="{INK}">{value:+.1f} R</text>'
        for value, y in ((high, 12.0), (low, height - 4.0))
    )
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img">{area}'
        f'<line x1="0" x2="{WIDTH}" y1="{zero:.1f}" y2="{zero:.1f}" stroke="{FAINT}"/>'
        f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="1.4"/>{labels}</svg>'
    )


def heat(rows: Sequence[str], columns: Sequence[str], values: Sequence[Sequence[float | None]]) -> str:
    """A table whose cells are coloured by their value, zero in the middle."""
    most = max((abs(value) for row in values for value in row if value is not None), default=0.0) or 1.0
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    body = ""
    for name, row in zip(rows, values, strict=True):
        cells = "".join(
            "<td></td>" if value is None else f'<td style="background:{_shade(value / most)}">{value:+.1f}</td>'
            for value in row
        )
        body += f"<tr><th>{escape(name)}</th>{cells}</tr>"
    return f'<table class="heat"><tr><th></th>{head}</tr>{body}</table>'


def reliability(points: Sequence[tuple[float, int, float, float]]) -> str:
    """Predicted against observed win rates, circles by number of trades."""
    size = 260
    most = max((count for _, count, _, _ in points), default=1)
    marks = "".join(
        f'<circle cx="{predicted * size:.1f}" cy="{(1 - won) * size:.1f}" r="{3 + 9 * (count / most) ** 0.5:.1f}" '
        f'fill="{LINE}" fill-opacity="0.6"><title>predicted {predicted:.0%}, won {won:.0%} of {count}</title></circle>'
        for predicted, count, won, _ in points
    )
    return (
        f'<svg viewBox="0 0 {size} {size}" style="max-width:{size}px" role="img">'
        f'<line x1="0" y1="{size}" x2="{size}" y2="0" stroke="{FAINT}"/>'
        f'<rect width="{size}" height="{size}" fill="none" stroke="{FAINT}"/>{marks}</svg>'
    )


def candles(
    bars: Candles, levels: Sequence[tuple[str, float, str]], marks: Sequence[tuple[int, float, str]],
    bands: Sequence[tuple[float, float, str]] = (), height: int = 230,
) -> str:  # fmt: skip
    """Candles with levels (name, price, colour), marks (time, price, colour) and bands (low, high, colour)."""
    n = len(bars)
    if not n:
        return "<p>no candles</p>"
    prices = [*bars.low.tolist(), *bars.high.tolist(), *(price for _, price, _ in levels)]
    low, high = min(prices), max(prices)
    span = (high - low) or 1.0
    step = WIDTH / n

    def y(price: float) -> float:
        return float(high - price) / span * (height - 8) + 4

    parts = [
        f'<rect x="0" width="{WIDTH}" y="{y(min(top, high)):.1f}" '
        f'height="{max(0.5, y(max(bottom, low)) - y(min(top, high))):.1f}" fill="{colour}" fill-opacity="0.18"/>'
        for bottom, top, colour in bands
        if top >= low and bottom <= high
    ]
    for k in range(n):
        o, h, lo, c = float(bars.open[k]), float(bars.high[k]), float(bars.low[k]), float(bars.close[k])
        colour, x = (UP if c >= o else DOWN), (k + 0.5) * step
        parts.append(f'<path d="M{x:.1f} {y(h):.1f}V{y(lo):.1f}" stroke="{colour}"/>')
        parts.append(
            f'<rect x="{x - step * 0.35:.1f}" width="{step * 0.7:.1f}" y="{y(max(o, c)):.1f}" '
            f'height="{max(0.8, abs(y(o) - y(c))):.1f}" fill="{colour}"/>'
        )
    for name, price, colour in levels:
        parts.append(
            f'<path d="M0 {y(price):.1f}H{WIDTH}" stroke="{colour}" stroke-dasharray="5 4"/>'
            f'<text x="4" y="{y(price) - 3:.1f}" font-size="11" fill="{colour}">{escape(name)} {price:.6g}</text>'
        )
    first, tf_ms = int(bars.open_time[0]), bars.tf_ms
    for at_ms, price, colour in marks:
        x = ((at_ms - first) / tf_ms + 0.5) * step
        parts.append(f'<circle cx="{x:.1f}" cy="{y(price):.1f}" r="5" fill="{colour}" stroke="white"/>')
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img">{"".join(parts)}</svg>'


def _thinned(values: Sequence[float], points: int) -> list[float]:
    if len(values) <= points:
        return list(values)
    size = -(-2 * len(values) // points)
    found: list[float] = []
    for start in range(0, len(values), size):
        part = values[start : start + size]
        low, high = min(part), max(part)
        found += [low, high] if part.index(low) < part.index(high) else [high, low]
    return found


def _shade(share: float) -> str:
    red, green, blue = (47, 125, 79) if share >= 0 else (179, 68, 60)
    return f"rgba({red},{green},{blue},{min(1.0, abs(share)):.2f})"
