"""A folder of candles is taken as it is, or refused by file and column or row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.research.data import DataFault, files_of, read_funding, read_tape
from tests.support.laboratory import write_candles
from tests.support.series import walk

pa = pytest.importorskip("pyarrow", reason="reading Parquet needs the research extra")


def test_missing_taker_volume_is_absent_not_zero(tmp_path: Path) -> None:
    candles = walk(1, 50)
    write_candles(tmp_path / "AUSDT.parquet", candles, taker_buy_volume=pa.nulls(50, pa.float64()))
    assert np.isnan(read_tape(tmp_path, "AUSDT").bars.taker_buy).all()


def test_folders_below_are_found(tmp_path: Path) -> None:
    write_candles(tmp_path / "15m" / "AUSDT.parquet", walk(1, 50))
    write_candles(tmp_path / "1m" / "AUSDT.parquet", walk(1, 60, tf="1m"))
    tape = read_tape(tmp_path, "AUSDT")
    assert list(files_of(tmp_path)) == ["AUSDT"]
    assert tape.minutes is not None
    assert len(tape.minutes) == 60


def test_a_bad_bar_is_left_out_counted_and_named(tmp_path: Path) -> None:
    candles = walk(1, 50)
    low = candles.low.copy()
    low[7] = candles.high[7] + 1
    high = candles.high.copy()
    high[9] = np.nan
    write_candles(tmp_path / "AUSDT.parquet", candles, low=low, high=high)
    tape = read_tape(tmp_path, "AUSDT")
    assert tape.dropped == 2
    assert len(tape.bars) == 48
    assert "row 7" in tape.faults[0]
    assert "row 9" in tape.faults[1]


N = 40
TIMES = walk(1, N).open_time
SWAPPED = TIMES.copy()
SWAPPED[[5, 6]] = SWAPPED[[6, 5]]
TWICE = TIMES.copy()
TWICE[6] = TWICE[5]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"volume": None}, "column 'volume' is missing"),
        ({"close": ["1.0"] * N}, "column 'close' is string"),
        ({"open_time": TIMES.astype(np.float64)}, "column 'open_time' is double"),
        ({"open_time": TIMES // 1000}, "seconds instead of milliseconds"),
        ({"open_time": SWAPPED}, "row 6 is earlier than"),
        ({"open_time": TWICE}, "row 6 repeats"),
    ],
)
def test_a_wrong_file_is_refused_by_name(tmp_path: Path, columns: dict[str, object], said: str) -> None:
    file = write_candles(tmp_path / "AUSDT.parquet", walk(1, N), **columns)
    with pytest.raises(DataFault) as caught:
        read_tape(tmp_path, "AUSDT")
    assert caught.value.file == file
    assert said in str(caught.value)


def test_empty_unreadable_and_missing_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataFault, match="no SYMBOL"):
        files_of(tmp_path)
    write_candles(tmp_path / "AUSDT.parquet", walk(1, 50).slice(0, 0))
    with pytest.raises(DataFault, match="no rows"):
        read_tape(tmp_path, "AUSDT")
    (tmp_path / "AUSDT.parquet").write_bytes(b"not parquet at all")
    with pytest.raises(DataFault, match="not a Parquet file"):
        read_tape(tmp_path, "AUSDT")


def test_settlements_are_sorted_by_symbol_and_time(tmp_path: Path) -> None:
    from pyarrow import parquet

    file = tmp_path / "funding.parquet"
    rows = {"symbol": ["B", "A", "B"], "funding_time": [2 * 10**12, 10**12, 10**12], "funding_rate": [0.2, 0.1, 0.3]}
    parquet.write_table(pa.table(rows), file)
    found = read_funding(file)
    assert found["B"].at_ms.tolist() == [10**12, 2 * 10**12]
    assert found["B"].rate.tolist() == [0.3, 0.2]
    parquet.write_table(pa.table({**rows, "funding_time": [1, 2, 3]}), file)
    with pytest.raises(DataFault, match="milliseconds"):
        read_funding(file)
