"""A look into the future is found wherever it is planted, and there is none in ours.

Slices of a history are views, so their `base` is the whole array: that is how the planted ones peek.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from engine.research import features, lookahead, snapshots
from engine.research.backtest import Job
from engine.research.lookahead import Inspection, inspect
from engine.trading.zone_sets import ZoneSets
from strategies import indicators
from strategies.model import MarketSnapshot, StrategyId
from strategies.registry import STRATEGIES
from strategies.settings import StrategySettings
from tests.support.laboratory import folder_of

pytest.importorskip("pyarrow", reason="reading Parquet needs the research extra")

NAMES = ("action_price", "liquidity_sweep")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_of(tmp_path_factory.mktemp("future"), ("AAAUSDT",), bars=4200)


def looked(folder: Path, cuts: int = 2) -> Inspection:
    plain = StrategySettings()
    settings = msgspec.structs.replace(plain, action_price=msgspec.structs.replace(plain.action_price, room_r=0.0))
    return inspect(Job(folder=str(folder), symbols=("AAAUSDT",), settings=settings, strategies=NAMES), "AAAUSDT", cuts)


def kinds(found: Inspection) -> set[str]:
    return {leak.kind for leak in found.leaks}


def test_ours_know_nothing_of_the_future(folder: Path) -> None:
    found = looked(folder, cuts=3)
    assert found.leaks == ()
    assert found.cuts == 3
    assert all(found.compared[kind] for kind in ("indicator", "regime", "join", "pivot", "zone", "signal"))


def test_an_indicator_that_looks_ahead_is_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def centred(candles: Any, *, tick: float = 0.0, recent: int | None = None) -> Any:
        ind = indicators.indicators(candles, tick=tick, recent=recent)
        return msgspec.structs.replace(ind, rsi=np.append(ind.rsi[1:], ind.rsi[-1:]))

    monkeypatch.setattr(features, "indicators", centred)
    assert any(leak.what.endswith("rsi") for leak in looked(folder).leaks if leak.kind == "indicator")


def test_a_join_by_open_time_is_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def by_open(frame: Any, closes_ms: Any) -> Any:
        return np.searchsorted(frame.open_time, closes_ms - 1, side="right") - 1

    monkeypatch.setattr(snapshots, "joined", by_open)
    assert "join" in kinds(looked(folder))


def test_a_swing_that_does_not_wait_is_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    confirmed = indicators.swings

    def eager(high: Any, low: Any, k: int) -> Any:
        highs, lows = confirmed(np.append(high, np.full(k, -1e9)), np.append(low, np.full(k, 1e9)), k)
        return highs[highs < len(high)], lows[lows < len(low)]

    monkeypatch.setattr(lookahead.measures, "swings", eager)
    assert "pivot" in kinds(looked(folder, cuts=6))


def test_a_zone_that_peeks_is_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built = ZoneSets.built

    def peeking(self: ZoneSets, inputs: Any, arm: Any) -> Any:
        zones = built(self, inputs, arm)
        future = float(inputs.series["15m"].candles.high.base[-1])
        moved = tuple(msgspec.structs.replace(zone, high=zone.high + 1e-3 * future) for zone in zones.zones)
        return msgspec.structs.replace(zones, zones=moved)

    monkeypatch.setattr(ZoneSets, "built", peeking)
    assert "zone" in kinds(looked(folder))


def test_a_strategy_that_peeks_is_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = StrategyId.ACTION_PRICE
    honest = STRATEGIES[name]

    def peeking(snapshot: MarketSnapshot, settings: StrategySettings) -> Any:
        closes = snapshot.bars["15m"].close
        whole = closes.base if closes.base is not None else closes
        rises = float(whole[-1]) > float(closes[-1])
        return tuple(one for one in honest.evaluate(snapshot, settings) if (one.side > 0) == rises)

    monkeypatch.setitem(STRATEGIES, name, msgspec.structs.replace(honest, evaluate=peeking))
    found = looked(folder, cuts=6)
    assert kinds(found) <= {"signal", "trade"}
    assert "signal" in kinds(found)
