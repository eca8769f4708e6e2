"""Setups, signals and refusals by reason of every strategy over recorded perpetuals, as a table for the docs.

Run as `python -m tests.bench.analysis_table --data DIR [--days N] [--workers N]`; DIR holds `klines/um/15m/*.parquet`
and `klines_taker/um/15m/*.parquet`. Flow is measured where the recording has taker volume and estimated elsewhere;
order flow needs a live book and is absent on recordings.
"""

from __future__ import annotations

import argparse
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from time import perf_counter

from strategies.model import StrategyId
from strategies.settings import StrategySettings
from tests.support.replay import BtcHistory, History, read_candles, with_flow

DAY_MS = 86_400_000
Tally = dict[str, Counter[str]]


def tally(path: Path, btc_path: Path, days: int, estimate: bool) -> tuple[str, int, Tally]:
    """Counts of one symbol over its newest `days`: per strategy `setups`, `signals`, and refusals by reason."""
    settings = with_flow(StrategySettings(), estimate)
    quarters = read_candles(path)
    history = History(path.stem, quarters, settings)
    btc = BtcHistory(read_candles(btc_path), settings)
    until_ms = quarters.last_close_ms
    since_ms = until_ms - days * DAY_MS
    counts: Tally = {name.value: Counter() for name in StrategyId}
    for close_ms, names in history.candidates(since_ms, until_ms):
        found = history.evaluate(close_ms, names, btc.at(close_ms))
        for signal in found.signals:
            counts[signal.strategy].update(
                ("setups", "signals", f"{signal.variant} {'long' if signal.side > 0 else 'short'}")
            )
        for refusal in found.refusals:
            counts[refusal.strategy].update(("setups", refusal.reason))
    bars = int((quarters.open_time > since_ms).sum())
    return path.stem, bars, counts


def added(tallies: list[Tally]) -> Tally:
    total: Tally = {name.value: Counter() for name in StrategyId}
    for one in tallies:
        for name, counter in one.items():
            total[name] += counter
    return total


def table(title: str, symbols: int, bars: int, counts: Tally) -> str:
    """Markdown: one row per strategy, most frequent refusals first."""
    lines = [
        f"### {title}", "", f"{symbols} symbols, {bars:,} closes.", "",
        "| strategy | setups | signals | by variant and side | refusals by reason |", "|---|---:|---:|---|---|",
    ]  # fmt: skip
    for name, counter in counts.items():
        sides = [(key, n) for key, n in counter.items() if key.endswith((" long", " short")) and ":" not in key]
        reasons = [(key, n) for key, n in counter.most_common() if ":" in key]
        lines.append(
            f"| {name} | {counter['setups']:,} | {counter['signals']:,} | "
            f"{', '.join(f'{key} {n:,}' for key, n in sorted(sides)) or '-'} | "
            f"{', '.join(f'`{key}` {n:,}' for key, n in reasons) or '-'} |"
        )
    return "\n".join(lines) + "\n"


def run(files: list[Path], btc: Path, days: int, estimate: bool, workers: int) -> tuple[int, int, Tally]:
    work = partial(tally, btc_path=btc, days=days, estimate=estimate)
    with ProcessPoolExecutor(workers) as pool:
        results = list(pool.map(work, files))
    return len(results), sum(bars for _, bars, _ in results), added([counts for _, _, counts in results])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    started = perf_counter()
    for folder, title, estimate in (
        ("klines_taker/um/15m", "Measured flow", False),
        ("klines/um/15m", "Flow estimated", True),
    ):
        files = sorted((options.data / folder).glob("*.parquet"))
        btc = options.data / folder / "BTCUSDT.parquet"
        print(table(title, *run(files, btc, options.days, estimate, options.workers)))
    print(f"{perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
