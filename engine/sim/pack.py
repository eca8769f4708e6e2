"""Builds the bundled pack from the recordings: `python -m engine.sim.pack SOURCE [TARGET]`.

SOURCE is a directory with `demo/` (candles, capture) and `reference/` (listing, brackets, prices) as described in
the pack's PROVENANCE.md. The pack itself needs numpy and nothing else to be read; building it needs pyarrow.
The same sources give the same bytes.
"""

from __future__ import annotations

import gzip
import json
import sys
import zipfile
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from engine.sim.book_shape import measure_shape
from engine.sim.listing import listing_rows

COLUMNS = ("open", "high", "low", "close", "volume", "quote_volume", "trades", "taker_buy_volume")
TICK, STEP = 0.1, 0.001  # of the captured symbol


def build(source: Path, target: Path) -> None:
    """Write every file of the pack to `target`."""
    target.mkdir(parents=True, exist_ok=True)
    for interval in ("15m", "1m"):
        folder = source / "demo" / "klines" / interval
        _write_arrays(target / f"candles_{interval}.npz", _candles(folder))
    capture = _capture(next((source / "demo" / "captures").glob("*.jsonl.zst")))
    _write_arrays(target / "capture.npz", capture)
    _write_arrays(target / "book_shape.npz", measure_shape(capture))
    reference = source / "reference"
    rows = listing_rows(
        _read_json(reference / "exchange_info_um_merged_derived.json.gz")["symbols"],
        _read_json(reference / "symbol_filters_um_mainnet_2025-10-23.json.gz")["symbols_info"],
        _read_json(reference / "symbol_status_um_2026-08-06.json.gz")["coins"],
        _read_json(reference / "leverage_brackets_um_2026-09.json.gz"),
        _read_json(reference / "ticker_price_um_2025-06-29.json.gz"),
    )
    text = json.dumps(rows, separators=(",", ":"), ensure_ascii=False).encode()
    (target / "listing.json.gz").write_bytes(gzip.compress(text, 9, mtime=0))


def _candles(folder: Path) -> dict[str, np.ndarray]:
    """`{symbol}.{column}` float64 arrays; a column the source did not record is left out."""
    from pyarrow import parquet  # noqa: PLC0415 - only building needs it

    arrays: dict[str, np.ndarray] = {}
    for file in sorted(folder.glob("*.parquet")):
        table = parquet.read_table(file)
        arrays[f"{file.stem}.open_time"] = table["open_time"].to_numpy()[:1].astype(np.int64)
        for column in COLUMNS:
            if table[column].null_count == 0:
                arrays[f"{file.stem}.{column}"] = table[column].to_numpy().astype(np.float64)
    return arrays


def _capture(file: Path) -> dict[str, np.ndarray]:
    """The recording as integer arrays: prices in ticks, quantities in steps, `at_ms` since its first line."""
    import pyarrow  # noqa: PLC0415 - the only zstd reader at hand

    lines = [json.loads(line) for line in pyarrow.input_stream(str(file), compression="zstd").read().splitlines()]
    start_ns = lines[0]["recv_ns"]
    depth: list[tuple[int, ...]] = []
    levels: list[tuple[int, int, int, int]] = []
    tickers: list[tuple[int, ...]] = []
    trades: list[tuple[int, ...]] = []
    snapshot: list[tuple[int, int, int, int]] = []
    snapshot_id = 0
    for line in lines:
        at_ms = (line["recv_ns"] - start_ns) // 1_000_000
        data = line["msg"].get("data", line["msg"])
        if "lastUpdateId" in data:
            snapshot_id = data["lastUpdateId"]
            snapshot = list(_levels(0, data, "bids", "asks"))
        elif data["e"] == "depthUpdate":
            levels.extend(_levels(len(depth), data, "b", "a"))
            depth.append((at_ms, data["E"], data["T"], data["U"], data["u"], data["pu"]))
        elif data["e"] == "bookTicker":
            tickers.append((at_ms, data["E"], data["T"], data["u"], _ticks(data["b"]), _steps(data["B"]),
                            _ticks(data["a"]), _steps(data["A"])))  # fmt: skip
        else:
            market = data["X"] == "MARKET"
            trades.append(
                (at_ms, data["E"], data["T"], data["t"], _ticks(data["p"]), _steps(data["q"]), data["m"], market)
            )
    named = {"depth": depth, "levels": levels, "tickers": tickers, "trades": trades, "snapshot": snapshot}
    arrays = {name: np.array(rows, dtype=np.int64) for name, rows in named.items()}
    return arrays | {"snapshot_id": np.array([snapshot_id], dtype=np.int64)}


def _levels(event: int, data: Mapping[str, Any], bids: str, asks: str) -> Iterator[tuple[int, int, int, int]]:
    for side, name in ((0, bids), (1, asks)):
        for price, qty in data[name]:
            yield event, side, _ticks(price), _steps(qty)


def _ticks(text: str) -> int:
    return round(float(text) / TICK)


def _steps(text: str) -> int:
    return round(float(text) / STEP)


def _read_json(file: Path) -> Any:
    return json.loads(gzip.decompress(file.read_bytes()))


def _write_arrays(file: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """An .npz whose bytes depend on the arrays only (numpy's own writer stamps the time)."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(arrays):
            buffer = BytesIO()
            np.lib.format.write_array(buffer, np.ascontiguousarray(arrays[name]), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0)), buffer.getvalue(),
                             zipfile.ZIP_DEFLATED, 9)  # fmt: skip


if __name__ == "__main__":
    here = Path(__file__).parent / "data"
    build(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else here)
