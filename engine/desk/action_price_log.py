"""The Action Price JSON lines: one file per UTC day, a header, then one record per verdict and exit.

Flushed line by line; a line that a crash left unfinished is cut off at the next start. Numbers are finite or null.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from engine.clock import Clock
from strategies.action_price.record import record
from strategies.model import MarketSnapshot, Refusal, Signal

SCHEMA = 1
NAME = "action_price"


class ActionPriceLog:
    """Appends records below `folder`."""

    def __init__(self, folder: Path, clock: Clock, config_hash: str) -> None:
        self._folder = folder
        self._clock = clock
        self._hash = config_hash
        self._run_id = f"{clock.now_ms():x}"
        self._seq = 0
        self._mended: set[Path] = set()

    def verdict(self, verdict: Signal | Refusal, snapshot: MarketSnapshot) -> None:
        """A signal that was proposed, or a pattern that was turned down, with everything known about it."""
        kind = "signal_opened" if isinstance(verdict, Signal) else "signal_rejected"
        payload: dict[str, Any] = dict(record(verdict, snapshot))
        if isinstance(verdict, Refusal):
            payload["reason"] = {"code": verdict.reason, "detail": verdict.detail}
        self.write(kind, verdict.symbol, verdict.id, payload)

    def write(self, kind: str, symbol: str, signal_id: str, payload: Mapping[str, Any]) -> None:
        """One record in the common envelope."""
        now_ms = self._clock.now_ms()
        self._seq += 1
        line = {
            "schema": SCHEMA, "kind": kind, "ts_ms": now_ms, "seq": self._seq, "run_id": self._run_id,
            "symbol": symbol, "strategy_id": NAME, "signal_id": signal_id, "payload": _finite(payload),
        }  # fmt: skip
        with self._file(now_ms).open("ab") as out:
            out.write(msgspec.json.encode(line) + b"\n")

    def _file(self, now_ms: int) -> Path:
        day = datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y-%m-%d")
        file = self._folder / f"{NAME}-{day}.jsonl"
        if file not in self._mended:
            self._mended.add(file)
            cut_partial_line(file)
            if not file.exists() or not file.stat().st_size:
                self._folder.mkdir(parents=True, exist_ok=True)
                header = {"kind": "header", "schema": SCHEMA, "app": "perpdeck", "config_hash": self._hash}
                file.write_bytes(msgspec.json.encode(header) + b"\n")
        return file


def cut_partial_line(file: Path) -> None:
    """Remove what follows the last line end."""
    if not file.exists():
        return
    data = file.read_bytes()
    if data and not data.endswith(b"\n"):
        file.write_bytes(data[: data.rfind(b"\n") + 1])


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
