"""Volume by price beside a chart: how much was traded in each row of it, over the bars that are shown. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from console import render
from console.rows import Row
from console.scale import Scale
from engine.port.views import ChartBar

WIDTH = 18


def volume_by_row(bars: Sequence[ChartBar], scale: Scale) -> list[float]:
    """Volume of each row of the scale. A bar says nothing about where inside it was traded, so it counts evenly."""
    rows = [0.0] * scale.height
    for bar in bars:
        top, bottom = scale.row(bar.high), scale.row(bar.low)
        part = bar.volume / (bottom - top + 1) if bar.volume > 0 else 0.0
        for y in range(top, bottom + 1):
            rows[y] += part
    return rows


def profile_rows(bars: Sequence[ChartBar], scale: Scale, width: int = WIDTH) -> list[Row]:
    """A bar a row, as wide as its volume; the fullest row is marked by its colour and by `POC`."""
    volumes = volume_by_row(bars, scale)
    largest = max(volumes, default=0.0)
    rows: list[Row] = []
    for volume in volumes:
        fullest = volume == largest > 0
        blocks = render.blocks(volume / largest if largest > 0 else 0.0, width - 5)
        rows.append(((" ", ""), (blocks, "warn" if fullest else "muted"), (" POC" if fullest else "    ", "warn")))
    return rows
