"""Strategies of one's own in the laboratory: asked when they are due, traded like the others, honest about failures."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from engine.research.backtest import Job, SymbolResult, run
from engine.research.grid import GridFault, applied, cell_id
from engine.research.lookahead import inspect
from engine.research.own import OwnFile, own_file
from engine.research.result import Result
from engine.trading.user_strategies import UserStrategyFailed, load_user_strategies
from tests.support.laboratory import folder_of

pytest.importorskip("pyarrow", reason="reading Parquet needs the research extra")

SYMBOLS = ("AAAUSDT", "BBBUSDT")
BARS = 3000
HOUR_MS = 3_600_000

HEAD = """
from engine.user import Condition, Proposal, Refused

NAME = "mine"
TIMEFRAME = "1h"

def evaluate(snapshot):
    bars = snapshot.frame("1h")
"""
NOON = """
    if bars.index[-1].hour != 11:
        return None
    last = bars.iloc[-1]
    return Proposal("long", stop=float(last.close * 0.985), score=4.0, kind="breakout")
"""


def file_of(folder: Path, body: str = NOON, head: str = HEAD) -> OwnFile:
    path = folder / "mine.py"
    path.write_text(head + body)
    (strategy,), broken = load_user_strategies([path])
    assert not broken
    return own_file(strategy)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_of(tmp_path_factory.mktemp("own"), SYMBOLS, bars=BARS)


def job_of(folder: Path, own: OwnFile, *names: str) -> Job:
    return Job(folder=str(folder), symbols=SYMBOLS, strategies=names, own=(own,), draws=0)


def ran(job: Job, workers: int = 1) -> Result:
    return Result(job, tuple(run(job, workers)), 1.0)


def of(result: Result, symbol: str) -> SymbolResult:
    return next(one for one in result.symbols if one.symbol == symbol)


def test_it_is_asked_at_each_close_of_its_timeframe_and_traded_at_the_next_open(folder: Path, tmp_path: Path) -> None:
    result = ran(job_of(folder, file_of(tmp_path), "mine"))
    for symbol in SYMBOLS:
        assert of(result, symbol).asked == BARS // 4
        verdicts = of(result, symbol).signals + sum(of(result, symbol).refusals.values())
        assert verdicts == BARS // 4 // 24, "one at each noon"
    trades = result.trades
    assert len(trades) > 10
    assert {trade.strategy for trade in trades} == {"mine"}
    assert {trade.signal_ms % (24 * HOUR_MS) for trade in trades} == {12 * HOUR_MS}
    assert {trade.entry_ms - trade.signal_ms for trade in trades} == {0}, "the bar that opens at the close"
    row = result.row()
    assert list(row["by_strategy"]) == ["mine"]
    assert row["by_strategy"]["mine"]["trades"] == len(trades)


def test_only_the_symbols_of_the_file_are_asked(folder: Path, tmp_path: Path) -> None:
    own = file_of(tmp_path, head=HEAD.replace('TIMEFRAME = "1h"', 'TIMEFRAME = "1h"\nSYMBOLS = ["BBBUSDT"]'))
    result = ran(job_of(folder, own, "mine"))
    assert of(result, "AAAUSDT").asked == 0
    assert of(result, "BBBUSDT").asked == BARS // 4


def test_two_processes_find_the_same(folder: Path, tmp_path: Path) -> None:
    job = job_of(folder, file_of(tmp_path), "mine", "action_price")
    assert ran(job).fingerprint == ran(job, 2).fingerprint


def test_code_that_fails_says_nothing_there_and_is_told_with_its_place(folder: Path, tmp_path: Path) -> None:
    failing = file_of(tmp_path, "    if bars.index[-1].hour == 5:\n        return 1 / 0\n" + NOON)
    result = ran(job_of(folder, failing, "mine"))
    days = sum(of(result, symbol).refusals["mine|error"] for symbol in SYMBOLS)
    assert days == 2 * (BARS // 4 // 24 + 1)
    (note,) = [note for note in result.notes() if "mine" in note]
    assert f"mine failed at {days} closes" in note
    assert "AAAUSDT" in note
    assert "mine.py:10: ZeroDivisionError" in note
    assert len(result.trades) > 10, "the other closes are measured"


def test_nobody_else_is_touched_by_it(folder: Path, tmp_path: Path) -> None:
    alone = Job(folder=str(folder), symbols=SYMBOLS, strategies=("liquidity_sweep", "action_price"), draws=0)
    beside = job_of(
        folder, file_of(tmp_path, "    raise RuntimeError('no')\n"), "liquidity_sweep", "action_price", "mine"
    )
    assert [trade.row() for trade in ran(alone).trades] == [trade.row() for trade in ran(beside).trades]


def test_other_lines_are_another_question_and_another_place_is_not(folder: Path, tmp_path: Path) -> None:
    ours = job_of(folder, file_of(tmp_path), "mine")
    (tmp_path / "elsewhere").mkdir()
    moved = job_of(folder, file_of(tmp_path / "elsewhere"), "mine")
    changed = job_of(folder, file_of(tmp_path, NOON.replace("4.0", "4.5")), "mine")
    assert cell_id(ours, {}) == cell_id(moved, {})
    assert cell_id(ours, {}) != cell_id(changed, {})


def test_a_file_changed_or_gone_in_between_is_not_measured_as_the_old_one(folder: Path, tmp_path: Path) -> None:
    own = file_of(tmp_path, NOON.replace("0.985", "0.984"))
    file_of(tmp_path)
    with pytest.raises(UserStrategyFailed, match=r"mine\.py: was changed"):
        run(job_of(folder, own, "mine"))
    (tmp_path / "mine.py").unlink()
    with pytest.raises(UserStrategyFailed, match=r"mine\.py"):
        run(job_of(folder, own, "mine"))


def test_a_strategy_that_remembers_is_found_and_an_honest_one_is_not(folder: Path, tmp_path: Path) -> None:
    honest = inspect(job_of(folder, file_of(tmp_path), "mine"), "AAAUSDT", 2)
    assert honest.leaks == ()
    assert honest.compared["signal"] > 5
    own = file_of(tmp_path, "    seen.append(1)\n    if len(seen) % 7:\n        return None\n" + NOON,
                  HEAD.replace("NAME =", "seen = []\nNAME ="))  # fmt: skip
    remembers = inspect(job_of(folder, own, "mine"), "AAAUSDT", 2)
    assert "signal" in {leak.kind for leak in remembers.leaks}


def test_names_without_any_are_all_of_the_house_and_ones_own(folder: Path, tmp_path: Path) -> None:
    job = job_of(folder, file_of(tmp_path))
    assert job.names[-1] == "mine"
    assert len(job.names) == len(set(job.names)) == 8
    assert msgspec.structs.replace(job, strategies=("mine",)).house == ()


PARAMETERS = HEAD.replace("NAME =", 'PARAMS = {"hour": 11, "give": 0.015}\nNAME =')
AT_AN_HOUR = NOON.replace("!= 11", '!= PARAMS["hour"]').replace("0.985", '(1 - PARAMS["give"])')


def test_other_parameters_are_read_by_its_code_and_are_another_question(folder: Path, tmp_path: Path) -> None:
    plain = ran(job_of(folder, file_of(tmp_path), "mine"))
    job = job_of(folder, file_of(tmp_path, AT_AN_HOUR, PARAMETERS), "mine")
    assert ran(job).fingerprint == plain.fingerprint
    cell = {"own.mine.hour": 3}
    early = ran(applied(job, cell), 2)
    assert {trade.signal_ms % (24 * HOUR_MS) for trade in early.trades} == {4 * HOUR_MS}
    assert cell_id(job, cell) != cell_id(job, {})
    assert ran(job).fingerprint == plain.fingerprint, "nothing of another question is left"


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("own.mine.minute", 3, "mine has no parameter 'minute', it has hour, give"),
        ("own.mine", 3, "mine has no parameter ''"),
        ("own.theirs.hour", 3, "'theirs' is not among the strategies of your own that are asked (mine)"),
        ("own.mine.hour", "noon", "'noon' is no int, as it is in the file"),
        ("own.mine.hour", 3.5, "3.5 is no int, as it is in the file"),
        ("nothing.mine", 3, "own.STRATEGY.PARAMETER"),
    ],
)
def test_parameters_that_are_not_there_cannot_be_tried(
    folder: Path, tmp_path: Path, key: str, value: object, said: str
) -> None:
    job = job_of(folder, file_of(tmp_path, AT_AN_HOUR, PARAMETERS), "mine")
    with pytest.raises(GridFault, match=re.escape(said)):
        applied(job, {key: value})
    assert applied(job, {"own.mine.give": 1}).own[0].params == (("hour", 11), ("give", 1))
