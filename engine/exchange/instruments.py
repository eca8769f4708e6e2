"""Trading rules as the exchange states them: filters become instruments, stated limits become budgets.

The precisions beside the filters are about display and are not read: a tick of 0.10 comes with a precision of 2.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from engine.exchange.call import decode
from engine.exchange.limits import Pool
from engine.exchange.wire_account import Text, amount
from engine.money import Instrument

PERPETUAL = "PERPETUAL"


class _Filter(msgspec.Struct, rename="camel"):
    filter_type: str
    tick_size: Text = None
    min_price: Text = None
    max_price: Text = None
    step_size: Text = None
    min_qty: Text = None
    max_qty: Text = None
    notional: Text = None
    multiplier_up: Text = None
    multiplier_down: Text = None


class _Symbol(msgspec.Struct, rename="camel"):
    symbol: str
    contract_type: str = ""
    status: str = ""
    base_asset: str = ""
    quote_asset: str = ""
    onboard_date: int = 0
    filters: list[_Filter] = []


class _Limit(msgspec.Struct, rename="camel"):
    rate_limit_type: str
    interval: str
    interval_num: int
    limit: int


class _ExchangeInfo(msgspec.Struct, rename="camel"):
    symbols: list[_Symbol]
    rate_limits: list[_Limit] = []


class ExchangeInfo(msgspec.Struct, frozen=True):
    """The perpetual contracts by symbol, whatever their status, and the limits the exchange states."""

    instruments: dict[str, Instrument]
    limits: dict[Pool, int]


_POOL_OF = {
    ("REQUEST_WEIGHT", "MINUTE", 1): Pool.WEIGHT,
    ("ORDERS", "SECOND", 10): Pool.ORDERS_10S,
    ("ORDERS", "MINUTE", 1): Pool.ORDERS_1M,
}


def read_exchange_info(body: bytes) -> ExchangeInfo:
    """Trading rules out of the answer's bytes; contracts without a tick or a step are left out. Raises BadPayload."""
    answer = decode(body, _ExchangeInfo)
    instruments = {
        row.symbol: instrument
        for row in answer.symbols
        if row.contract_type == PERPETUAL and (instrument := _instrument(row)) is not None
    }
    limits = {
        pool: row.limit
        for row in answer.rate_limits
        if (pool := _POOL_OF.get((row.rate_limit_type, row.interval, row.interval_num))) is not None
    }
    return ExchangeInfo(instruments, limits)


def _instrument(row: _Symbol) -> Instrument | None:
    by_type = {rule.filter_type: rule for rule in row.filters}
    nothing = _Filter("")
    price, lot = by_type.get("PRICE_FILTER", nothing), by_type.get("LOT_SIZE", nothing)
    market = by_type.get("MARKET_LOT_SIZE", lot)
    percent = by_type.get("PERCENT_PRICE", nothing)
    tick, step = amount(price.tick_size), amount(lot.step_size)
    if tick <= 0 or step <= 0:
        return None
    return Instrument(
        symbol=row.symbol,
        tick=tick,
        step=step,
        min_qty=amount(lot.min_qty),
        max_qty=amount(lot.max_qty),
        market_step=amount(market.step_size) or step,
        market_min_qty=amount(market.min_qty),
        market_max_qty=amount(market.max_qty) or amount(lot.max_qty),
        min_notional=amount(by_type.get("MIN_NOTIONAL", nothing).notional),
        min_price=amount(price.min_price),
        max_price=amount(price.max_price),
        price_up=amount(percent.multiplier_up) or Decimal("1.05"),
        price_down=amount(percent.multiplier_down) or Decimal("0.95"),
        base=row.base_asset,
        quote=row.quote_asset,
        onboard_ms=row.onboard_date,
        status=row.status,
    )
