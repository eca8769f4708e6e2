"""A signal as a picture: candles, zones, and the levels of its plan. Pure: a view and a plan in, PNG bytes out.

Small on purpose (a palette of few colours, some 10 KB) and wordless but for figures and plain names, so that no font
of the machine is needed: the symbol, which may be in any script, stands in the message and not in the picture.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from PIL import Image, ImageDraw

from engine.port.views import ChartBar, ChartLevel, ChartView

WIDTH, HEIGHT = 800, 450
LEFT, TOP, RIGHT, BOTTOM = 8, 10, 120, 22
BARS = 96
LABEL_PX = 13
GROUND, GRID, TEXT = (18, 20, 26), (36, 40, 50), (190, 196, 208)
UP, DOWN = (64, 176, 132), (206, 92, 92)
SUPPORT, RESISTANCE, VALUE, VWAP = (28, 52, 48), (58, 34, 38), (30, 34, 46), (110, 110, 160)
LEVELS = {"entry": (232, 232, 240), "stop": (240, 96, 96), "tp1": (96, 208, 150), "tp2": (96, 208, 150)}
COLOURS = 32


def draw(view: ChartView, signal: Mapping[str, Any]) -> bytes:
    """The picture. Raises ValueError where there are no bars to draw."""
    bars = view.bars[-BARS:]
    if not bars:
        raise ValueError(f"no bars of {view.symbol} {view.timeframe}")
    plan = {name: str(signal[name]) for name in LEVELS if signal.get(name)}
    scale = _Scale(bars, [float(price) for price in plan.values()])
    image = Image.new("RGB", (WIDTH, HEIGHT), GROUND)
    pen = ImageDraw.Draw(image)
    _bands(pen, scale, view.levels)
    _hours(pen, scale, bars)
    _candles(pen, scale, bars)
    _plan(pen, scale, plan)
    out = io.BytesIO()
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return out.getvalue()


class _Scale:
    """Prices and bars to pixels: everything of the plan is in sight, with a margin."""

    def __init__(self, bars: Sequence[ChartBar], prices: Sequence[float]) -> None:
        low = min([*(bar.low for bar in bars), *prices])
        high = max([*(bar.high for bar in bars), *prices])
        room = (high - low) * 0.04 or high * 0.001 or 1.0
        self.low, self.high = low - room, high + room
        self.step = (WIDTH - LEFT - RIGHT) / len(bars)

    def y(self, price: float) -> int:
        share = (self.high - price) / (self.high - self.low)
        return round(TOP + min(1.0, max(0.0, share)) * (HEIGHT - TOP - BOTTOM))

    def x(self, index: int) -> float:
        return LEFT + (index + 0.5) * self.step

    def shows(self, level: ChartLevel) -> bool:
        return level.high >= self.low and level.low <= self.high


def _bands(pen: ImageDraw.ImageDraw, scale: _Scale, levels: Sequence[ChartLevel]) -> None:
    colours = {"value": VALUE, "zone_s": SUPPORT, "zone_r": RESISTANCE}
    kinds = ("value", *sorted({level.kind for level in levels if level.kind.startswith("zone")}))
    for kind in kinds:
        for level in levels:
            if level.kind == kind and scale.shows(level):
                colour = colours.get(kind, VALUE)
                pen.rectangle((LEFT, scale.y(level.high), WIDTH - RIGHT, scale.y(level.low)), fill=colour)
    for level in levels:
        if level.kind in ("vwap", "poc") and scale.shows(level):
            y = scale.y(level.low)
            pen.line((LEFT, y, WIDTH - RIGHT, y), fill=VWAP)
            pen.text((LEFT + 2, y - LABEL_PX), level.kind, fill=VWAP)


def _hours(pen: ImageDraw.ImageDraw, scale: _Scale, bars: Sequence[ChartBar]) -> None:
    every = max(1, len(bars) // 6)
    for index in range(0, len(bars), every):
        when = datetime.fromtimestamp(bars[index].open_ms / 1000, UTC)
        x = round(scale.x(index))
        pen.line((x, TOP, x, HEIGHT - BOTTOM), fill=GRID)
        pen.text((x + 2, HEIGHT - BOTTOM + 5), when.strftime("%d %H:%M"), fill=TEXT)


def _candles(pen: ImageDraw.ImageDraw, scale: _Scale, bars: Sequence[ChartBar]) -> None:
    half = max(1, int(scale.step * 0.35))
    for index, bar in enumerate(bars):
        x, colour = round(scale.x(index)), UP if bar.close >= bar.open else DOWN
        pen.line((x, scale.y(bar.high), x, scale.y(bar.low)), fill=colour)
        top, bottom = sorted((scale.y(bar.open), scale.y(bar.close)))
        pen.rectangle((x - half, top, x + half, max(bottom, top + 1)), fill=colour)


def _plan(pen: ImageDraw.ImageDraw, scale: _Scale, plan: Mapping[str, str]) -> None:
    """A line for each price of the plan, its name and figure on the right, none over another."""
    free = TOP - LABEL_PX
    for name, price in sorted(plan.items(), key=lambda item: -float(item[1])):
        y = scale.y(float(price))
        pen.line((LEFT, y, WIDTH - RIGHT, y), fill=LEVELS[name], width=2 if name == "stop" else 1)
        free = max(free + LABEL_PX, y - LABEL_PX // 2)
        pen.text((WIDTH - RIGHT + 6, free), f"{name} {price}", fill=LEVELS[name])
