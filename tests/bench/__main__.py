"""All benches, one after the other, and their figures as one table. Run as `python -m tests.bench [name part ...]`.

A bench whose peer cannot be had says so and is left out. The history is kept beside the build, a line for each run.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from tests.bench.table import ROWS, Run, read_history, read_rows, table

ROOT = Path(__file__).parents[2]
HISTORY = ROOT / "build" / "bench" / "history.jsonl"
BENCHES = (
    "bench_ingest", "bench_features", "bench_close", "bench_store", "bench_backtest", "bench_console", "bench_approve",
    "bench_size",
)  # fmt: skip


def commit() -> str:
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip()


def main(parts: list[str]) -> int:
    chosen = [name for name in BENCHES if not parts or any(part in name for part in parts)]
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder) / "rows.jsonl"
        for number, name in enumerate(chosen, 1):
            print(f"\n[{number}/{len(chosen)}] {name}", flush=True)
            done = subprocess.run(
                [sys.executable, "-m", f"tests.bench.{name}"],
                cwd=ROOT,
                env={**os.environ, ROWS: str(rows)},
                check=False,
            )
            if done.returncode:
                failed.append(name)
        figures = read_rows(rows)
    machine = f"{platform.machine()} {os.cpu_count()} cores, Python {platform.python_version()}"
    before = {figure.name: figure.value for run in read_history(HISTORY, machine) for figure in run.figures}
    print(f"\n{machine}\n{table(figures, before)}")
    run = Run(datetime.now(UTC).isoformat(timespec="seconds"), commit(), machine, tuple(figures))
    HISTORY.parent.mkdir(parents=True, exist_ok=True)
    with HISTORY.open("ab") as history:
        history.write(msgspec.json.encode(run) + b"\n")
    if failed:
        print(f"\nended with an error: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
