"""Looking closer before a snapshot is built loses no signal."""

from __future__ import annotations

import msgspec
import pytest

from engine.research.candidates import ALL, scan
from engine.research.data import Tape
from engine.research.features import history_of
from engine.research.snapshots import Snapshots
from strategies.model import Candles, StrategyId
from strategies.settings import StrategySettings
from tests.support.series import recorded, walk

SIX = tuple(name for name in ALL if name is not StrategyId.ACTION_PRICE)


def signals_of(candles: Candles, settings: StrategySettings, narrow: bool) -> tuple[set[str], int]:
    history = history_of(Tape("AAAUSDT", candles), settings)
    start = 3300  # regimes need 200 bars of 4h
    found = scan(history, Snapshots(history, settings), settings, SIX, (start, len(candles)), narrow)
    return {f"{one.strategy} {one.variant} {one.id}" for at in found.found for one in at.signals}, found.asked


def estimated() -> StrategySettings:
    plain = StrategySettings()
    flow = msgspec.structs.replace(plain.measures.flow, estimate="close_location")
    return msgspec.structs.replace(plain, measures=msgspec.structs.replace(plain.measures, flow=flow))


@pytest.mark.parametrize("seed", [1, 2])
def test_walks_give_the_same_signals(seed: int) -> None:
    candles = walk(seed, 5200, price=400.0, step=40.0)
    near, asked = signals_of(candles, StrategySettings(), narrow=True)
    wide, asked_wide = signals_of(candles, StrategySettings(), narrow=False)
    assert near == wide
    assert len({name.split()[0] for name in near}) >= 2
    assert asked < asked_wide / 2


@pytest.mark.parametrize("symbol", ["SOLUSDT", "BTCUSDT"])
def test_recorded_candles_give_the_same_signals(symbol: str) -> None:
    candles = recorded(f"klines/um/15m/{symbol}.parquet").slice(20_000, 26_000)
    near, _ = signals_of(candles, estimated(), narrow=True)
    wide, _ = signals_of(candles, estimated(), narrow=False)
    assert near == wide
    assert len({name.split()[0] for name in near}) >= 3
