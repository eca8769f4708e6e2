"""What signals like this one have earned, from the laboratory's result file; `unmeasured` where nobody measured."""

from __future__ import annotations

from pathlib import Path

import msgspec

from strategies.model import Refusal, Signal

FILE_NAME = "measured.json"


class Bucket(msgspec.Struct, frozen=True):
    """Closed trades of one strategy, score bucket and regime; net of costs, out of sample."""

    strategy: str
    score_from: float
    score_to: float
    regime: str
    n: int
    win_rate: float
    expectancy_r: float
    low_r: float
    high_r: float


class Measured:
    """Looks results up by strategy, score and regime."""

    def __init__(self, buckets: tuple[Bucket, ...] = ()) -> None:
        self._buckets = buckets

    @classmethod
    def read(cls, home: Path) -> Measured:
        """The result file of a home directory; nothing measured when there is none or it cannot be read."""
        try:
            return cls(msgspec.json.decode((home / FILE_NAME).read_bytes(), type=tuple[Bucket, ...]))
        except (OSError, msgspec.MsgspecError):
            return cls()

    def text(self, verdict: Signal | Refusal) -> str:
        """One line for a pane or a card."""
        if verdict.score is None:
            return "unmeasured"
        regime = verdict.regime.state.value if isinstance(verdict, Signal) else ""
        for bucket in self._buckets:
            fits = bucket.strategy == verdict.strategy and bucket.score_from <= verdict.score < bucket.score_to
            if fits and bucket.regime in ("", regime):
                return (
                    f"n {bucket.n}, {bucket.win_rate:.0%} wins, net {bucket.expectancy_r:+.2f}R "
                    f"[{bucket.low_r:+.2f}, {bucket.high_r:+.2f}]"
                )
        return "unmeasured"
