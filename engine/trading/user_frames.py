"""Shows a decision's inputs the way users write strategies: pandas frames with the `.ta` accessor.

pandas is imported when the first frame is asked for and not before: a desk without user strategies never pays for it.
"""

from __future__ import annotations

import warnings
from typing import Any

from engine.user import Level
from strategies.model import Candles, MarketSnapshot

COLUMNS = ("open", "high", "low", "close", "volume", "taker_buy")


class UserSnapshot:
    """A snapshot as `engine.user.Snapshot` describes it."""

    def __init__(self, snapshot: MarketSnapshot) -> None:
        self._snapshot = snapshot

    @property
    def symbol(self) -> str:
        return self._snapshot.symbol

    @property
    def close_ms(self) -> int:
        return self._snapshot.t_ms

    @property
    def tick(self) -> float:
        return self._snapshot.filters.tick

    @property
    def regime(self) -> str:
        return self._snapshot.regime.state.value

    @property
    def trend(self) -> int:
        return self._snapshot.regime.direction

    @property
    def btc_change_pct(self) -> float | None:
        return self._snapshot.btc.change_pct if self._snapshot.btc is not None else None

    @property
    def spread(self) -> float | None:
        return self._snapshot.spread

    def frame(self, timeframe: str) -> Any:
        """Raises KeyError for a timeframe without bars."""
        return frame_of(self._snapshot.bars[timeframe])

    def zones(self) -> tuple[Level, ...]:
        found = self._snapshot.source.zones().zones
        return tuple(Level(zone.kind, zone.low, zone.high, zone.strength, zone.tf) for zone in found)


def frame_of(candles: Candles) -> Any:
    """A frame that owns its numbers, so that nobody's arithmetic reaches the desk's bars."""
    import pandas as pd  # noqa: PLC0415

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own making, at import, on the newest pandas
        import pandas_ta_classic  # noqa: F401, PLC0415  # registers the accessor
    index = pd.to_datetime(candles.open_time, unit="ms", utc=True)
    columns = {name: getattr(candles, name).copy() for name in COLUMNS}
    return pd.DataFrame(columns, index=pd.DatetimeIndex(index, name="open_time"))
