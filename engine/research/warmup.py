"""How much history a value needs: the newest value from the last N bars against that from the whole history."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from engine.research.backtest import Job
from engine.research.data import read_tape
from engine.research.features import history_of
from strategies.indicators import indicators

LENGTHS: Final = (250, 500, 800, 1000, 2000)
MOMENTS: Final = 24
PRICES: Final = frozenset(("ema5", "ema9", "ema13", "ema20", "ema21", "ema50", "ema100", "ema200", "atr",
                           "bb_upper", "bb_lower"))  # fmt: skip


class WarmupRow(msgspec.Struct, frozen=True):
    """Largest difference over the moments: of prices in ATR, of all others in their own unit; None where absent."""

    tf: str
    name: str
    unit: str
    by_bars: dict[str, float | None]


def warmup(job: Job, symbol: str, frames: tuple[str, ...] = ("15m", "1h")) -> list[WarmupRow]:
    """Differences by history length for one symbol. Raises DataFault."""
    history = history_of(read_tape(Path(job.folder), symbol, job.to_ms, minutes=False), job.settings)
    rows: list[WarmupRow] = []
    for tf in frames:
        candles, whole = history.frames[tf], history.ind[tf]
        moments = np.unique(np.linspace(LENGTHS[-1], len(candles) - 1, MOMENTS).astype(int))
        if len(candles) <= LENGTHS[-1]:
            continue
        worst: dict[tuple[str, int], float] = {}
        for at in moments.tolist():
            for bars in LENGTHS:
                short = indicators(candles.slice(at + 1 - bars, at + 1), tick=history.tick, recent=1)
                for name in short.__struct_fields__:
                    now, then = float(getattr(short, name)[-1]), float(getattr(whole, name)[at])
                    unit = float(whole.atr[at]) if name in PRICES else 1.0
                    if np.isfinite(now) and np.isfinite(then) and unit > 0:
                        worst[name, bars] = max(worst.get((name, bars), 0.0), abs(now - then) / unit)
        rows += [
            WarmupRow(
                tf, name, "ATR" if name in PRICES else "own",
                {str(bars): worst.get((name, bars)) for bars in LENGTHS},
            )
            for name in whole.__struct_fields__
        ]  # fmt: skip
    return rows
