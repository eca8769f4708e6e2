"""Public payloads decode into what the desk reads, whatever the exchange adds or leaves out."""

from __future__ import annotations

import json
import math
from pathlib import Path

import msgspec
import pytest

from engine.errors import BadPayload
from engine.exchange.wire_market import (
    AggTrade,
    BookTicker,
    Depth,
    DepthDiff,
    Kline,
    KlineEvent,
    MarkPrice,
    MiniTicker,
    PartialDepth,
    decode_envelope,
    decode_event,
)

SHARED = Path(__file__).parents[4] / "shared"
FIXTURES = SHARED / "spec" / "fixtures"
NAUTILUS = SHARED / "data" / "fixtures" / "nautilus" / "rust_adapter" / "futures" / "market_data_json"
needs_fixtures = pytest.mark.skipif(not FIXTURES.is_dir(), reason="the recorded payloads are not beside this checkout")


@needs_fixtures
@pytest.mark.parametrize(
    ("name", "stream", "kind", "count"),
    [
        ("depth_diff", "btcusdt@depth@100ms", DepthDiff, 1),
        ("depth_partial", "btcusdt@depth5@500ms", PartialDepth, 1),
        ("aggTrade", "btcusdt@aggTrade", AggTrade, 1),
        ("kline", "btcusdt@kline_1m", KlineEvent, 1),
        ("markPrice", "btcusdt@markPrice@1s", MarkPrice, 1),
        ("markPrice_arr", "!markPrice@arr@1s", MarkPrice, 2),
        ("miniTicker", "btcusdt@miniTicker", MiniTicker, 1),
        ("miniTicker_arr", "!miniTicker@arr", MiniTicker, 1),
        ("bookTicker", "btcusdt@bookTicker", BookTicker, 1),
    ],
)
def test_recorded_payload_decodes_without_its_coin_margined_rows(
    name: str, stream: str, kind: type, count: int
) -> None:
    events = decode_event(stream, (FIXTURES / "ws_market" / f"{name}.json").read_bytes())
    assert len(events) == count
    assert all(type(event) is kind and event.symbol.endswith("USDT") for event in events)


@needs_fixtures
@pytest.mark.parametrize(
    ("name", "stream"),
    [
        ("agg_trade_stream", "btcusdt@aggTrade"),
        ("book_ticker_stream", "btcusdt@bookTicker"),
        ("depth_update_stream", "btcusdt@depth@100ms"),
        ("kline_stream_closed", "btcusdt@kline_15m"),
        ("kline_stream_open", "btcusdt@kline_15m"),
        ("mark_price_stream", "btcusdt@markPrice"),
    ],
)
def test_payloads_documented_elsewhere_decode_too(name: str, stream: str) -> None:
    assert decode_event(stream, (NAUTILUS / f"{name}.json").read_bytes())


@needs_fixtures
def test_values_are_those_of_the_payload() -> None:
    (bar,) = decode_event("btcusdt@kline_1m", (FIXTURES / "ws_market" / "kline.json").read_bytes())
    assert bar == KlineEvent(
        symbol="BTCUSDT", tf="1m", open_ms=1795305600000, close_ms=1795305660000, open=91210.0, high=91260.5,
        low=91200.1, close=91250.1, volume=152.334, taker_buy=80.112, quote_volume=13899012.4421, trades=4210,
        closed=False, event_ms=1795305630250,
    )  # fmt: skip
    (diff,) = decode_event("btcusdt@depth", (FIXTURES / "ws_market" / "depth_diff.json").read_bytes())
    assert isinstance(diff, DepthDiff)
    assert (diff.first_id, diff.final_id, diff.prev_id) == (9876543210101, 9876543210190, 9876543210090)
    assert diff.bids == [(91250.1, 2.9), (91249.5, 0.0)]
    (best,) = decode_event("btcusdt@bookTicker", (FIXTURES / "ws_market" / "bookTicker.json").read_bytes())
    assert isinstance(best, BookTicker)
    assert (best.bid, best.bid_quantity, best.ask, best.ask_quantity) == (91250.1, 3.214, 91250.2, 1.977)


@needs_fixtures
def test_rest_rows_decode_with_an_exclusive_close() -> None:
    bars = msgspec.json.decode((FIXTURES / "rest" / "klines.json").read_bytes(), type=list[Kline], strict=False)
    assert [bar.close_ms for bar in bars] == [1795305660000, 1795305720000]
    assert bars[0].taker_buy == 80.112
    depth = msgspec.json.decode((FIXTURES / "rest" / "depth.json").read_bytes(), type=Depth, strict=False)
    assert depth.last_id == 9876543210123
    assert depth.bids[0] == (91250.1, 3.214)


def test_a_mark_price_without_a_funding_rate_is_absent_not_zero() -> None:
    payload = b'{"E":1,"s":"BTCUSDT_261225","p":"100","i":"101","r":"","T":0}'
    (event,) = decode_event("btcusdt_261225@markPrice", payload)
    assert isinstance(event, MarkPrice)
    assert math.isnan(event.funding_rate)


def test_one_bad_row_of_an_array_costs_only_its_symbol() -> None:
    good = {"s": "ETHUSDT", "E": 1, "c": "1", "o": "1", "h": "1", "l": "1", "v": "1", "q": "1"}
    payload = json.dumps([good, {**good, "s": "BADUSDT", "c": None}, {**good, "s": "BNBUSDT"}]).encode()
    assert [event.symbol for event in decode_event("!miniTicker@arr", payload)] == ["ETHUSDT", "BNBUSDT"]


@pytest.mark.parametrize("payload", [b"", b"{", b'{"s":"BTCUSDT"}', b"[1]", b"null", b"\xff\xfe"])
def test_bytes_that_are_no_payload_say_so(payload: bytes) -> None:
    with pytest.raises(BadPayload):
        decode_event("btcusdt@depth@100ms", payload)


def test_an_envelope_carries_events_answers_and_refusals() -> None:
    event = decode_envelope('{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade"}}')
    assert (event.stream, bytes(event.data)) == ("btcusdt@aggTrade", b'{"e":"aggTrade"}')
    assert decode_envelope('{"result":null,"id":7}').id == 7
    refused = decode_envelope('{"code":2,"msg":"Invalid request"}')
    assert (refused.code, refused.msg) == (2, "Invalid request")
    with pytest.raises(BadPayload):
        decode_envelope("nothing of the kind")
