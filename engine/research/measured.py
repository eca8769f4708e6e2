"""The result file that stands behind every signal: what its like have earned, by strategy, score and market state.

Written only when asked for, into a home directory; the desk reads it at its start and shows n, win rate and net
expectancy with its interval beside a signal.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Final

import msgspec

from engine.desk.measured import FILE_NAME, Bucket, Table
from engine.research.result import Result
from engine.research.stats import LEAST, summary
from engine.research.trades import Trade

BOUNDS: Final[dict[str, tuple[float, ...]]] = {"action_price": (3, 4, 5, 6, 7, 8, 10, 20)}
OTHERS: Final = (3.0, 4.0, 5.0, 6.0, 7.0, 20.0)


def buckets_of(trades: Sequence[Trade]) -> tuple[Bucket, ...]:
    """Groups with enough trades for an interval; those of one market state before those of all."""
    found: list[Bucket] = []
    for strategy in sorted({trade.strategy for trade in trades}):
        ours = [trade for trade in trades if trade.strategy == strategy]
        bounds = BOUNDS.get(strategy, OTHERS)
        regimes = [*sorted({trade.regime for trade in ours}), ""]
        for regime in regimes:
            for low, high in pairwise(bounds):
                like = [t for t in ours if low <= t.score < high and regime in ("", t.regime)]
                bucket = _bucket(strategy, low, high, regime, like)
                if bucket is not None:
                    found.append(bucket)
    return tuple(found)


def table_of(result: Result) -> Table:
    """What a back-test says of scores, and on what."""
    traded = [one for one in result.symbols if one.trades]
    first = min((one.first_ms for one in traded), default=0)
    last = max((one.last_ms for one in traded), default=0)
    flow = "" if result.flow == "recorded" else f", flow {result.flow}"
    return Table(f"{len(traded)} symbols {_month(first)} to {_month(last)}{flow}", buckets_of(result.trades))


def write(home: Path, table: Table) -> Path:
    """Put the file in place at once, so that a reader sees the old one or the new one."""
    home.mkdir(parents=True, exist_ok=True)
    file, fresh = home / FILE_NAME, home / f".{FILE_NAME}.new"
    fresh.write_bytes(msgspec.json.format(msgspec.json.encode(table)))
    fresh.replace(file)
    return file


def _bucket(strategy: str, low: float, high: float, regime: str, trades: Sequence[Trade]) -> Bucket | None:
    if len(trades) < LEAST:
        return None
    figures = summary(trades)
    if figures.expectancy_ci95 is None or figures.win_rate is None or figures.expectancy_r is None:
        return None
    return Bucket(
        strategy, float(low), float(high), regime, figures.trades, figures.win_rate, figures.expectancy_r,
        *figures.expectancy_ci95,
    )  # fmt: skip


def _month(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m}"
