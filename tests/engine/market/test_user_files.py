from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.market.user_files import BadFile, NeedsExtra, named, read_bars

T0 = 1_767_225_600_000
M15 = 900_000
GOOD: dict[str, list[Any]] = {
    "open_time": [T0, T0 + M15, T0 + 2 * M15],
    "open": [1.0, 1.1, 1.2], "high": [1.5, 1.6, 1.7], "low": [0.9, 1.0, 1.1], "close": [1.1, 1.2, 1.3],
    "volume": [10.0, 11.0, 12.0],
}  # fmt: skip


def parquet(folder: Path, columns: dict[str, Any]) -> Path:
    file = folder / "BTCUSDT.parquet"
    pq.write_table(pa.table(columns), file)
    return file


def csv_file(folder: Path, text: str) -> Path:
    file = folder / "BTCUSDT.csv"
    file.write_text(text)
    return file


@pytest.mark.parametrize(
    ("name", "symbol", "tf"),
    [
        ("BTCUSDT.parquet", "BTCUSDT", ""),
        ("ETHUSDT-1m-2026-11.csv", "ETHUSDT", "1m"),
        ("1000PEPEUSDT-15m.csv", "1000PEPEUSDT", "15m"),
        ("my bars.csv", "", ""),
    ],
)
def test_a_name_says_symbol_and_timeframe(name: str, symbol: str, tf: str) -> None:
    assert named(Path(name)) == (symbol, tf)


def test_parquet_and_csv_bring_the_same_bars(tmp_path: Path) -> None:
    rows = zip(*GOOD.values(), strict=True)
    text = ",".join(GOOD) + "\n" + "\n".join(",".join(map(str, row)) for row in rows) + "\n"
    first, second = read_bars(parquet(tmp_path, GOOD), "15m"), read_bars(csv_file(tmp_path, text), "15m")
    assert [bar.row("B", "15m")[:8] for bar in first.bars] == [bar.row("B", "15m")[:8] for bar in second.bars]
    assert len(first.bars) == 3
    assert first.dropped == 0


def test_columns_a_source_did_not_record_may_be_null(tmp_path: Path) -> None:
    columns = {**GOOD, "taker_buy_volume": pa.array([None, 4.0, None], pa.float64()), "trades": [1, 2, 3]}
    bars = read_bars(parquet(tmp_path, columns), "15m").bars
    assert [bar.taker_buy == 4.0 for bar in bars] == [False, True, False]
    assert [bar.trades for bar in bars] == [1, 2, 3]


def test_the_archives_own_csv_without_a_header_is_read(tmp_path: Path) -> None:
    text = f"{T0},1.0,1.5,0.9,1.1,10,{T0 + M15 - 1},11,7,4,4.4,0\n"
    (bar,) = read_bars(csv_file(tmp_path, text), "15m").bars
    assert (bar.open, bar.close, bar.volume, bar.quote_volume, bar.trades, bar.taker_buy) == (1.0, 1.1, 10, 11, 7, 4)


def test_one_bad_bar_is_left_out_and_named(tmp_path: Path) -> None:
    found = read_bars(parquet(tmp_path, {**GOOD, "low": [0.9, -1.0, 1.1]}), "15m")
    assert [bar.open_ms for bar in found.bars] == [T0, T0 + 2 * M15]
    assert found.dropped == 1
    assert found.faults == (f"row 2, bar of {T0 + M15}: its low is -1.0",)


@pytest.mark.parametrize(
    ("change", "place", "words"),
    [
        ({"close": None}, "column close", "is missing"),
        ({"close": ["a", "b", "c"]}, "column close", "not a number"),
        ({"open_time": [T0 // 1000, T0 // 1000 + 900, T0 // 1000 + 1800]}, "column open_time, row 1", "milliseconds"),
        ({"open_time": [float(T0)] * 3}, "column open_time", "whole milliseconds"),
        ({"open_time": [T0, T0, T0 + M15]}, "row 2", "is there twice"),
        ({"open_time": [T0, T0 + 2 * M15, T0 + M15]}, "row 3", "older than the row before"),
        ({name: values[:0] for name, values in GOOD.items()}, "column", ""),
        ({"open_time": [T0 + 1, T0 + M15 + 1, T0 + 2 * M15 + 1]}, "", "no valid 15m bar"),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(tmp_path: Path, change: dict[str, Any], place: str, words: str) -> None:
    columns = {name: values for name, values in {**GOOD, **change}.items() if values is not None}
    with pytest.raises(BadFile) as caught:
        read_bars(parquet(tmp_path, columns), "15m")
    assert caught.value.place == place or (place == "column" and "no" in str(caught.value))
    assert words in str(caught.value)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", ""),
        ("time,price\n1,2\n", "column open_time"),
        (f"open_time,open,high,low,close,volume\n{T0},1,2,0.5,x,3\n", "column close, row 1"),
        (f"open_time,open,high,low,close,volume\n{T0},1,2\n", "row 1"),
    ],
)
def test_a_wrong_csv_is_refused_with_its_place(tmp_path: Path, text: str, place: str) -> None:
    with pytest.raises(BadFile) as caught:
        read_bars(csv_file(tmp_path, text), "15m")
    assert caught.value.place == place


def test_what_is_no_parquet_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "BTCUSDT.parquet"
    file.write_bytes(b"nonsense")
    with pytest.raises(BadFile, match="not a Parquet file"):
        read_bars(file, "15m")


def test_without_the_library_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = parquet(tmp_path, GOOD)
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.startswith("pyarrow"):
            raise ModuleNotFoundError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(NeedsExtra, match=r"perpdeck\[research\]"):
        read_bars(file, "15m")
