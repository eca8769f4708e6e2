"""Secondary public data: funding, open interest, ratios, risk marks, index compositions.

Nothing here was recorded with the candles, so it is derived from them: open interest from volume, ratios from taker
volume, the basis from the running funding rate. The same seed gives the same figures.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from zlib import crc32

from engine.sim.candles import INTERVALS, Candle, candles, open_time
from engine.sim.codes import refuse
from engine.sim.lane import Lane
from engine.sim.parameters import Params

if TYPE_CHECKING:
    from engine.sim.public_answers import PublicAnswers

PERIODS = ("5m", "15m", "30m", "1h", "2h", "4h", "6h", "12h", "1d")
HOUR_MS = 3_600_000
HALF_HOUR_MS = 1_800_000
INTEREST_BARS = 40.0  # open interest in mean volumes of a 15m bar


def _funding_rate(answers: PublicAnswers, params: Params) -> Any:
    limit = params.limit(100, 1000)
    start, end = params.integer("startTime"), params.integer("endTime")
    if start is not None and end is not None and start > end:
        raise refuse(-1023)
    lanes = [answers.lane(params)] if params.text("symbol") else list(answers.market.lanes.values())
    now = answers.market.now_ms
    rows = [row for lane in lanes for row in _settlements(answers, lane, start, min(end or now, now), limit)]
    rows.sort(key=lambda row: (row["fundingTime"], row["symbol"]))
    return rows[:limit] if start is not None else rows[-limit:]


def _settlements(answers: PublicAnswers, lane: Lane, start: int | None, end: int, limit: int) -> list[dict[str, Any]]:
    rates = answers.market.funding(lane.contract.symbol)
    step = rates.interval_ms
    last = end // step
    if start is None:
        first = max(last - limit + 1, -(-lane.origin_ms // step))
    else:
        first = max(-(-start // step), -(-lane.origin_ms // step))
        last = min(last, first + limit - 1)
    rows = []
    for number in range(first, last + 1):
        at = number * step
        bar = lane.bar_at(at)
        closing = lane.closed(bar, bar + 1).open[0] if bar < lane.bar_at(answers.market.now_ms) else lane.last(at)
        rows.append(
            {
                "symbol": lane.contract.symbol, "fundingRate": f"{rates.at(at):.8f}", "fundingTime": at,
                "markPrice": f"{int(closing) * lane.grid.tick_size:.8f}", "rateType": "FUNDING_FEE",
            }
        )  # fmt: skip
    return rows


def _funding_info(answers: PublicAnswers, params: Params) -> Any:
    return [
        {
            "symbol": symbol, "adjustedFundingRateCap": "0.02000000", "adjustedFundingRateFloor": "-0.02000000",
            "fundingIntervalHours": answers.market.funding(symbol).interval_hours, "disclaimer": False,
        }
        for symbol in answers.market.lanes
        if answers.market.funding(symbol).interval_hours != 8
    ]  # fmt: skip


def _interest(lane: Lane, each: Candle) -> float:
    swing = (crc32(f"{lane.contract.symbol}{each.open_ms // (6 * HOUR_MS)}".encode()) % 1000) / 1000 - 0.5
    taker = each.bar.taker / each.bar.volume - 0.5 if each.bar.volume else 0.0
    return lane.tape.mean_volume * INTEREST_BARS * (1 + 0.04 * swing + 0.05 * taker)


def _open_interest(answers: PublicAnswers, params: Params) -> Any:
    lane, now = answers.lane(params), answers.market.now_ms
    newest = list(candles(lane, "15m", now - 900_000, now, now))[-1]
    return {
        "openInterest": f"{_interest(lane, newest):.{lane.grid.qty_places}f}",
        "symbol": lane.contract.symbol,
        "time": now,
    }


def _history(answers: PublicAnswers, params: Params, name: str = "symbol") -> tuple[Lane, list[Candle]]:
    lane, now = answers.lane(params, name), answers.market.now_ms
    period = params.required("period")
    if period not in PERIODS:
        raise refuse(-1130, name="period")
    limit = params.limit(30, 500)
    start, end = params.integer("startTime"), params.integer("endTime")
    length = INTERVALS[period]
    last = open_time(min(end or now, now), period) - length  # a period is told when it is over
    first = max(start if start is not None else last - (limit - 1) * length, now - 30 * 24 * HOUR_MS)
    if start is not None:
        last = min(last, first + limit * length)
    return lane, list(candles(lane, period, first, last, now))[:limit]


def _open_interest_history(answers: PublicAnswers, params: Params) -> Any:
    lane, rows = _history(answers, params)
    return [
        {
            "symbol": lane.contract.symbol,
            "sumOpenInterest": f"{_interest(lane, each):.8f}",
            "sumOpenInterestValue": f"{_interest(lane, each) * each.bar.close * lane.grid.tick_size:.8f}",
            "CMCCirculatingSupply": f"{lane.tape.mean_volume * 9000:.8f}",
            "timestamp": each.open_ms,
        }
        for each in rows
    ]


def _taker_ratio(answers: PublicAnswers, params: Params) -> Any:
    lane, rows = _history(answers, params)
    found = []
    for each in rows:
        buy, sell = each.bar.taker, each.bar.volume - each.bar.taker
        found.append(
            {
                "buySellRatio": f"{buy / sell if sell else 0.0:.4f}", "buyVol": f"{buy * lane.grid.step_size:.4f}",
                "sellVol": f"{sell * lane.grid.step_size:.4f}", "timestamp": each.open_ms,
            }
        )  # fmt: skip
    return found


def _accounts_ratio(answers: PublicAnswers, params: Params) -> Any:
    lane, rows = _history(answers, params)
    found = []
    for each in rows:
        long = 0.5 + (crc32(f"{lane.contract.symbol}{each.open_ms}".encode()) % 2000 - 1000) / 10_000
        found.append(
            {
                "symbol": lane.contract.symbol, "longShortRatio": f"{long / (1 - long):.4f}",
                "longAccount": f"{long:.4f}", "shortAccount": f"{1 - long:.4f}", "timestamp": each.open_ms,
            }
        )  # fmt: skip
    return found


def _basis(answers: PublicAnswers, params: Params) -> Any:
    params.required("contractType")
    lane, rows = _history(answers, params, "pair")
    rate, _ = answers.market.funding_rate(lane.contract.symbol)
    found = []
    for each in rows:
        futures = each.bar.close * lane.grid.tick_size
        basis = futures * float(rate)
        found.append(
            {
                "indexPrice": f"{futures - basis:.8f}", "contractType": params.required("contractType"),
                "basisRate": f"{float(rate):.4f}", "futuresPrice": f"{futures:.8f}", "annualizedBasisRate": "",
                "basis": f"{basis:.8f}", "pair": lane.contract.symbol, "timestamp": each.open_ms,
            }
        )  # fmt: skip
    return found


def _adl_risk(answers: PublicAnswers, params: Params) -> Any:
    at = answers.market.now_ms // HALF_HOUR_MS * HALF_HOUR_MS
    if params.text("symbol"):
        return {"symbol": answers.lane(params).contract.symbol, "adlRisk": "low", "updateTime": at}
    return [{"symbol": symbol, "adlRisk": "low", "updateTime": at} for symbol in answers.market.lanes]


def _constituents(answers: PublicAnswers, params: Params) -> Any:
    lane, now = answers.lane(params), answers.market.now_ms
    price = f"{answers.market.index(lane.contract.symbol):.{lane.grid.price_places}f}"
    names = ("binance", "okex", "coinbase")
    return {
        "symbol": lane.contract.symbol, "time": now,
        "constituents": [
            {"exchange": name, "symbol": lane.contract.symbol, "price": price, "weight": "0.33333333"} for name in names
        ],
    }  # fmt: skip


def _nothing(answers: PublicAnswers, params: Params) -> Any:
    return []


def _insurance(answers: PublicAnswers, params: Params) -> Any:
    now = answers.market.now_ms
    return [
        {
            "symbols": [lane.contract.symbol],
            "assets": [{"asset": "USDT", "marginBalance": "10000000.00", "updateTime": now}],
        }
        for lane in answers.market.lanes.values()
    ]


def _schedule(answers: PublicAnswers, params: Params) -> Any:
    return {"updateTime": answers.market.now_ms, "marketSchedules": {}}


STATISTICS: dict[str, Callable[[PublicAnswers, Params], Any]] = {
    "/fapi/v1/fundingRate": _funding_rate,
    "/fapi/v1/fundingInfo": _funding_info,
    "/fapi/v1/openInterest": _open_interest,
    "/futures/data/openInterestHist": _open_interest_history,
    "/futures/data/takerlongshortRatio": _taker_ratio,
    "/futures/data/globalLongShortAccountRatio": _accounts_ratio,
    "/futures/data/topLongShortAccountRatio": _accounts_ratio,
    "/futures/data/topLongShortPositionRatio": _accounts_ratio,
    "/futures/data/basis": _basis,
    "/fapi/v1/symbolAdlRisk": _adl_risk,
    "/fapi/v1/constituents": _constituents,
    "/fapi/v1/indexInfo": _nothing,
    "/fapi/v1/assetIndex": _nothing,
    "/fapi/v1/insuranceBalance": _insurance,
    "/fapi/v1/tradingSchedule": _schedule,
}
