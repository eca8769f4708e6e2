"""What signals like this one have earned, from the laboratory's result file; `unmeasured` where nobody measured.

A home without a file of its own has the one that comes with the desk: the shipped rules on fifty recorded perpetuals,
after costs, as `docs/results.md` says how to measure them again.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from strategies.model import Refusal, Signal

FILE_NAME = "measured.json"
SHIPPED = Path(__file__).parent / FILE_NAME


class Bucket(msgspec.Struct, frozen=True):
    """Closed trades of one strategy, score bucket and regime, net of costs; nothing was fitted to them."""

    strategy: str
    score_from: float
    score_to: float
    regime: str
    n: int
    win_rate: float
    expectancy_r: float
    low_r: float
    high_r: float


class Table(msgspec.Struct, frozen=True):
    """Groups and, in a few words, on what they were measured."""

    of: str
    buckets: tuple[Bucket, ...]


class Measured:
    """Looks results up by strategy, score and regime."""

    def __init__(self, table: Table = Table("", ())) -> None:  # noqa: B008 - it is frozen
        self._table = table

    @classmethod
    def read(cls, home: Path) -> Measured:
        """The result file of a home directory, else the shipped one; one that cannot be read says nothing."""
        file = home / FILE_NAME
        try:
            return cls(msgspec.json.decode((file if file.exists() else SHIPPED).read_bytes(), type=Table))
        except (OSError, msgspec.MsgspecError):
            return cls()

    def text(self, verdict: Signal | Refusal) -> str:
        """One line for a pane or a card."""
        if verdict.score is None:
            return "unmeasured"
        regime = verdict.regime.state.value if isinstance(verdict, Signal) else ""
        for bucket in self._table.buckets:
            fits = bucket.strategy == verdict.strategy and bucket.score_from <= verdict.score < bucket.score_to
            if fits and bucket.regime in ("", regime):
                return (
                    f"n {bucket.n}, {bucket.win_rate:.0%} wins, net {bucket.expectancy_r:+.2f}R "
                    f"[{bucket.low_r:+.2f}, {bucket.high_r:+.2f}] on {self._table.of}"
                )
        return "unmeasured"
