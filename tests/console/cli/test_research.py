"""The laboratory on the command line: shapes, files and exit codes of the contract."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from console.cli import main
from tests.support.laboratory import BAR, T0, folder_of, write_candles
from tests.support.series import walk

pa = pytest.importorskip("pyarrow", reason="reading Parquet needs the research extra")

KEYS = {
    "symbols", "from", "to", "bars", "wall_s", "bars_per_s", "costs", "trades", "win_rate", "profit_factor",
    "expectancy_r", "max_drawdown_r", "profit_factor_ci95", "random_entry_profit_factor", "fingerprint", "by_strategy",
}  # fmt: skip
ROW = {
    "symbol", "strategy", "side", "signal_time", "entry_time", "exit_time", "entry", "stop", "exit", "r_net", "reason",
}  # fmt: skip
FAST = ("--strategy", "action_price", "--set", "strategies.action_price.room_r=0", "--workers", "1", "--no-minutes")
LONG = 16_000  # bars that give enough trades to calibrate


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_of(tmp_path_factory.mktemp("cli"), ("AAAUSDT", "BTCUSDT"), bars=6000)


def call(capsys: pytest.CaptureFixture[str], tmp_path: Path, *args: str) -> tuple[int, Any, str]:
    code = main([*args, "--json", "--home", str(tmp_path)])
    said = capsys.readouterr()
    return code, json.loads(said.out), said.err


def test_backtest_prints_and_writes_what_the_contract_says(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trades, page = tmp_path / "trades.jsonl", tmp_path / "page.html"
    code, row, _ = call(capsys, tmp_path, "backtest", "--data", str(folder), *FAST,
                        "--trades", str(trades), "--report", str(page))  # fmt: skip
    assert code == 0
    assert row.keys() >= KEYS
    assert row["bars"] == 12_000
    assert row["trades"] > 0
    assert list(row["by_strategy"]) == ["action_price"]
    assert {"trades", "win_rate", "profit_factor", "expectancy_r"} <= row["by_strategy"]["action_price"].keys()
    assert row["fingerprint"].startswith("sha256:")
    lines = [json.loads(line) for line in trades.read_text().splitlines()]
    assert len(lines) == row["trades"]
    assert all(line.keys() == ROW for line in lines)
    assert lines == sorted(lines, key=lambda line: (line["entry_time"], line["symbol"], line["strategy"]))
    assert sum(line["r_net"] for line in lines) == pytest.approx(row["net_r"])
    text = page.read_text()
    assert "<svg" in text
    assert row["fingerprint"] in text
    assert "http" not in text  # nothing is loaded from elsewhere


def test_people_get_a_summary(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backtest", "--data", str(folder), *FAST, "--home", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "action_price" in said
    assert "random entries" in said


@pytest.mark.parametrize(
    ("args", "name"),
    [
        (("--symbols", "NOPEUSDT"), "usage"),
        (("--strategy", "nope"), "usage"),
        (("--from", "2026-02-01", "--to", "2026-01-01"), "usage"),
        (("--from", "yesterday"), "usage"),
        (("--taker-bps", "-1"), "usage"),
        (("--set", "strategies.action_price.nope=1"), "config"),
    ],
)
def test_impossible_questions_end_with_2(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], args: tuple[str, ...], name: str
) -> None:
    code, value, said = call(capsys, tmp_path, "backtest", "--data", str(folder), *args)
    assert code == 2
    assert value["error"]["code"] == name
    assert said.count("\n") == 1


def test_a_bad_file_ends_with_2_and_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write_candles(tmp_path / "d" / "AAAUSDT.parquet", walk(1, 40), volume=["x"] * 40)
    code, value, _ = call(capsys, tmp_path, "backtest", "--data", str(file.parent))
    assert code == 2
    assert value["error"]["where"] == str(file)
    assert "volume" in value["error"]["message"]


def test_a_bad_bar_is_named_on_stderr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    candles = walk(1, 3000)
    low = candles.low.copy()
    low[700] = -1.0
    folder = write_candles(tmp_path / "d" / "AAAUSDT.parquet", candles, low=low).parent
    code, row, said = call(capsys, tmp_path, "backtest", "--data", str(folder), *FAST)
    assert (code, row["bars_dropped"], row["bars"]) == (0, 1, 2999)
    assert "AAAUSDT.parquet: row 700" in said


def test_validate_lookahead_says_what_was_compared(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, value, _ = call(capsys, tmp_path, "validate", "lookahead", "--data", str(folder), *FAST[:-1],
                          "--symbols", "AAAUSDT", "--cuts", "1")  # fmt: skip
    assert code == 0
    assert value["ok"]
    assert value["compared"]["indicator"] > 0


def test_validate_warmup_shrinks_with_history(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, value, _ = call(capsys, tmp_path, "validate", "warmup", "--data", str(folder), "--symbols", "AAAUSDT")
    assert code == 0
    rows = {(row["tf"], row["name"]): row["by_bars"] for row in value["rows"]}
    assert rows["15m", "ema200"]["500"] is None  # absent before 800 bars
    assert rows["15m", "ema200"]["2000"] < rows["15m", "ema200"]["800"] < 0.5
    assert rows["15m", "rsi"]["2000"] < 1e-6


def test_validate_significance_counts_trials(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, value, _ = call(capsys, tmp_path, "validate", "significance", "--data", str(folder), *FAST[:-1],
                          "--sets", "10", "--trials", "20")  # fmt: skip
    assert code == 0
    assert value["random_sets"] == 10
    assert value["p_value_of_best"] >= value["p_value"]


def test_sweep_goes_on_and_is_the_same_again(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    grid = tmp_path / "grid.yaml"
    grid.write_text("parameters:\n  exits.trail_atr: [1.2, 2.0]\n  strategies.action_price.room_r: [0.0]\n")
    ask = ("sweep", str(grid), "--data", str(folder), "--strategy", "action_price", "--workers", "1")
    _, first, _ = call(capsys, tmp_path, *ask)
    kept = grid.with_suffix(".results.jsonl")
    lines = kept.read_text().splitlines()
    assert len(lines) == first["trials"] == 2
    kept.write_text(lines[0] + "\n" + lines[1][:40])  # interrupted while the second was written
    _, again, said = call(capsys, tmp_path, *ask)
    assert again == first
    assert "1 of 2 cells" in said
    code, row, _ = call(capsys, tmp_path, "backtest", "--data", str(folder), *FAST[:-1])
    assert code == 0
    cell = next(one for one in first["cells"] if one["cell"]["exits.trail_atr"] == 1.2)
    assert cell["fingerprint"] == row["fingerprint"]


@pytest.mark.parametrize("text", ["parameters: {}", "parameters: {nope.x: [1]}", "[", "parameters: {exits.nope: [1]}"])
def test_a_bad_grid_ends_with_2(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    grid = tmp_path / "grid.yaml"
    grid.write_text(text)
    code, value, _ = call(capsys, tmp_path, "sweep", str(grid), "--data", str(folder))
    assert code == 2
    assert value["error"]["where"] == str(grid)


def test_calibration_writes_only_when_asked(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ask = ("validate", "calibration", "--data", str(folder), *FAST[:-1])
    code, value, _ = call(capsys, tmp_path, *ask)
    assert code == 0
    assert not (tmp_path / "measured.json").exists()
    call(capsys, tmp_path, *ask, "--write-measured")
    written = json.loads((tmp_path / "measured.json").read_text())
    assert written["buckets"] == value["buckets"]
    assert re.fullmatch(r"\d+ symbols \d{4}-\d\d to \d{4}-\d\d(, flow \w+)?", written["of"])


def test_walkforward_on_one_process_equals_two(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    grid = tmp_path / "grid.yaml"
    grid.write_text("parameters:\n  exits.trail_atr: [1.2, 2.0]\n  risk.max_cost_r: [0.0, 0.15]\n")
    ask = ("validate", "walkforward", "--data", str(folder), "--strategy", "action_price", "--grid", str(grid),
           "--folds", "2", "--set", "strategies.action_price.room_r=0")  # fmt: skip
    code, one, _ = call(capsys, tmp_path, *ask, "--workers", "1")
    _, two, _ = call(capsys, tmp_path, *ask, "--workers", "2")
    assert code == 0
    assert one == two
    assert one["trials"] == 4
    assert len(one["folds"]) == 2
    assert one["out_of_sample"]["trades"] <= one["unchosen"]["trades"]


@pytest.fixture(scope="module")
def settlements(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Dear enough to be seen: 0.2 % at every settlement."""
    from pyarrow import parquet

    times = np.arange(T0, T0 + (LONG + 1) * BAR, 8 * 3_600_000)
    names = [symbol for symbol in ("AAAUSDT", "BTCUSDT") for _ in times]
    file = tmp_path_factory.mktemp("funding") / "settlements.parquet"
    columns = {"symbol": names, "funding_time": np.tile(times, 2), "funding_rate": np.full(len(names), 0.002)}
    parquet.write_table(pa.table(columns), file)
    return file


