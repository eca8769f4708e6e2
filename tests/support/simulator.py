"""The simulated exchange as a process of its own, for tests that want a counterpart nobody here can reach into."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
START_TIMEOUT_S = 30.0


def available() -> bool:
    """Whether there is a simulator to start."""
    return importlib.util.find_spec("engine.sim.serve") is not None


@asynccontextmanager
async def simulator(*options: str) -> AsyncIterator[dict[str, Any]]:
    """Serve an exchange on a free port; yields its ready line, ends it with SIGTERM."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "engine.sim.serve", "--port", "0", *options,
        cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        async with asyncio.timeout(START_TIMEOUT_S):
            line = await process.stdout.readline()
        yield json.loads(line)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
