"""Answers about the account in the exchange's spelling, and how they become the desk's orders and positions.

Amounts stay decimal from byte to ledger: they arrive as strings (sometimes empty, sometimes numbers) and never pass
through a float of ours. Words the exchange did not document become `OrderStatus.UNKNOWN`, never an exception, so that
one new word does not blind the desk to its orders.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

import msgspec

from engine.errors import BadPayload
from engine.exchange.orders import AccountState, Bracket, Fill, OrderState, OrderStatus, PositionState
from engine.money import ZERO

Text = str | int | float | None

# Ends the matching engine has words of its own for.
_SYNONYMS = {"EXPIRED_IN_MATCH": "EXPIRED", "NEW_INSURANCE": "NEW", "NEW_ADL": "NEW"}


def amount(value: Text) -> Decimal:
    """A decimal of the wire; absent and empty are zero. Raises BadPayload for what is no finite number."""
    if value is None or value == "":
        return ZERO
    try:
        result = Decimal(repr(value) if isinstance(value, float) else value)
    except InvalidOperation as error:
        raise BadPayload(str(value), "not a number") from error
    if not result.is_finite():
        raise BadPayload(str(value), "not a finite number")
    return result


def status_of(word: str) -> OrderStatus:
    """The desk's word for an order status."""
    try:
        return OrderStatus(_SYNONYMS.get(word, word))
    except ValueError:
        return OrderStatus.UNKNOWN


def identifier(value: Text) -> int | None:
    """An order number that may be absent, empty, zero, or written as a string."""
    text = str(value or "").strip()
    return int(text) if text.isdigit() and int(text) else None


class ErrorBody(msgspec.Struct, frozen=True, rename="camel"):
    """What the exchange says when it says no."""

    code: int = 0
    msg: str = ""


class ServerTime(msgspec.Struct, frozen=True, rename="camel"):
    server_ms: int = msgspec.field(name="serverTime")


class ListenKey(msgspec.Struct, frozen=True, rename="camel"):
    key: str = msgspec.field(name="listenKey", default="")


class OrderAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """A plain order; acknowledgements carry no average price, queries do."""

    symbol: str
    order_id: int
    client_order_id: str
    status: str
    side: str
    type: str
    orig_qty: Text
    executed_qty: Text = None
    price: Text = None
    avg_price: Text = None
    stop_price: Text = None
    reduce_only: bool = False
    close_position: bool = False
    working_type: str = ""
    update_time: int = 0

    def state(self) -> OrderState:
        average = amount(self.avg_price)
        return OrderState(
            symbol=self.symbol,
            client_id=self.client_order_id,
            order_id=self.order_id,
            side=self.side,
            type=self.type,
            status=status_of(self.status),
            quantity=amount(self.orig_qty),
            filled=amount(self.executed_qty),
            price=amount(self.price),
            trigger_price=amount(self.stop_price),
            average=average if average > 0 else None,
            reduce_only=self.reduce_only,
            close_position=self.close_position,
            working_type=self.working_type,
            updated_ms=self.update_time,
        )


class AlgoAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """A conditional order; the three endpoints serve three subsets of these fields."""

    symbol: str
    algo_id: int
    client_algo_id: str
    algo_status: str
    side: str
    order_type: str = ""
    type: str = ""
    quantity: Text = None
    trigger_price: Text = None
    price: Text = None
    reduce_only: bool = False
    close_position: bool = False
    working_type: str = ""
    actual_order_id: Text = None
    actual_price: Text = None
    actual_qty: Text = None
    update_time: int = 0

    def state(self) -> OrderState:
        average = amount(self.actual_price)
        return OrderState(
            symbol=self.symbol,
            client_id=self.client_algo_id,
            order_id=self.algo_id,
            side=self.side,
            type=self.order_type or self.type,
            status=status_of(self.algo_status),
            quantity=amount(self.quantity),
            filled=amount(self.actual_qty),
            conditional=True,
            price=amount(self.price),
            trigger_price=amount(self.trigger_price),
            average=average if average > 0 else None,
            reduce_only=self.reduce_only,
            close_position=self.close_position,
            working_type=self.working_type,
            actual_order_id=identifier(self.actual_order_id),
            updated_ms=self.update_time,
        )


class PositionAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """A position; the leverage is not in it and comes from the symbol's configuration."""

    symbol: str
    position_amt: Text
    entry_price: Text
    mark_price: Text = None
    un_realized_profit: Text = None
    liquidation_price: Text = None
    isolated_wallet: Text = None
    update_time: int = 0

    def state(self, leverage: int, isolated: bool) -> PositionState:
        return PositionState(
            symbol=self.symbol,
            quantity=amount(self.position_amt),
            entry_price=amount(self.entry_price),
            mark_price=amount(self.mark_price),
            liquidation_price=amount(self.liquidation_price),
            unrealized=amount(self.un_realized_profit),
            leverage=leverage,
            isolated=isolated,
            updated_ms=self.update_time,
        )


class SymbolConfig(msgspec.Struct, frozen=True, rename="camel"):
    symbol: str
    leverage: int
    margin_type: str = "CROSSED"


class AccountConfig(msgspec.Struct, frozen=True, rename="camel"):
    """How the account is set: the desk wants one-way positions and a single margin asset."""

    dual_side_position: bool = False
    multi_assets_margin: bool = False


class _AssetAnswer(msgspec.Struct, frozen=True, rename="camel"):
    asset: str
    wallet_balance: Text
    available_balance: Text
    margin_balance: Text
    maint_margin: Text
    unrealized_profit: Text


class AccountAnswer(msgspec.Struct, frozen=True, rename="camel"):
    assets: list[_AssetAnswer]

    def state(self, asset: str = "USDT") -> AccountState:
        """Wallet and margin of one asset; all zero where the account holds none."""
        for row in self.assets:
            if row.asset == asset:
                return AccountState(
                    wallet=amount(row.wallet_balance),
                    available=amount(row.available_balance),
                    margin_balance=amount(row.margin_balance),
                    maintenance=amount(row.maint_margin),
                    unrealized=amount(row.unrealized_profit),
                )
        return AccountState(ZERO, ZERO, ZERO, ZERO, ZERO)


class TradeAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """One execution of the account's history; the client id is not in it."""

    symbol: str
    id: int
    order_id: int
    side: str
    price: Text
    qty: Text
    time: int
    commission: Text = None
    commission_asset: str = "USDT"
    realized_pnl: Text = None
    maker: bool = False

    def fill(self) -> Fill:
        return Fill(
            symbol=self.symbol,
            trade_id=self.id,
            order_id=self.order_id,
            client_id="",
            side=self.side,
            price=amount(self.price),
            quantity=amount(self.qty),
            at_ms=self.time,
            fee=amount(self.commission),
            fee_asset=self.commission_asset,
            realized=amount(self.realized_pnl),
            maker=self.maker,
        )


class LeverageAnswer(msgspec.Struct, frozen=True, rename="camel"):
    leverage: int


class CommissionAnswer(msgspec.Struct, frozen=True, rename="camel"):
    maker_commission_rate: Text
    taker_commission_rate: Text


class _BracketRow(msgspec.Struct, frozen=True, rename="camel"):
    # Plain JSON numbers here, decoded from their digits.
    initial_leverage: int
    notional_cap: Decimal
    notional_floor: Decimal
    maint_margin_ratio: Decimal
    cum: Decimal


class BracketAnswer(msgspec.Struct, frozen=True, rename="camel"):
    symbol: str
    brackets: list[_BracketRow]

    def rows(self) -> list[Bracket]:
        return [
            Bracket(row.initial_leverage, row.notional_floor, row.notional_cap, row.maint_margin_ratio, row.cum)
            for row in self.brackets
        ]


class IncomeAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """One booking of the wallet: funding, fees, transfers."""

    symbol: str
    income_type: str
    income: Text
    asset: str
    time: int
    tran_id: int = 0
    trade_id: Text = None
