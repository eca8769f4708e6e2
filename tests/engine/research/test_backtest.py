"""What a back-test promises: the past does not know the future, and nothing but data and rules names a result."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from engine.research.backtest import Job, run, trades_of
from engine.research.result import Result
from engine.research.trades import in_order
from strategies.settings import StrategySettings
from tests.support.laboratory import folder_of, write_candles
from tests.support.series import walk

pytest.importorskip("pyarrow", reason="reading Parquet needs the research extra")

NAMES = ("action_price", "atr_momentum", "liquidity_sweep")
SYMBOLS = ("AAAUSDT", "BBBUSDT", "BTCUSDT")


@dataclass
class Lab:
    folder: Path
    result: Result


def settings_of(**action_price: float) -> StrategySettings:
    """Zones rarely leave room on a random walk; the gate is off so that there are trades to look at."""
    plain = StrategySettings()
    return msgspec.structs.replace(
        plain, action_price=msgspec.structs.replace(plain.action_price, **{"room_r": 0.0, **action_price})
    )


def job_of(folder: Path, **changes: object) -> Job:
    job = Job(folder=str(folder), symbols=SYMBOLS, settings=settings_of(), draws=1, strategies=NAMES)
    return msgspec.structs.replace(job, **changes)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    folder = folder_of(tmp_path_factory.mktemp("lab"), SYMBOLS, bars=5200)
    job = job_of(folder)
    return Lab(folder, Result(job, tuple(run(job)), 1.0))


def test_there_are_trades_to_talk_about(lab: Lab) -> None:
    trades = lab.result.trades
    assert len(trades) >= 10
    assert {trade.side for trade in trades} == {1, -1}
    assert len({trade.strategy for trade in trades}) >= 2


def test_trades_closed_before_a_moment_are_the_same_without_what_came_after(lab: Lab) -> None:
    whole = lab.result.trades
    until = sorted(trade.exit_ms for trade in whole)[len(whole) // 2] // 86_400_000 * 86_400_000
    cut = trades_of(run(job_of(lab.folder, to_ms=until)))
    before = [trade for trade in whole if trade.exit_ms < until]
    assert before
    assert [t.row() for t in in_order(before)] == [t.row() for t in in_order(cut)]


def test_bars_before_the_first_day_only_warm_up(lab: Lab) -> None:
    whole = lab.result.trades
    since = in_order(whole)[len(whole) // 2].entry_ms // 86_400_000 * 86_400_000
    late = run(job_of(lab.folder, from_ms=since))
    assert all(trade.signal_ms > since for trade in trades_of(late))
    assert sum(result.bars for result in late) < lab.result.bars
    fresh = {(t.symbol, t.strategy, t.signal_ms) for t in trades_of(late)}
    assert {(t.symbol, t.strategy, t.signal_ms) for t in whole if t.signal_ms > since + 14 * 86_400_000} <= fresh


def test_order_workers_and_paths_do_not_name_a_result(lab: Lab, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere" / "15m"
    for seed, symbol in reversed(list(enumerate(SYMBOLS))):
        write_candles(moved / f"{symbol}.parquet", walk(seed + 3, 5200, price=400.0, step=40.0))
    job = job_of(moved.parent, symbols=tuple(reversed(SYMBOLS)))
    again = Result(job, tuple(run(job, workers=2)), 99.0)
    assert again.fingerprint == lab.result.fingerprint
    assert [msgspec.structs.astuple(one)[:5] for one in again.symbols] == [
        msgspec.structs.astuple(one)[:5] for one in lab.result.symbols
    ]


@pytest.mark.parametrize("change", ["costs", "settings", "trades"])
def test_costs_settings_and_trades_name_a_result(lab: Lab, change: str) -> None:
    result = lab.result
    job = result.job
    match change:
        case "costs":
            job = msgspec.structs.replace(job, fees=msgspec.structs.replace(job.fees, slippage=0.0))
        case "settings":
            job = msgspec.structs.replace(job, settings=settings_of(btc_against_pct=0.31))
        case _:
            first = msgspec.structs.replace(result.symbols[0], trades=result.symbols[0].trades[1:])
            result = Result(job, (first, *result.symbols[1:]), result.wall_s)
    assert Result(job, result.symbols, result.wall_s).fingerprint != lab.result.fingerprint


def test_a_strategy_has_one_open_trade_on_a_symbol_and_rests_after_it(lab: Lab) -> None:
    by_key: dict[tuple[str, str], list] = {}
    for trade in in_order(lab.result.trades):
        by_key.setdefault((trade.symbol, trade.strategy), []).append(trade)
    for trades in by_key.values():
        for before, after in pairwise(trades):
            assert after.signal_ms >= before.exit_close_ms
            if before.strategy == "action_price" and before.side == after.side:
                assert after.signal_ms - before.signal_ms >= 8 * 900_000


def test_the_printed_answer_adds_up(lab: Lab) -> None:
    row = lab.result.row()
    assert row["trades"] == row["wins"] + row["scratches"] + row["losses"]
    assert row["trades"] == sum(one["trades"] for one in row["by_strategy"].values())
    assert row["trades"] == sum(one["trades"] for one in row["by_hour"].values())
    assert row["net_r"] == pytest.approx(sum(one["net_r"] for one in row["by_symbol"].values()))
    assert row["flow"] == "recorded"
    assert row["costs"] == {"taker_bps": 5.0, "maker_bps": 5.0, "slippage_bps": 1.0, "funding": "assumed"}
    assert row["random_entry"]["trades"] > 0
    assert row["portfolio"]["trades"] <= row["trades"]
    assert msgspec.json.encode(row)
