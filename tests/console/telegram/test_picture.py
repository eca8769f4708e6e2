"""The chart below a card: small, in the right places, and an error where there is nothing to draw."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from console.telegram import picture
from console.telegram.picture import draw
from engine.port.views import ChartBar, ChartLevel, ChartView

PLAN = {"entry": "100.00", "stop": "98.00", "tp1": "102.00", "tp2": "104.00"}
ZONES = (ChartLevel("zone_s", 97.0, 97.5, "1h A"), ChartLevel("vwap", 100.5, 100.5, "VWAP"))


def view(count: int, around: float = 100.0, symbol: str = "BTCUSDT") -> ChartView:
    bars = tuple(
        ChartBar(index * 900_000, around, around * 1.01, around * 0.99, around * 1.002, 5.0) for index in range(count)
    )
    return ChartView(revision=0, as_of_ms=0, symbol=symbol, timeframe="15m", tick="0.01", bars=bars, levels=ZONES)


def rows_of(png: bytes, colour: tuple[int, int, int]) -> list[int]:
    """Heights at which a line of this colour crosses an empty column left of the labels."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    column = picture.WIDTH - picture.RIGHT - 1
    return [y for y in range(image.height) if image.getpixel((column, y)) == colour]


def test_levels_stand_from_the_second_target_down_to_the_stop() -> None:
    png = draw(view(96), PLAN)
    assert png.startswith(b"\x89PNG")
    assert len(png) < 20_000
    (stop, *_), (entry, *_) = rows_of(png, picture.LEVELS["stop"]), rows_of(png, picture.LEVELS["entry"])
    targets = rows_of(png, picture.LEVELS["tp1"])
    assert len(targets) == 2
    assert targets[0] < targets[1] < entry < stop
    assert abs((stop - entry) - (entry - targets[1])) <= 2, "equal distances are drawn equal"


def test_symbol_in_any_script_and_tiny_prices_are_drawn() -> None:
    assert draw(view(10, 100.0, "币安人生USDT"), PLAN)
    tiny = {"entry": "0.0000012", "stop": "0.0000011", "tp1": "0.0000013", "tp2": "0.0000014"}
    assert draw(view(10, 0.0000012), tiny)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 200), st.floats(1e-7, 1e6), st.floats(0, 0.5))
def test_any_market_gives_a_picture(count: int, around: float, away: float) -> None:
    plan = {name: repr(around * (1 + away * step)) for step, name in enumerate(("stop", "entry", "tp1", "tp2"))}
    assert len(draw(view(count, around), plan)) < 30_000


def test_nothing_to_draw_is_said() -> None:
    with pytest.raises(ValueError, match="no bars"):
        draw(view(0), PLAN)
