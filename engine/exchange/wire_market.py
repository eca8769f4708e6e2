"""Public payloads as the desk uses them: only the fields somebody reads, numbers as float64.

One decoder per payload is made once and reused. Structs are kept out of the garbage collector (`gc=False`): they hold
numbers, strings and lists of numbers, and thousands of them pass per second. Unknown fields are ignored and missing
optional ones defaulted, because the exchange adds fields without asking. Rows of coin-margined contracts (`st` = 2)
travel in the all-market arrays and are dropped here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import isfinite
from typing import TypeVar

import msgspec

from engine.errors import BadPayload

COIN_MARGINED = 2
EXCERPT_CHARS = 160

Levels = list[tuple[float, float]]  # (price, quantity), best first; quantity 0 removes the level


class DepthDiff(msgspec.Struct, frozen=True, gc=False):
    """Changes of one book; `prev_id` must equal the `final_id` before it."""

    symbol: str = msgspec.field(name="s")
    event_ms: int = msgspec.field(name="E")
    first_id: int = msgspec.field(name="U")
    final_id: int = msgspec.field(name="u")
    prev_id: int = msgspec.field(name="pu")
    bids: Levels = msgspec.field(name="b")
    asks: Levels = msgspec.field(name="a")
    product: int = msgspec.field(name="st", default=1)


class PartialDepth(msgspec.Struct, frozen=True, gc=False):
    """The top levels of one book as they are, not as they changed."""

    symbol: str = msgspec.field(name="s")
    event_ms: int = msgspec.field(name="E")
    final_id: int = msgspec.field(name="u")
    bids: Levels = msgspec.field(name="b")
    asks: Levels = msgspec.field(name="a")
    product: int = msgspec.field(name="st", default=1)


class AggTrade(msgspec.Struct, frozen=True, gc=False):
    """Fills of one taker order at one price within 100 ms."""

    symbol: str = msgspec.field(name="s")
    event_ms: int = msgspec.field(name="E")
    trade_id: int = msgspec.field(name="a")
    price: float = msgspec.field(name="p")
    quantity: float = msgspec.field(name="q")
    traded_ms: int = msgspec.field(name="T")
    buyer_is_maker: bool = msgspec.field(name="m")
    product: int = msgspec.field(name="st", default=1)


class KlineEvent(msgspec.Struct, frozen=True, gc=False):
    """The forming bar, or the closed one when `closed`; `close_ms` is exclusive: the open of the next bar."""

    symbol: str
    tf: str
    open_ms: int
    close_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    taker_buy: float
    quote_volume: float
    trades: int
    closed: bool
    event_ms: int


class MarkPrice(msgspec.Struct, frozen=True, gc=False):
    """Mark and index price; `funding_rate` is the running estimate, NaN where the contract has none."""

    symbol: str
    event_ms: int
    mark: float
    index: float
    funding_rate: float
    next_funding_ms: int


class MiniTicker(msgspec.Struct, frozen=True, gc=False):
    """Rolling 24 hours of one symbol."""

    symbol: str = msgspec.field(name="s")
    event_ms: int = msgspec.field(name="E")
    close: float = msgspec.field(name="c")
    open: float = msgspec.field(name="o")
    high: float = msgspec.field(name="h")
    low: float = msgspec.field(name="l")
    volume: float = msgspec.field(name="v")
    quote_volume: float = msgspec.field(name="q")
    product: int = msgspec.field(name="st", default=1)


class BookTicker(msgspec.Struct, frozen=True, gc=False):
    """Best prices; `update_id` is in the id space of the depth stream."""

    symbol: str = msgspec.field(name="s")
    update_id: int = msgspec.field(name="u")
    bid: float = msgspec.field(name="b")
    bid_quantity: float = msgspec.field(name="B")
    ask: float = msgspec.field(name="a")
    ask_quantity: float = msgspec.field(name="A")
    event_ms: int = msgspec.field(name="E", default=0)
    product: int = msgspec.field(name="st", default=1)


class Depth(msgspec.Struct, frozen=True, gc=False):
    """A book snapshot over REST; levels beyond it are unknown, not empty."""

    last_id: int = msgspec.field(name="lastUpdateId")
    bids: Levels = msgspec.field(name="bids")
    asks: Levels = msgspec.field(name="asks")
    event_ms: int = msgspec.field(name="E", default=0)


class Kline(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One bar over REST, a row of twelve; `last_ms` is inclusive as sent, `close_ms` exclusive."""

    open_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    last_ms: int
    quote_volume: float
    trades: int
    taker_buy: float
    taker_buy_quote: float = 0.0

    @property
    def close_ms(self) -> int:
        return self.last_ms + 1


MarketEvent = DepthDiff | PartialDepth | AggTrade | KlineEvent | MarkPrice | MiniTicker | BookTicker


class Envelope(msgspec.Struct, frozen=True):
    """What a combined connection sends: a stream's event, the answer to a control message, or a refusal of one."""

    stream: str = ""
    data: msgspec.Raw = msgspec.Raw(b"")
    id: int | str | None = None
    code: int | None = None
    msg: str = ""


class _Bar(msgspec.Struct, gc=False):
    t: int
    T: int
    i: str
    o: float
    h: float
    l: float  # noqa: E741 - the exchange's letter for low
    c: float
    v: float
    x: bool
    q: float = 0.0
    V: float = 0.0
    n: int = 0


class _KlineWire(msgspec.Struct, gc=False):
    E: int
    s: str
    k: _Bar
    st: int = 1


