"""The bracket rule in vectorbt; run by its own interpreter: `python peer_vectorbt.py FILE.parquet`."""

import json
import sys
import time

import numpy as np
import pandas as pd
import vectorbt as vbt

STOP, TARGET, BAND = 0.02, 0.04, (40, 70)
frame = pd.read_parquet(sys.argv[1], columns=["open_time", "open", "high", "low", "close"])


def run():
    close = frame["close"]
    fast, slow = (close.ewm(span=n, adjust=False).mean() for n in (20, 50))
    change = close.diff()
    gain = change.clip(lower=0).ewm(alpha=1 / 14, adjust=False).mean()
    loss = (-change.clip(upper=0)).ewm(alpha=1 / 14, adjust=False).mean()
    rsi = 100 - 100 / (1 + gain / loss)
    signal = (fast.shift(1) <= slow.shift(1)) & (fast > slow) & rsi.between(*BAND, inclusive="neither")
    entries = signal.shift(1, fill_value=False)
    return vbt.Portfolio.from_signals(
        close,
        entries,
        np.zeros(len(close), dtype=bool),
        price=frame["open"],
        open=frame["open"],
        high=frame["high"],
        low=frame["low"],
        sl_stop=STOP,
        tp_stop=TARGET,
        fees=0.0005,
        freq="15min",
        stop_entry_price="FillPrice",
        accumulate=False,
    ).trades.records_readable


run()  # compiles
seconds = 1e9
for _ in range(3):
    started = time.perf_counter()
    records = run()
    seconds = min(seconds, time.perf_counter() - started)
times = frame["open_time"].to_numpy()
rows = [
    [int(times[a]), int(times[b])] for a, b in zip(records["Entry Timestamp"], records["Exit Timestamp"], strict=True)
]
print(json.dumps({"seconds": seconds, "bars": len(frame), "trades": rows}))
