"""What an installation takes on disk, beside the chosen packages alone. Prints ratios.

Run as `python -m tests.bench.bench_size`: fresh environments in a temporary folder, one with nothing but the packages
its owner chose, by pip; the desk with what it needs by pip too, and as the pages tell a trader to install it, by
`uv tool install`, which brings no installer along and compiles nothing ahead. Skipped with a word where no index can be
reached.
"""

from __future__ import annotations

import os
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
    return size_mb(folder)


def size_mb(folder: Path) -> float:
    """Megabytes on disk of everything below a folder, a linked file counted once."""
    found = {file.stat().st_ino: file.stat().st_blocks for file in folder.rglob("*") if file.is_file()}
    return sum(found.values()) * 512 / 2**20


def as_told_mb(place: Path) -> float | None:
    """Megabytes of `uv tool install`; None where it cannot be had."""
    places = {"UV_TOOL_DIR": str(place / "tools"), "UV_TOOL_BIN_DIR": str(place / "bin")}
    uv = Path(sys.executable).with_name("uv")
    done = subprocess.run(
        [str(uv), "tool", "install", "-q", str(ROOT)], capture_output=True, check=False, env={**os.environ, **places}
    )
    return None if done.returncode else size_mb(place / "tools")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        chosen = installed_mb(place / "chosen", *CHOSEN)
        desk, told = installed_mb(place / "desk", str(ROOT)), as_told_mb(place)
    if desk is None or chosen is None or told is None:
        print("size: skipped, the packages cannot be had here")
        return
    note(
        "installed as told, to the chosen packages by pip",
        told / chosen,
        goal=GOAL,
        detail=f"{told:.0f} to {chosen:.0f} MB",
    )
    note("installed by pip, to the chosen packages by pip", desk / chosen, detail=f"{desk:.0f} to {chosen:.0f} MB")


if __name__ == "__main__":
    main()
