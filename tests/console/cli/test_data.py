"""History from the command line, against a served exchange: what is pulled, what a kill leaves, what is told."""

from __future__ import annotations

import contextlib
import json
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.home import PERPDECK, Home
from tests.support.simulator import simulator

M15 = 900_000
T0 = 1_767_225_600_000
SYMBOLS = "BTCUSDT,ETHUSDT,SOLUSDT,BNBUSDT,XRPUSDT,ADAUSDT,LINKUSDT,AAVEUSDT,DOTUSDT,DOGEUSDT"


@pytest.fixture
def exchange() -> Iterator[dict[str, Any]]:
    # Quick, so that the weight lane does not make a test wait.
    with simulator("--symbols", SYMBOLS, "--speed", "60") as ready:
        yield ready


@pytest.fixture
def home(tmp_path: Path, exchange: dict[str, Any]) -> Iterator[Home]:
    with Home(tmp_path, PERPDECK__VENUE="sim", PERPDECK__SIM__URL=exchange["rest"]) as made:
        yield made


def stored(home: Home) -> list[tuple[str, str, int]]:
    (file,) = (home.folder / "sim").glob("*/history.sqlite")
    with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        return database.execute("SELECT symbol, tf, open_time FROM candles ORDER BY 1, 2, 3").fetchall()


def begun(home: Home) -> list[tuple[str, str, int]]:
    """What is stored by a command that may not have made its database yet."""
    try:
        return stored(home)
    except (ValueError, sqlite3.OperationalError):
        return []


def test_a_pull_that_was_killed_is_completed_by_the_next_without_a_double_or_a_hole(home: Home) -> None:
    killed = home.start("data", "pull", "--days", "20")
    Home.wait("some bars", lambda: len(begun(home)) >= 500 or killed.poll() is not None, 90)
    killed.send_signal(signal.SIGKILL)
    _, said = killed.communicate()
    assert killed.returncode == -signal.SIGKILL, said
    before = stored(home)
    done = home.run("data", "pull", "--days", "20", "--json", timeout_s=120)
    assert done.returncode == 0, done.stderr
    value = json.loads(done.stdout)
    assert (value["symbols"], value["failed"]) == (10, [])
    assert value["complete"] + len(value["partial"]) == 10
    assert "10 symbols:" in done.stderr
    assert "weight" in done.stderr
    after = stored(home)
    assert set(before) <= set(after)
    assert len(after) == len(set(after))
    assert home.json("data", "gaps") == []
    assert home.json("data", "verify")["ok"]
    again = home.json("data", "pull", "BTCUSDT", "--days", "20")
    assert again["symbols"] == 1
    assert again["weight"] <= 1


def test_an_unknown_symbol_and_an_exchange_that_is_away_end_with_their_codes(home: Home) -> None:
    assert home.json("data", "pull", "NOSUCHUSDT", code=2)["error"]["code"] == "unknown_symbol"
    away = home.run("data", "pull", "--sim-url", "http://127.0.0.1:9", "--json", timeout_s=120)
    assert away.returncode == 9, away.stdout
    assert json.loads(away.stdout)["error"]["code"] == "exchange"


def bars(**changes: Any) -> dict[str, Any]:
    columns: dict[str, Any] = {
        "open_time": [T0 + n * M15 for n in range(4)], "open": [1.0] * 4, "high": [2.0] * 4, "low": [0.5] * 4,
        "close": [1.5] * 4, "volume": [9.0] * 4,
    }  # fmt: skip
    return {**columns, **changes}


def test_bars_of_ones_own_come_in_and_a_wrong_file_names_its_place(tmp_path: Path) -> None:
    good, bad = tmp_path / "ETHUSDT.parquet", tmp_path / "SOLUSDT.parquet"
    pq.write_table(pa.table(bars(low=[0.5, -1.0, 0.5, 0.5])), good)
    pq.write_table(pa.table(bars(close=["x"] * 4)), bad)
    with Home(tmp_path) as home:
        refused = home.run("data", "import", str(good), str(bad), "--json")
        assert refused.returncode == 2
        error = json.loads(refused.stdout)["error"]
        assert error["where"] == f"{bad}, column close"
        assert home.json("data", "gaps") == []
        (row,) = home.json("data", "import", str(good))
        assert (row["symbol"], row["tf"], row["bars"], row["dropped"]) == ("ETHUSDT", "15m", 3, 1)
        assert f"bar of {T0 + M15}" in row["faults"][0]
        (gap,) = home.json("data", "gaps")
        assert (gap["symbol"], gap["from_ms"], gap["missing"], gap["state"]) == ("ETHUSDT", T0 + M15, 1, "new")
        assert home.json("data", "verify", "--offline")["bars"] == 3
        assert home.run("data", "import", str(tmp_path / "none.csv")).returncode == 2


def test_databases_tell_their_version_are_upgraded_and_copied(tmp_path: Path) -> None:
    with Home(tmp_path) as home:
        assert home.json("db", "current")["history"]["revision"] is None
        assert home.json("db", "backup", str(tmp_path / "copies"), code=1)["error"]["code"] == "no_database"
        upgraded = home.json("db", "upgrade")
        assert upgraded["trading"] == {"from": None, "to": home.json("db", "current")["trading"]["head"]}
        copies = home.json("db", "backup", str(tmp_path / "copies"))
        assert set(copies) == {"trading", "history"}
        with contextlib.closing(sqlite3.connect(copies["trading"])) as copy:
            assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert copy.execute("SELECT count(*) FROM signals").fetchone() == (0,)


def test_old_bars_are_pruned_and_counted(tmp_path: Path) -> None:
    old = tmp_path / "ETHUSDT.parquet"
    pq.write_table(pa.table(bars(open_time=[1_600_000_200_000 // M15 * M15 + n * M15 for n in range(4)])), old)
    with Home(tmp_path) as home:
        home.json("data", "import", str(old))
        assert home.json("data", "prune") == {"15m": 4, "1m": 0, "trades": 0}


def test_without_the_library_the_extra_is_named_and_the_code_is_two(tmp_path: Path) -> None:
    file = tmp_path / "ETHUSDT.parquet"
    pq.write_table(pa.table(bars()), file)
    blocked = tmp_path / "blocked"
    blocked.mkdir()
    (blocked / "pyarrow.py").write_text("raise ModuleNotFoundError('pyarrow')\n")
    with Home(tmp_path) as home:
        environment = {**home.environment, "PYTHONPATH": f"{blocked}:{home.environment['PYTHONPATH']}"}
        done = subprocess.run(
            [*PERPDECK, "data", "import", str(file), "--json"], capture_output=True, text=True, check=False,
            env=environment, timeout=60,
        )  # fmt: skip
    assert done.returncode == 2
    assert "perpdeck[research]" in json.loads(done.stdout)["error"]["message"]
