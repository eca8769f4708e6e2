"""What a strategy of your own sees and says. A file of yours imports from here; nothing else of the desk is needed.

    NAME = "ema_pullback"                        # lower case, as it is printed everywhere
    TIMEFRAME = "15m"                            # 15m, 1h, 4h or 1d: called after each close of it
    SYMBOLS = ("BTCUSDT", "ETHUSDT")             # optional: only these
    PARAMS = {"fast": 20, "slow": 100}           # optional: what `evaluate` reads here, a sweep may change

    def evaluate(snapshot: Snapshot) -> Proposal | Refused | None: ...

The function is called for one symbol at a time and sees closed bars only. It answers `None` when there is nothing to
talk about, `Refused` for a near miss worth showing, `Proposal` for a trade. The desk then checks the stop, asks its
filters, settles conflicts with the other strategies and waits for a person, as for every signal.
"""

from __future__ import annotations

from typing import Any, Literal, Protocol

import msgspec

Kind = Literal["breakout", "retest", "pullback", "mean_reversion", "cross"]


class Condition(msgspec.Struct, frozen=True):
    """One thing that was asked. `holds` None: it could not be known. `need` says in words what was asked for."""

    name: str
    holds: bool | None
    value: float | None = None
    need: str = ""


class Proposal(msgspec.Struct, frozen=True):
    """A trade at the market after this close.

    `stop` is a price; `targets_r` are the first two targets in multiples of the risk; `score` ranks this trade against
    those of other strategies on the same symbol (theirs enter from 3). `kind` tells filters and time stops what it is:
    a `mean_reversion` is not taken while BTC moves violently and is given up sooner.
    """

    side: Literal["long", "short"]
    stop: float
    score: float
    conditions: tuple[Condition, ...] = ()
    targets_r: tuple[float, float] = (1.0, 2.0)
    kind: Kind = "breakout"
    notes: dict[str, float | str | None] = {}


class Refused(msgspec.Struct, frozen=True):
    """A near miss: shown with its reason and conditions, never traded."""

    side: Literal["long", "short"]
    reason: str
    conditions: tuple[Condition, ...] = ()
    score: float | None = None
    notes: dict[str, float | str | None] = {}


class Level(msgspec.Struct, frozen=True):
    """A support (`S`) or resistance (`R`) zone; prices, strength 0 to 100."""

    kind: Literal["S", "R"]
    low: float
    high: float
    strength: float
    timeframe: str


class Snapshot(Protocol):
    """One symbol at one close. None is absent: neither zero nor false."""

    @property
    def symbol(self) -> str: ...

    @property
    def close_ms(self) -> int:
        """The close that is decided on, UTC milliseconds."""

    @property
    def tick(self) -> float:
        """Smallest step of the price."""

    @property
    def regime(self) -> str:
        """TREND, SQUEEZE, RANGE, CHOP or UNDECIDED, of the 4h bars."""

    @property
    def trend(self) -> int:
        """+1 or -1 in a TREND, else 0."""

    @property
    def btc_change_pct(self) -> float | None:
        """Change of BTCUSDT over three hours."""

    @property
    def spread(self) -> float | None: ...

    def frame(self, timeframe: str) -> Any:
        """Closed bars as a pandas frame of your own to change at will, oldest first, with the `.ta` accessor.

        Columns open, high, low, close, volume, taker_buy; indexed by the UTC open time.
        """

    def zones(self) -> tuple[Level, ...]:
        """Support and resistance, from the lowest to the highest."""
