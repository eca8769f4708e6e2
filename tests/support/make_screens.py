"""Draws the screens of the documentation anew from a real demo: `python -m tests.support.make_screens`.

It is the walk of the first five minutes that keeps its frames; look at the difference before committing it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def main() -> int:
    """Run the walk; its exit code."""
    walk = ROOT / "tests" / "walks" / "test_first_minutes.py"
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-s", str(walk)],
        cwd=ROOT, env={**os.environ, "UPDATE_SCREENS": "1"}, check=False,
    ).returncode  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
