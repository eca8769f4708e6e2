"""Candles, levels and zones as rows of cells, two price steps to a cell. Pure.

Rising bodies are heavy lines and falling ones solid blocks, so that direction never rests on colour.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from console import profile, render
from console.rows import Row, left
from console.scale import Scale
from engine.port.views import ChartBar, ChartLevel, ChartView

AXIS = 15
_WIDE = 136  # from this width on there is room for the volume by price
_BROAD = 0.15  # of the height; broader bands are drawn by their edges
_LEVEL_ROLE = {
    "entry": "accent", "stop": "loss", "tp1": "profit", "tp2": "profit", "trail": "profit", "fill": "accent",
    "vwap": "warn", "zone": "muted", "poc": "warn",
}  # fmt: skip

# (upper half, lower half) of a cell, each empty, wick or body
_RISING = {
    ("", ""): " ", ("w", "w"): "│", ("w", ""): "╵", ("", "w"): "╷", ("b", "b"): "┃", ("b", ""): "╹",
    ("", "b"): "╻", ("b", "w"): "╿", ("w", "b"): "╽",
}  # fmt: skip
_FALLING = _RISING | {("b", "b"): "█", ("b", ""): "▀", ("", "b"): "▄", ("b", "w"): "▀", ("w", "b"): "▄"}


def scale_of(bars: Sequence[ChartBar], levels: Sequence[ChartLevel], height: int) -> Scale:
    """All bars, and those levels that are near enough not to flatten them."""
    low, high = min(bar.low for bar in bars), max(bar.high for bar in bars)
    reach = (high - low) * 0.35 or abs(high) * 0.01
    for level in levels:
        if low - reach <= level.low and level.high <= high + reach:
            low, high = min(low, level.low), max(high, level.high)
    pad = (high - low) * 0.02 or abs(high) * 0.001
    return Scale(low - pad, high + pad, height)


def column(bar: ChartBar, scale: Scale) -> dict[int, str]:
    """Glyph by row of one bar."""
    top, bottom = scale.half(bar.high), scale.half(bar.low)
    body_top, body_bottom = scale.half(max(bar.open, bar.close)), scale.half(min(bar.open, bar.close))
    glyphs = _RISING if bar.close >= bar.open else _FALLING

    def kind(half: int) -> str:
        return "b" if body_top <= half <= body_bottom else "w" if top <= half <= bottom else ""

    return {row: glyphs[kind(2 * row), kind(2 * row + 1)] for row in range(top // 2, bottom // 2 + 1)}


def chart_rows(view: ChartView, width: int, height: int, back: int = 0) -> list[Row]:
    """The chart `back` bars before the newest: candles, levels with their labels, price axis, volume, time axis.

    On wide screens the volume by price stands between the candles and the axis.
    """
    if not view.bars:
        return [(("no candles yet", "muted"),)]
    volume_height = 3 if height >= 18 else 0
    plot_height = max(height - volume_height - 1, 3)
    side = profile.WIDTH if width >= _WIDE else 0
    columns = max(width - AXIS - 2 - side, 10)
    end = max(len(view.bars) - back, 1)
    bars = view.bars[max(end - columns, 0) : end]
    scale = scale_of(bars, view.levels, plot_height)
    drawn = [column(bar, scale) for bar in bars]
    shade, lines = _levels(view.levels, scale)
    labels = _labels(view, bars[-1], scale)
    beside = profile.profile_rows(bars, scale) if side else []
    rows: list[Row] = []
    for y in range(plot_height):
        line = lines.get(y)
        spans: list[tuple[str, str]] = []
        for bar, glyphs in zip(bars, drawn, strict=True):
            glyph = glyphs.get(y, " ")
            role = "up" if bar.close >= bar.open else "down"
            if glyph == " ":
                glyph, role = ("┄", line) if line else ("░", "muted") if y in shade else (" ", "")
            spans.append((glyph, role))
        rest = columns - len(bars)
        filler = ("┄" * rest, line) if line else ("░" * rest, "muted") if y in shade else (" " * rest, "")
        rows.append((*_merged([*spans, filler]), *(beside[y] if side else ()), *labels[y]))
    if volume_height:
        rows += _volume(bars, columns, volume_height, side)
    rows.append(_time_axis(bars, columns, view.timeframe))
    return rows


def _levels(levels: Sequence[ChartLevel], scale: Scale) -> tuple[set[int], dict[int, str]]:
    """Rows shaded by zones, and rows with a line and its role."""
    shade: set[int] = set()
    lines: dict[int, str] = {}
    for level in levels:
        role = _LEVEL_ROLE.get(level.kind, "muted")
        if level.high > level.low:
            if level.high >= scale.low and level.low <= scale.high:
                top, bottom = scale.row(level.high), scale.row(level.low)
                if bottom - top <= max(scale.height * _BROAD, 2):
                    shade.update(range(top, bottom + 1))
                else:  # a band as wide as the picture would only be fog: its edges are enough
                    edges = {scale.row(edge): "muted" for edge in (level.high, level.low) if scale.holds(edge)}
                    lines = edges | lines
        elif scale.holds(level.low):
            lines[scale.row(level.low)] = role
    return shade, lines


def _labels(view: ChartView, last: ChartBar, scale: Scale) -> list[Row]:
    """The axis: prices every few rows, levels where they lie, the last price over all."""
    digits = render.decimals(view.tick)
    axis: list[Row] = []
    for y in range(scale.height):
        text = f"{scale.price(y):.{digits}f}" if y % 4 == 0 else ""
        axis.append(((" ", ""), left(text, AXIS, "muted")))
    for level in view.levels:
        if level.high == level.low and scale.holds(level.low):
            name = level.label or level.kind
            text = f"{level.low:.{digits}f} {name}"
            axis[scale.row(level.low)] = ((" ", ""), left(text, AXIS, _LEVEL_ROLE.get(level.kind, "muted")))
        elif level.high > level.low:
            row = scale.row(min((level.low + level.high) / 2, scale.high))
            if scale.holds((level.low + level.high) / 2):
                axis[row] = ((" ", ""), left(level.label or level.kind, AXIS, "muted"))
    role = "up strong" if last.close >= last.open else "down strong"
    axis[scale.row(last.close)] = (("◂", role), left(f"{last.close:.{digits}f}", AXIS, role))
    return axis


def _volume(bars: Sequence[ChartBar], columns: int, height: int, side: int) -> list[Row]:
    largest = max((bar.volume for bar in bars), default=0.0)
    rows: list[Row] = []
    for y in range(height):
        floor = (height - 1 - y) / height
        spans: list[tuple[str, str]] = []
        for bar in bars:
            share = bar.volume / largest if largest > 0 and math.isfinite(bar.volume) else 0.0
            eighths = round(max(0.0, min((share - floor) * height, 1.0)) * 8)
            glyph = " ▁▂▃▄▅▆▇█"[eighths]
            spans.append((glyph, "up_bar" if bar.close >= bar.open else "down_bar"))
        label = render.quantity(largest) + " vol" if y == 0 else ""
        filler = (" " * (columns - len(bars) + side), "")
        rows.append((*_merged([*spans, filler]), (" ", ""), left(label, AXIS, "muted")))
    return rows


def _time_axis(bars: Sequence[ChartBar], columns: int, timeframe: str) -> Row:
    """A time under every twentieth bar, the newest last."""
    text = [" "] * columns
    write = render.day_time if timeframe in ("4h", "1d") else render.clock_time
    for at in range(0, len(bars), 20):
        label = write(bars[at].open_ms)
        if at + len(label) <= columns:
            text[at : at + len(label)] = list(label)
    return (("".join(text), "muted"),)


def _merged(spans: Sequence[tuple[str, str | None]]) -> Row:
    """Neighbours of one role as one span."""
    out: list[tuple[str, str]] = []
    for text, given in spans:
        role = given or ""
        if out and (out[-1][1] == role or text == " "):
            out[-1] = (out[-1][0] + text, out[-1][1])
        else:
            out.append((text, role))
    return tuple(out)
