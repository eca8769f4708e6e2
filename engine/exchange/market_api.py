"""Public reads, typed: bars, books, tickers, funding, open interest, trades, trading rules."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TypeVar

import msgspec

from config.schema import ExchangeSettings
from engine.clock import Clock
from engine.exchange.call import Call
from engine.exchange.instruments import ExchangeInfo, read_exchange_info
from engine.exchange.ledger import Ledger
from engine.exchange.limits import Lane
from engine.exchange.rest import Rest
from engine.exchange.wire_market import Depth, Kline

T = TypeVar("T")

MOST_KLINES = 1500


class Ticker24h(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """Rolling 24 hours of one symbol."""

    symbol: str
    last_price: float
    open_price: float
    high_price: float
    low_price: float
    volume: float
    quote_volume: float
    close_time: int = 0


class PremiumIndex(msgspec.Struct, frozen=True, rename="camel"):
    """Mark, index and the running estimate of the next funding; the rate is empty where there is none."""

    symbol: str
    mark_price: float
    index_price: float
    last_funding_rate: str = ""
    next_funding_time: int = 0
    time: int = 0

    @property
    def funding_rate(self) -> float | None:
        return float(self.last_funding_rate) if self.last_funding_rate else None


class FundingRate(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """One settled funding; its time may carry some milliseconds of jitter."""

    symbol: str
    funding_rate: float
    funding_time: int


class FundingInfo(msgspec.Struct, frozen=True, rename="camel"):
    """A symbol whose funding interval differs from eight hours."""

    symbol: str
    funding_interval_hours: int = 8


class OpenInterest(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """Open interest at the end of one period, in base units and in quote value."""

    symbol: str
    sum_open_interest: float
    sum_open_interest_value: float
    timestamp: int


class AggTradeRow(msgspec.Struct, frozen=True, gc=False):
    """One aggregated trade of the history."""

    trade_id: int = msgspec.field(name="a")
    price: float = msgspec.field(name="p")
    quantity: float = msgspec.field(name="q")
    traded_ms: int = msgspec.field(name="T")
    buyer_is_maker: bool = msgspec.field(name="m")


class MarketApi:
    """Reads of public data; every one says for whom it is asked (`lane`) and may carry a deadline (machine time)."""

    def __init__(self, rest: Rest, ledger: Ledger, settings: ExchangeSettings, clock: Clock) -> None:
        self._rest = rest
        self._ledger = ledger
        self._settings = settings
        self._clock = clock

    async def time(self) -> int:
        """The exchange's time in ms."""
        return (await self._rest.read_time()).server_ms

    async def exchange_info(self, lane: Lane = Lane.TRADING) -> ExchangeInfo:
        """Trading rules of all perpetuals. The limits it states are taken over at once."""
        raw = await self._ask("/fapi/v1/exchangeInfo", {}, msgspec.Raw, lane)
        info = await asyncio.get_running_loop().run_in_executor(None, read_exchange_info, bytes(raw))
        self._ledger.set_limits(info.limits)
        return info

    async def klines(
        self,
        symbol: str,
        tf: str,
        start_ms: int | None = None,
        end_ms: int | None = None,
        limit: int = 500,
        lane: Lane = Lane.BACKGROUND,
        deadline_mono_ms: float | None = None,
    ) -> list[Kline]:
        """Bars whose open time lies in [start_ms, end_ms), oldest first; the newest may still be forming.

        Without a range the newest `limit` bars. A page of 499 is the cheapest per bar.
        """
        params = {"symbol": symbol, "interval": tf, "limit": str(min(limit, MOST_KLINES))}
        if start_ms is not None:
            params["startTime"] = str(start_ms)
        if end_ms is not None:
            params["endTime"] = str(end_ms - 1)
        return await self._ask("/fapi/v1/klines", params, list[Kline], lane, None, deadline_mono_ms)

    async def depth(
        self, symbol: str, limit: int = 1000, lane: Lane = Lane.LIVE, deadline_mono_ms: float | None = None
    ) -> Depth:
        """A book snapshot of 5, 10, 20, 50, 100, 500 or 1000 levels a side."""
        params = {"symbol": symbol, "limit": str(limit)}
        return await self._ask("/fapi/v1/depth", params, Depth, lane, self._optional_s, deadline_mono_ms)

    async def ticker_24h(self, lane: Lane = Lane.BACKGROUND) -> list[Ticker24h]:
        """Rolling 24 hours of every symbol."""
        return await self._ask("/fapi/v1/ticker/24hr", {}, list[Ticker24h], lane)

    async def premium_index(self, lane: Lane = Lane.BACKGROUND) -> list[PremiumIndex]:
        """Mark price and running funding of every symbol."""
        return await self._ask("/fapi/v1/premiumIndex", {}, list[PremiumIndex], lane)

    async def funding_rates(
        self,
        symbol: str,
        start_ms: int | None = None,
        end_ms: int | None = None,
        limit: int = 1000,
        lane: Lane = Lane.BACKGROUND,
    ) -> list[FundingRate]:
        """Settled fundings in [start_ms, end_ms), oldest first."""
        params = {"symbol": symbol, "limit": str(limit), **_range(start_ms, end_ms)}
        return await self._ask("/fapi/v1/fundingRate", params, list[FundingRate], lane)

    async def funding_info(self, lane: Lane = Lane.BACKGROUND) -> dict[str, int]:
        """Hours between fundings of the symbols where they are not eight."""
        rows = await self._ask("/fapi/v1/fundingInfo", {}, list[FundingInfo], lane)
        return {row.symbol: row.funding_interval_hours for row in rows}

    async def open_interest_hist(
        self,
        symbol: str,
        period: str = "15m",
        limit: int = 30,
        lane: Lane = Lane.LIVE,
        deadline_mono_ms: float | None = None,
    ) -> list[OpenInterest]:
        """Open interest of the last periods, oldest first; periods without trades are missing."""
        params = {"symbol": symbol, "period": period, "limit": str(limit)}
        path = "/futures/data/openInterestHist"
        return await self._ask(path, params, list[OpenInterest], lane, self._optional_s, deadline_mono_ms)

    async def agg_trades(
        self,
        symbol: str,
        start_ms: int | None = None,
        end_ms: int | None = None,
        from_id: int | None = None,
        limit: int = 1000,
        lane: Lane = Lane.BACKGROUND,
    ) -> list[AggTradeRow]:
        """Aggregated trades of the last two days, by time range (under an hour) or from an id on, never both."""
        params = {"symbol": symbol, "limit": str(limit)}
        params |= _range(start_ms, end_ms) if from_id is None else {"fromId": str(from_id)}
        return await self._ask("/fapi/v1/aggTrades", params, list[AggTradeRow], lane)

    @property
    def _optional_s(self) -> float:
        return self._settings.optional_timeout_s

    async def _ask(
        self,
        path: str,
        params: Mapping[str, str],
        shape: type[T],
        lane: Lane,
        timeout_s: float | None = None,
        deadline_mono_ms: float | None = None,
    ) -> T:
        call = Call("GET", path, params, lane=lane, timeout_s=timeout_s, deadline_mono_ms=deadline_mono_ms)
        return await self._rest.ask(call, shape)


def _range(start_ms: int | None, end_ms: int | None) -> dict[str, str]:
    bounds = {}
    if start_ms is not None:
        bounds["startTime"] = str(start_ms)
    if end_ms is not None:
        bounds["endTime"] = str(end_ms - 1)
    return bounds
