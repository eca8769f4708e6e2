"""Recorded order-book traffic, when the recordings are at hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PLACES = (ROOT / "../shared/data/captures", ROOT / "../shared/data/demo/captures", ROOT / "engine/sim/data/captures")


def capture(name: str) -> Path:
    """Path of a recording; skips the test, saying so, where it is not there."""
    for place in PLACES:
        if (path := place / name).exists():
            return path
    pytest.skip(f"the recording {name} is not on this machine")


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """Messages of a recording, in the order they were received."""
    arrow = pytest.importorskip("pyarrow", reason="recordings are read with pyarrow (extra: research)")
    with arrow.input_stream(str(path), compression="zstd") as stream:
        rest = b""
        while block := stream.read(1 << 20):
            *whole, rest = (rest + block).split(b"\n")
            yield from (json.loads(line) for line in whole if line)
        if rest:
            yield json.loads(rest)
