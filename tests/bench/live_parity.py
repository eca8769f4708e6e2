"""Decides recorded closes on the desk's stored window and on the whole history, and counts what differs.

Run as `python -m tests.bench.live_parity --data DIR [--symbols N] [--days N] [--workers N]`.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from strategies.settings import StrategySettings
from tests.support.parity import Parity, compare
from tests.support.replay import read_candles, with_flow

YEAR = 366 * 96  # the whole history of most recordings
CHOSEN = (
    "BTCUSDT",
    "ETHUSDT",
    "SOLUSDT",
    "ADAUSDT",
    "LINKUSDT",
    "DOTUSDT",
    "AAVEUSDT",
    "DOGEUSDT",
    "XRPUSDT",
    "LTCUSDT",
)


def one(symbol: str, folder: Path, closes: int) -> Parity:
    btc = read_candles(folder / "BTCUSDT.parquet")
    quarters = read_candles(folder / f"{symbol}.parquet")
    past = quarters.slice(max(0, len(quarters) - YEAR), len(quarters))
    return compare(symbol, past, btc, with_flow(StrategySettings(), True), closes)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--symbols", type=int, default=10)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    total = Parity()
    work = partial(one, folder=options.data / "klines" / "um" / "15m", closes=options.days * 96)
    with ProcessPoolExecutor(options.workers) as pool:
        for symbol, found in zip(CHOSEN, pool.map(work, CHOSEN[: options.symbols]), strict=False):
            print(
                f"{symbol}: {found.closes} closes, {found.verdicts} verdicts, {found.signals} signals, "
                f"{len(found.decisions)} decisions differ, {len(found.zone_differences)} zone sets differ",
                *found.decisions,
                sep="\n  ",
                flush=True,
            )
            total.add(found)
    print(f"\n{total.closes:,} closes, {total.verdicts:,} verdicts, {total.signals:,} signals on the whole history")
    print(f"decisions that differ: {len(total.decisions)}")
    print(f"reasons that differ: {len(total.reasons)}", *total.reasons[:20], sep="\n  ")
    print(f"scores that differ: {len(total.scores)}", *total.scores[:20], sep="\n  ")
    print(f"stops that differ by more than 1e-9: {dict(total.prices)}, the worst by {total.worst_price:.2e}")
    print(
        f"zones: {total.zone_sets:,} sets, {total.zones:,} zones, {len(total.zone_differences)} differences, "
        f"strength off by {total.worst_strength:.2e} at most",
        *total.zone_differences[:20],
        sep="\n  ",
    )


if __name__ == "__main__":
    main()
