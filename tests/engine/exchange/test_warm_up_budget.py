"""A start with hundreds of symbols on virtual time: the exchange counts, and nobody passes the share of their lane."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

import pytest

from config.schema import ExchangeSettings, HistorySettings, Secrets
from engine.clock import VirtualClock, run_virtual
from engine.exchange.client import ExchangeClient
from engine.exchange.limits import Lane
from engine.exchange.transport import HttpAnswer
from engine.exchange.venue import Venue, kline_weight
from engine.market.pages import pages
from strategies.model import TIMEFRAME_MS

START_MS = 1_767_225_600_000 + 12_345
MINUTE_MS, DAY_MS = 60_000, 86_400_000
VENUE = Venue("live", "https://127.0.0.1:1", "wss://127.0.0.1:1", "")
WARM_UP = HistorySettings()
DAYS = {"1d": WARM_UP.days_1d, "4h": WARM_UP.days_4h, "1h": WARM_UP.days_1h, "15m": WARM_UP.days_15m}


class Counting:
    """An exchange that only counts: weight of each of its own minutes, and what each request was for."""

    def __init__(self, clock: VirtualClock, foreign: int = 0) -> None:
        self._clock = clock
        self._rng = random.Random(3)
        self._foreign = foreign  # what other programs on the address use of every minute
        self.used: Counter[int] = Counter()
        self.refused = 0

    async def request(self, method: str, url: str, headers: Mapping[str, str], timeout_s: float) -> HttpAnswer:
        await self._clock.sleep(self._rng.uniform(0.005, 0.15))
        parts = urlsplit(url)
        params = dict(parse_qsl(parts.query))
        weight = kline_weight(int(params["limit"])) if parts.path.endswith("klines") else 1
        minute = self._clock.now_ms() // MINUTE_MS
        self.used[minute] += weight
        told = self.used[minute] + self._foreign
        if told > 2400:
            self.refused += 1
            return HttpAnswer(429, {"retry-after": "30"}, b'{"code":-1003,"msg":"Too many requests"}')
        await self._clock.sleep(self._rng.uniform(0.005, 0.15))
        body = b'{"serverTime":%d}' % self._clock.now_ms() if parts.path.endswith("time") else b"[]"
        return HttpAnswer(200, {"x-mbx-used-weight-1m": str(told)}, body)

    async def close(self) -> None:
        return


async def load(client: ExchangeClient, clock: VirtualClock, symbol: str) -> None:
    """The pages of one symbol's history, as they are asked for at a first start."""
    end_ms = clock.now_ms() // DAY_MS * DAY_MS
    for tf, days in DAYS.items():
        for page in pages(end_ms - days * DAY_MS, end_ms, TIMEFRAME_MS[tf]):
            await client.market.klines(symbol, tf, page.start_ms, page.end_ms, page.limit, Lane.BACKGROUND)


async def start(clock: VirtualClock, symbols: int, foreign: int = 0) -> tuple[Counting, float, list[float]]:
    """(the exchange, minutes it took, how long each question of a trading lane waited in s)."""
    exchange = Counting(clock, foreign)
    client = ExchangeClient(VENUE, Secrets(), ExchangeSettings(), clock, random.Random(1), transport=exchange)
    waits: list[float] = []
    waiting = [f"S{number}USDT" for number in range(symbols)]

    async def worker() -> None:
        while waiting:
            await load(client, clock, waiting.pop())

    async def trade() -> None:
        while True:
            await clock.sleep(5.0)
            asked_ms = clock.mono_ms()
            await client.market.time()
            waits.append((clock.mono_ms() - asked_ms) / 1000.0)

    trading = asyncio.create_task(trade())
    began_ms = clock.mono_ms()
    await asyncio.gather(*(worker() for _ in range(4)))
    took_min = (clock.mono_ms() - began_ms) / MINUTE_MS
    trading.cancel()
    return exchange, took_min, waits


def test_the_warm_up_of_one_symbol_weighs_no_more_than_52() -> None:
    exchange, _, _ = run_virtual(lambda clock: start(clock, 1), START_MS)
    assert 0 < exchange.used.total() <= 52


def test_a_start_with_300_symbols_keeps_to_its_lane_and_to_its_forecast() -> None:
    exchange, took_min, waits = run_virtual(lambda clock: start(clock, 300), START_MS)
    asked = len(waits)  # one weight each
    assert exchange.used.total() - asked == pytest.approx(300 * 52, rel=0.01)
    assert exchange.refused == 0
    # A request sent at the end of a minute may be counted in the next one, which is why that is held back for.
    assert max(exchange.used.values()) <= 1320 + 12
    assert 11.0 <= took_min <= 13.0
    assert max(waits) < 1.0  # background work never stands in front of trading


def test_other_programs_on_the_address_make_the_start_slower_and_nothing_else() -> None:
    exchange, took_min, waits = run_virtual(lambda clock: start(clock, 60, foreign=900), START_MS)
    assert exchange.refused == 0
    assert max(exchange.used.values()) + 900 <= 1320 + 12
    assert took_min > 6.0
    assert max(waits) < 1.0