class _MarkWire(msgspec.Struct, gc=False):
    E: int
    s: str
    p: float
    i: float
    r: str = ""
    T: int = 0
    st: int = 1


T = TypeVar("T")
Decode = Callable[[msgspec.Raw | bytes], tuple[MarketEvent, ...]]

_envelope = msgspec.json.Decoder(Envelope, strict=False)
_rows = msgspec.json.Decoder(list[msgspec.Raw])


def decode_envelope(text: str | bytes) -> Envelope:
    """The outer shape of a message of a combined connection; raises BadPayload."""
    try:
        return _envelope.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise bad_payload(text, error) from error


def bad_payload(text: str | bytes | msgspec.Raw, error: Exception) -> BadPayload:
    """What could not be decoded, shortened for the log."""
    raw = text if isinstance(text, str) else bytes(text)[:EXCERPT_CHARS].decode("utf-8", "replace")
    return BadPayload(raw[:EXCERPT_CHARS], str(error))


def _whole(row: _DirectRow) -> MarketEvent | None:
    return None if row.product == COIN_MARGINED else row


def _partial(row: PartialDepth) -> MarketEvent | None:
    _require_finite(sum(price + quantity for side in (row.bids, row.asks) for price, quantity in side))
    return _whole(row)


def _trade(row: AggTrade) -> MarketEvent | None:
    _require_finite(row.price + row.quantity)
    return _whole(row)


def _mini(row: MiniTicker) -> MarketEvent | None:
    _require_finite(row.close + row.open + row.high + row.low + row.volume + row.quote_volume)
    return _whole(row)


def _best(row: BookTicker) -> MarketEvent | None:
    _require_finite(row.bid + row.bid_quantity + row.ask + row.ask_quantity)
    return _whole(row)


def _require_finite(total: float) -> None:
    """Text like "NaN" reads as a number. A sum is finite only if all of its parts are; raises ValueError."""
    if not isfinite(total):
        raise ValueError("a number that is not finite")


def _bar(row: _KlineWire) -> MarketEvent | None:
    if row.st == COIN_MARGINED:
        return None
    k = row.k
    _require_finite(k.o + k.h + k.l + k.c + k.v + k.V + k.q)
    return KlineEvent(row.s, k.i, k.t, k.T + 1, k.o, k.h, k.l, k.c, k.v, k.V, k.q, k.n, k.x, row.E)


def _mark(row: _MarkWire) -> MarketEvent | None:
    if row.st == COIN_MARGINED:
        return None
    _require_finite(row.p + row.i)
    return MarkPrice(row.s, row.E, row.p, row.i, float(row.r) if row.r else float("nan"), row.T)


_DirectRow = DepthDiff | PartialDepth | AggTrade | MiniTicker | BookTicker


def _single(shape: type[T], convert: Callable[[T], MarketEvent | None]) -> Decode:
    decoder = msgspec.json.Decoder(shape, strict=False)

    def decode(payload: msgspec.Raw | bytes) -> tuple[MarketEvent, ...]:
        event = convert(decoder.decode(payload))
        return () if event is None else (event,)

    return decode


def _array(shape: type[T], convert: Callable[[T], MarketEvent | None]) -> Decode:
    decoder = msgspec.json.Decoder(list[shape], strict=False)  # type: ignore[valid-type]
    single = msgspec.json.Decoder(shape, strict=False)

    def readable(payload: msgspec.Raw | bytes) -> Iterable[T]:
        """The rows that decode when one of them does not: a bad row costs its own symbol, not all of them."""
        for raw in _rows.decode(payload):
            try:
                yield single.decode(raw)
            except msgspec.ValidationError:
                continue

    def decode(payload: msgspec.Raw | bytes) -> tuple[MarketEvent, ...]:
        rows: Iterable[T]
        try:
            rows = decoder.decode(payload)
        except msgspec.ValidationError:
            rows = readable(payload)
        return tuple(event for row in rows if (event := converted(row)) is not None)

    def converted(row: T) -> MarketEvent | None:
        try:
            return convert(row)
        except ValueError:
            return None

    return decode


_depth_diff = _single(DepthDiff, _whole)
_partial_depth = _single(PartialDepth, _partial)
_BY_KIND: dict[str, Decode] = {
    "aggTrade": _single(AggTrade, _trade),
    "kline": _single(_KlineWire, _bar),
    "markPrice": _single(_MarkWire, _mark),
    "miniTicker": _single(MiniTicker, _mini),
    "bookTicker": _single(BookTicker, _best),
    "!bookTicker": _single(BookTicker, _best),
    "!miniTicker": _array(MiniTicker, _mini),
    "!markPrice": _array(_MarkWire, _mark),
}


def decoder_for(stream: str) -> Decode | None:
    """The decoder of a stream by its name; None for a stream the desk does not read."""
    head, _, rest = stream.partition("@")
    kind = head if head.startswith("!") else rest.partition("@")[0]
    if kind.startswith("depth"):
        return _depth_diff if kind == "depth" else _partial_depth
    return _BY_KIND.get(kind.partition("_")[0])


def decode_event(stream: str, payload: msgspec.Raw | bytes) -> tuple[MarketEvent, ...]:
    """The events of one message of `stream`; empty for coin-margined rows. Raises BadPayload."""
    decode = decoder_for(stream)
    if decode is None:
        raise BadPayload(stream, "a stream nobody reads")
    try:
        return decode(payload)
    except (msgspec.DecodeError, ValueError) as error:
        raise bad_payload(payload, error) from error