def without_source(value: Any) -> Any:
    """An answer without its words about where the funding came from."""
    costs = {name: paid for name, paid in value["costs"].items() if name != "funding"}
    return {**value, "costs": costs, "notes": [note for note in value["notes"] if "funding" not in note]}


@pytest.fixture(scope="module")
def longer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_of(tmp_path_factory.mktemp("longer"), ("AAAUSDT", "BTCUSDT"), bars=LONG)


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("walkforward", (*FAST[:-1], "--folds", "2")),
        ("significance", (*FAST[:-1], "--sets", "10")),
        ("calibration", ("--strategy", "liquidity_sweep", "--workers", "1")),
    ],
)
def test_recorded_and_assumed_funding_are_charged_alike(
    kind: str, more: tuple[str, ...], folder: Path, longer: Path, settlements: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    ask = ("validate", kind, "--data", str(longer if kind == "calibration" else folder), *more)
    _, free, _ = call(capsys, tmp_path, *ask)
    _, assumed, _ = call(capsys, tmp_path, *ask, "--assumed-funding-bps", "20")
    _, recorded, _ = call(capsys, tmp_path, *ask, "--funding", str(settlements))
    assert without_source(assumed) == without_source(recorded) != without_source(free)
    assert free.get("calibration") != {}  # enough trades to say something
    assert [found["costs"]["funding"] for found in (free, assumed, recorded)] == ["assumed", "assumed", "recorded"]
    assert free["costs"]["taker_bps"] == 5.0
    assert "recorded for 0% of the bars and assumed to be zero for the rest" in " ".join(free["notes"])
    assert "assumed to be 0.2000% every eight hours" in " ".join(assumed["notes"])
    assert "funding" not in " ".join(recorded["notes"])


def test_trades_judged_by_walkforward_pay_the_funding_of_a_backtest(
    folder: Path, settlements: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ask = ("--data", str(folder), *FAST[:-1], "--funding", str(settlements))
    file = tmp_path / "trades.jsonl"
    call(capsys, tmp_path, "backtest", *ask, "--trades", str(file))
    _, found, _ = call(capsys, tmp_path, "validate", "walkforward", *ask, "--folds", "2")
    tested_from = datetime.fromisoformat(found["folds"][0]["test_from"]).replace(tzinfo=UTC).timestamp() * 1000
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    later = [row["r_net"] for row in rows if row["entry_time"] >= tested_from]
    assert found["unchosen"]["trades"] == len(later) > 0
    assert found["unchosen"]["net_r"] == pytest.approx(sum(later))


@pytest.mark.parametrize("kind", ["walkforward", "calibration", "significance"])
def test_people_read_which_costs_were_counted(
    kind: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ask = ("validate", kind, "--data", str(folder), *FAST[:-1], "--assumed-funding-bps", "1", "--home", str(tmp_path))
    assert main([*ask]) == 0
    said = capsys.readouterr().out
    assert "costs 5/5 bp taker/maker, 1 bp slippage, funding assumed" in said
    assert "funding is recorded for 0% of the bars and assumed to be 0.0100% every eight hours for the rest" in said


def test_without_candles_the_way_to_some_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, value, _ = call(capsys, tmp_path, "backtest")
    assert code == 2
    assert "--data" in value["error"]["hint"]
