"""What an installation takes on disk, beside the chosen packages alone. Prints ratios.

Run as `python -m tests.bench.bench_size`: two fresh environments in a temporary folder, one with the desk and what it
needs, one with nothing but the packages its owner chose. Skipped with a word where no index can be reached.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from tests.bench.table import note

ROOT = Path(__file__).parents[2]
CHOSEN = (
    "textual", "rich", "aiohttp", "websockets", "pandas", "numpy", "pandas-ta-classic", "SQLAlchemy", "pyyaml",
    "python-dotenv", "python-telegram-bot",
)  # fmt: skip
GOAL = 0.8


def installed_mb(folder: Path, *wanted: str) -> float | None:
    """Megabytes of an environment with these packages; None where they cannot be had."""
    venv.create(folder, with_pip=True)
    done = subprocess.run(
        [str(folder / "bin" / "python"), "-m", "pip", "install", "-q", *wanted], capture_output=True, check=False
    )
    if done.returncode:
        return None
    return sum(file.lstat().st_blocks * 512 for file in folder.rglob("*") if file.is_file()) / 2**20


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        desk = installed_mb(Path(place) / "desk", str(ROOT))
        chosen = installed_mb(Path(place) / "chosen", *CHOSEN)
    if desk is None or chosen is None:
        print("size: skipped, the packages cannot be had here", file=sys.stderr)
        return
    note(
        "installed size, to the chosen packages alone",
        desk / chosen,
        goal=GOAL,
        detail=f"{desk:.0f} to {chosen:.0f} MB",
    )


if __name__ == "__main__":
    main()
