"""One and two Dask workers on loopback: the same sweep task by task, by the clock and by processor time.

Run as `python -m tests.bench.bench_cluster [--data DIR] [--symbols N]` where `perpdeck[cluster]` is installed. By the
clock other programs on the machine take part; by processor time a second worker costs what both spend beyond one.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from time import perf_counter, process_time

from engine.research.backtest import Job
from engine.research.data import files_of
from engine.research.sweep import cluster

RECORDED = Path(__file__).parents[3] / "shared" / "data"


def measure(folder: Path, symbols: int) -> None:
    from distributed import Client, LocalCluster

    names = tuple(list(files_of(folder))[:symbols])
    job = Job(folder=str(folder), symbols=names, draws=0)
    walls: list[float] = []
    spent: list[float] = []
    for workers in (1, 2):
        with (
            LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None, host="127.0.0.1") as local,
            Client(local) as client,
        ):
            before, started = sum(client.run(process_time).values()), perf_counter()
            done = cluster(local.scheduler_address)([job], [(0, name) for name in names])
            bars = sum(result.bars for _, result in done)
            walls.append(perf_counter() - started)
            spent.append(sum(client.run(process_time).values()) - before)
        print(f"  {workers} worker(s): {bars / walls[-1]:,.0f} bars/s, {spent[-1]:.1f} s of processor", flush=True)
    print(
        f"  two workers are {walls[0] / walls[1]:.2f}x one by the clock; with cores of their own "
        f"{2 * spent[0] / spent[1]:.2f}x"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=RECORDED / "klines" / "um")
    parser.add_argument("--symbols", type=int, default=24)
    given = parser.parse_args()
    if not given.data.is_dir():
        print(f"recorded candles are not at hand: {given.data}")
        return
    try:
        measure(given.data, given.symbols)
    except ImportError:
        print("dask is not installed: pip install 'perpdeck[cluster]'")


if __name__ == "__main__":
    main()
