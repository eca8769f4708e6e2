"""Private events in the exchange's spelling, and how they become account events.

A plain order tells its life by ORDER_TRADE_UPDATE, a conditional one by ALGO_UPDATE, wallet and positions by
ACCOUNT_UPDATE with only the rows that changed. The early trade notice without a fee (TRADE_LITE) is left out: the full
one follows and is the one that can be booked.
"""

from __future__ import annotations

import msgspec

from engine.exchange.orders import (
    AccountEvent,
    ConditionalChanged,
    Fill,
    OrderChanged,
    OrderState,
    OrderStatus,
    PositionChanged,
    WalletChanged,
)
from engine.exchange.wire_account import Text, amount, identifier, status_of
from engine.exchange.wire_market import bad_payload

# Why an order ended without its owner, by the exchange's number.
EXPIRY_REASONS = {
    "1": "self-trade prevention",
    "2": "rest of an immediate-or-cancel order",
    "3": "rest of an immediate-or-cancel order, self-trade prevention",
    "4": "knocked out by another reduce-only order, or it would have reversed the position",
    "5": "account liquidated",
    "6": "no position left to close",
    "7": "symbol delisted",
    "8": "first order expired after the stop triggered",
    "9": "rest of a market order",
}
WALLET_ASSET = "USDT"


class KeyExpired(msgspec.Struct, frozen=True):
    """The listen key is dead; the socket stays open and silent."""

    key: str


class MarginCalled(msgspec.Struct, frozen=True):
    """The exchange warns of a liquidation, by symbol."""

    symbols: tuple[str, ...]
    event_ms: int


UserEvent = AccountEvent | KeyExpired | MarginCalled


class _Head(msgspec.Struct):
    e: str = ""
    stream: str | None = None
    data: msgspec.Raw = msgspec.Raw(b"")


class _Order(msgspec.Struct):
    s: str
    c: str
    S: str
    o: str
    X: str
    x: str
    i: int
    q: Text
    z: Text
    p: Text = None
    ap: Text = None
    sp: Text = None
    l: Text = None  # noqa: E741 - the exchange's letter for the last filled quantity
    L: Text = None
    n: Text = None
    N: str | None = None
    T: int = 0
    t: int = 0
    m: bool = False
    R: bool = False
    wt: str = ""
    cp: bool = False
    rp: Text = None
    er: Text = None


class _OrderUpdate(msgspec.Struct):
    E: int
    o: _Order


class _Algo(msgspec.Struct):
    s: str
    caid: str
    aid: int
    S: str
    o: str
    X: str
    q: Text = None
    tp: Text = None
    p: Text = None
    wt: str = ""
    cp: bool = False
    R: bool = False
    ai: Text = None
    ap: Text = None
    aq: Text = None
    rm: str | None = None


class _AlgoUpdate(msgspec.Struct):
    E: int
    o: _Algo
    T: int = 0


class _Balance(msgspec.Struct):
    a: str
    wb: Text
    bc: Text = None


class _Position(msgspec.Struct):
    s: str
    pa: Text
    ep: Text = None


class _Account(msgspec.Struct):
    m: str = ""
    B: list[_Balance] = []
    P: list[_Position] = []
    S: str = ""


class _AccountUpdate(msgspec.Struct):
    E: int
    a: _Account


class _KeyExpired(msgspec.Struct):
    key: str = msgspec.field(name="listenKey", default="")


class _Called(msgspec.Struct):
    s: str


class _MarginCall(msgspec.Struct):
    E: int
    p: list[_Called] = []


_head = msgspec.json.Decoder(_Head)
_order_update = msgspec.json.Decoder(_OrderUpdate, strict=False)
_algo_update = msgspec.json.Decoder(_AlgoUpdate, strict=False)
_account_update = msgspec.json.Decoder(_AccountUpdate, strict=False)
_key_expired = msgspec.json.Decoder(_KeyExpired)
_margin_call = msgspec.json.Decoder(_MarginCall)


def decode_user_event(text: str | bytes | msgspec.Raw) -> tuple[UserEvent, ...]:
    """The events of one private message, bare or wrapped; empty for kinds the desk does not need.

    Raises BadPayload.
    """
    try:
        head = _head.decode(text)
        payload = head.data if head.stream is not None else text
        kind = _head.decode(payload).e if head.stream is not None else head.e
        match kind:
            case "ORDER_TRADE_UPDATE":
                return (_order_changed(_order_update.decode(payload)),)
            case "ALGO_UPDATE":
                return (_conditional_changed(_algo_update.decode(payload)),)
            case "ACCOUNT_UPDATE":
                return _account_changed(_account_update.decode(payload))
            case "listenKeyExpired":
                return (KeyExpired(_key_expired.decode(payload).key),)
            case "MARGIN_CALL":
                call = _margin_call.decode(payload)
                return (MarginCalled(tuple(row.s for row in call.p), call.E),)
            case _:
                return ()
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise bad_payload(text, error) from error


def _order_changed(event: _OrderUpdate) -> OrderChanged:
    o = event.o
    quantity, filled, average = amount(o.q), amount(o.z), amount(o.ap)
    status = status_of(o.X)
    if o.x == "CALCULATED" and filled >= quantity > 0:
        status = OrderStatus.FILLED  # liquidations may finish while still called new
    order = OrderState(
        symbol=o.s,
        client_id=o.c,
        order_id=o.i,
        side=o.S,
        type=o.o,
        status=status,
        quantity=quantity,
        filled=filled,
        price=amount(o.p),
        trigger_price=amount(o.sp),
        average=average if average > 0 else None,
        reduce_only=o.R,
        close_position=o.cp,
        working_type=o.wt,
        reason=EXPIRY_REASONS.get(str(o.er or "0"), ""),
        updated_ms=o.T,
    )
    fill = None
    if o.x in ("TRADE", "CALCULATED") and o.t and (last := amount(o.l)) > 0:
        fill = Fill(
            symbol=o.s,
            trade_id=o.t,
            order_id=o.i,
            client_id=o.c,
            side=o.S,
            price=amount(o.L),
            quantity=last,
            at_ms=o.T,
            fee=amount(o.n),
            fee_asset=o.N or WALLET_ASSET,
            realized=amount(o.rp),
            maker=o.m,
            execution=o.x,
        )
    return OrderChanged(order, fill, event.E)


def _conditional_changed(event: _AlgoUpdate) -> ConditionalChanged:
    o = event.o
    average = amount(o.ap)
    status = status_of(o.X)
    order = OrderState(
        symbol=o.s,
        client_id=o.caid,
        order_id=o.aid,
        side=o.S,
        type=o.o,
        status=status,
        quantity=amount(o.q),
        filled=amount(o.aq),
        conditional=True,
        price=amount(o.p),
        trigger_price=amount(o.tp),
        average=average if average > 0 else None,
        reduce_only=o.R,
        close_position=o.cp,
        working_type=o.wt,
        actual_order_id=identifier(o.ai),
        reason=(o.rm or "") if status is OrderStatus.REJECTED else "",
        updated_ms=event.T or event.E,
    )
    return ConditionalChanged(order, event.E)


def _account_changed(event: _AccountUpdate) -> tuple[AccountEvent, ...]:
    account = event.a
    symbol = account.S or (account.P[0].s if len(account.P) == 1 else "")
    wallets = tuple(
        WalletChanged(amount(row.wb), amount(row.bc), account.m, symbol, event.E)
        for row in account.B
        if row.a == WALLET_ASSET
    )
    positions = tuple(PositionChanged(row.s, amount(row.pa), amount(row.ep), account.m, event.E) for row in account.P)
    return (*wallets, *positions)
