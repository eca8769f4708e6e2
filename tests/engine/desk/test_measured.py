"""What stands beside a signal: the home's own figures, else the shipped ones, with what they were measured on."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from engine.desk.measured import FILE_NAME, SHIPPED, Bucket, Measured, Table
from strategies.model import Refusal, StrategyId

FED_BY_CANDLES = set(StrategyId) - {StrategyId.ORDER_FLOW}


def refused(strategy: str, score: float | None) -> Refusal:
    return Refusal("id", "BTCUSDT", 1, strategy, "", "15m", 0, "fail:room", "", score)


def test_every_strategy_that_candles_feed_is_measured_out_of_the_box(tmp_path: Path) -> None:
    table = msgspec.json.decode(SHIPPED.read_bytes(), type=Table)
    assert {bucket.strategy for bucket in table.buckets} == FED_BY_CANDLES
    assert all(bucket.n >= 30 and bucket.low_r <= bucket.expectancy_r <= bucket.high_r for bucket in table.buckets)
    text = Measured.read(tmp_path).text(refused("action_price", 4.0))
    assert "50 symbols" in text
    assert "flow estimated" in text


def test_figures_of_the_home_come_first(tmp_path: Path) -> None:
    bucket = Bucket("action_price", 4.0, 5.0, "", 44, 0.5, 0.1, -0.2, 0.4)
    (tmp_path / FILE_NAME).write_bytes(msgspec.json.encode(Table("my own year", (bucket,))))
    measured = Measured.read(tmp_path)
    assert measured.text(refused("action_price", 4.0)) == "n 44, 50% wins, net +0.10R [-0.20, +0.40] on my own year"
    assert measured.text(refused("action_price", 9.0)) == "unmeasured"
    assert measured.text(refused("pullback", None)) == "unmeasured"


@pytest.mark.parametrize("text", ["", "[1, 2]", '{"of": "x"}'])
def test_a_file_that_cannot_be_read_says_nothing_rather_than_something_else(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE_NAME).write_text(text)
    assert Measured.read(tmp_path).text(refused("action_price", 4.0)) == "unmeasured"
