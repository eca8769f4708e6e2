"""The recorded week of minutes as a recording: 15m bars put together from minutes, repeated for a long enough history.

The last lap stands at the recorded prices; every lap before it is scaled so that one joins the next without a jump.
"""

from __future__ import annotations

import numpy as np

from engine.sim.minutes import MINUTES, Minutes
from engine.sim.symbols import DATA
from engine.sim.tape import Recording

LAPS = 6
COLUMNS = ("open", "high", "low", "close", "volume")


def recorded_week() -> dict[str, Recording]:
    """The week's recordings by symbol; all begin at the same time."""
    with np.load(DATA / "candles_1m.npz") as arrays:
        symbols = sorted({name.partition(".")[0] for name in arrays.files})
        return {symbol: _recording({name: arrays[f"{symbol}.{name}"] for name in COLUMNS}) for symbol in symbols}


def _recording(columns: dict[str, np.ndarray]) -> Recording:
    rows = len(columns["close"]) // MINUTES * MINUTES
    ratio = float(columns["close"][rows - 1] / columns["open"][0])
    table = {name: column[:rows].reshape(-1, MINUTES) for name, column in columns.items()}
    laps = [ratio ** (lap + 1 - LAPS) for lap in range(LAPS)]
    tiled = {
        name: np.concatenate([column * (1.0 if name == "volume" else scale) for scale in laps])
        for name, column in table.items()
    }
    return Recording(
        tiled["open"][:, 0],
        tiled["high"].max(axis=1),
        tiled["low"].min(axis=1),
        tiled["close"][:, -1],
        tiled["volume"].sum(axis=1),
        minutes=Minutes(**tiled),
    )
