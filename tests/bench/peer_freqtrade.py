"""The bracket rule in freqtrade; run by its own interpreter: `python peer_freqtrade.py FILE.parquet`.

The list of markets, which freqtrade asks of the exchange at its start, is written down here: one spot pair. Fees are
zero because they would move its target; they change no entry.
"""

import json
import logging
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
from freqtrade.configuration import TimeRange
from freqtrade.enums import CandleType, RunMode, TradingMode
from freqtrade.exchange import Exchange
from freqtrade.optimize.backtesting import Backtesting

PAIR = "COIN/USDT"
MARKET = {
    "id": "COINUSDT", "symbol": PAIR, "base": "COIN", "quote": "USDT", "baseId": "COIN", "quoteId": "USDT",
    "type": "spot", "spot": True, "margin": False, "swap": False, "future": False, "option": False, "contract": False,
    "active": True, "taker": 0.0005, "maker": 0.0005, "percentage": True, "tierBased": False, "info": {},
    "precision": {"amount": 1e-8, "price": 1e-8, "base": 1e-8, "quote": 1e-8},
    "limits": {
        "amount": {"min": 1e-8, "max": 1e12}, "price": {"min": 1e-8, "max": 1e12}, "cost": {"min": 1e-3, "max": None},
        "leverage": {"min": None, "max": None}, "market": {"min": 0.0, "max": 1e12},
    },
}  # fmt: skip
RULE = """
import talib.abstract as ta
from freqtrade.strategy import IStrategy

class Rule(IStrategy):
    INTERFACE_VERSION = 3
    timeframe = "15m"
    stoploss = -0.02
    minimal_roi = {"0": 0.04}
    use_exit_signal = False
    startup_candle_count = 0

    def populate_indicators(self, frame, metadata):
        frame["fast"], frame["slow"] = ta.EMA(frame, 20), ta.EMA(frame, 50)
        frame["rsi"] = ta.RSI(frame, 14)
        return frame

    def populate_entry_trend(self, frame, metadata):
        fast, slow, rsi = frame["fast"], frame["slow"], frame["rsi"]
        crossed = (fast.shift(1) <= slow.shift(1)) & (fast > slow)
        frame.loc[crossed & (rsi > 40) & (rsi < 70), "enter_long"] = 1
        return frame

    def populate_exit_trend(self, frame, metadata):
        return frame
"""


def settings(folder):
    (folder / "rule.py").write_text(RULE)
    return {
        "runmode": RunMode.BACKTEST, "trading_mode": TradingMode.SPOT, "candle_type_def": CandleType.SPOT,
        "exchange": {"name": "binance", "pair_whitelist": [PAIR], "pair_blacklist": []},
        "pairlists": [{"method": "StaticPairList"}], "stake_currency": "USDT", "stake_amount": 100.0,
        "dry_run": True, "dry_run_wallet": 1e6, "max_open_trades": 1, "tradable_balance_ratio": 0.99, "fee": 0.0,
        "strategy": "Rule", "strategy_path": str(folder), "user_data_dir": folder, "datadir": folder,
        "dataformat_ohlcv": "feather", "timeframe": "15m", "export": "none", "original_config": {},
        "entry_pricing": {"price_side": "same", "use_order_book": False},
        "exit_pricing": {"price_side": "same", "use_order_book": False},
    }  # fmt: skip


def run(file):
    logging.disable(logging.CRITICAL)
    Exchange._load_async_markets = lambda self, reload=False: self._api_async.set_markets([MARKET])
    frame = pd.read_parquet(file, columns=["open_time", "open", "high", "low", "close", "volume"])
    frame.insert(0, "date", pd.to_datetime(frame.pop("open_time"), unit="ms", utc=True))
    with tempfile.TemporaryDirectory() as folder:
        tester = Backtesting(settings(Path(folder)))
        data = {PAIR: frame}
        tester.available_pairs.append(PAIR)
        tester.price_pair_prec = {}
        seconds = 1e9
        for _ in range(3):
            started = time.perf_counter()
            tester.backtest_one_strategy(tester.strategylist[0], data, TimeRange())
            seconds = min(seconds, time.perf_counter() - started)
    results = tester.all_bt_content["Rule"]["results"]
    rows = [
        [int(a.timestamp() * 1000), int(b.timestamp() * 1000)]
        for a, b in zip(results["open_date"], results["close_date"], strict=True)
    ]
    return {"seconds": seconds, "bars": len(frame), "trades": rows}


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1])))
