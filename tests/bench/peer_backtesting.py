"""The bracket rule in backtesting.py; run by its own interpreter: `python peer_backtesting.py FILE.parquet`."""

import json
import sys
import time

import pandas as pd
from backtesting import Backtest, Strategy

STOP, TARGET, BAND = 0.02, 0.04, (40, 70)


def rsi(close, n=14):
    change = pd.Series(close).diff()
    gain = change.clip(lower=0).ewm(alpha=1 / n, adjust=False).mean()
    loss = (-change.clip(upper=0)).ewm(alpha=1 / n, adjust=False).mean()
    return (100 - 100 / (1 + gain / loss)).to_numpy()


def ema(close, n):
    return pd.Series(close).ewm(span=n, adjust=False).mean().to_numpy()


class Rule(Strategy):
    def init(self):
        self.fast = self.I(ema, self.data.Close, 20)
        self.slow = self.I(ema, self.data.Close, 50)
        self.rsi = self.I(rsi, self.data.Close)

    def next(self):
        crossed = self.fast[-2] <= self.slow[-2] and self.fast[-1] > self.slow[-1]
        if not self.position and crossed and BAND[0] < self.rsi[-1] < BAND[1]:
            # The fill is the next open, unknown here; on a market that never closes it is this close or a tick away.
            close = self.data.Close[-1]
            self.buy(size=1 - 1e-6, sl=close * (1 - STOP), tp=close * (1 + TARGET))


frame = pd.read_parquet(sys.argv[1], columns=["open_time", "open", "high", "low", "close", "volume"])
table = frame.rename(columns=str.capitalize).set_index(pd.to_datetime(frame["open_time"], unit="ms"))
table[["Open", "High", "Low", "Close"]] /= 1e6  # fractions of a coin
seconds = 1e9
for _ in range(3):
    started = time.perf_counter()
    result = Backtest(table, Rule, cash=1e9, commission=0.0005, exclusive_orders=False).run()
    seconds = min(seconds, time.perf_counter() - started)
trades = result["_trades"]
rows = [[int(a.value // 10**6), int(b.value // 10**6)] for a, b in zip(trades.EntryTime, trades.ExitTime, strict=True)]
print(json.dumps({"seconds": seconds, "bars": len(frame), "trades": rows}))
