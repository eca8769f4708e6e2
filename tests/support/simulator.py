"""The simulated exchange as a process of its own, for tests that want a counterpart nobody here can reach into."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def available() -> bool:
    """Whether there is a simulator to start."""
    return importlib.util.find_spec("engine.sim.serve") is not None


@contextmanager
def simulator(*options: str) -> Iterator[dict[str, Any]]:
    """Serve an exchange on a free port; yields its ready line, ends it with SIGTERM."""
    process = subprocess.Popen(
        [sys.executable, "-m", "engine.sim.serve", "--port", "0", *options],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    with process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()  # empty when it ended without being ready
            yield json.loads(line)
        finally:
            process.terminate()
