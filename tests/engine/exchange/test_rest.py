"""Requests on virtual time against a scripted exchange: what is repeated, what never, and what a refusal stops."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from config.schema import ExchangeSettings
from engine.clock import VirtualClock, run_virtual
from engine.errors import BadPayload, ClockSkew, ExchangeError, OutcomeUnknown, Rejected, Throttled, Transient
from engine.exchange.call import Call
from engine.exchange.ledger import Ledger
from engine.exchange.limits import Lane, Pool
from engine.exchange.rest import Rest
from engine.exchange.signing import HmacSigner
from engine.exchange.transport import HttpAnswer, NotSent
from engine.exchange.venue import Venue
from engine.exchange.wire_account import OrderAnswer, ServerTime
from tests.support.scripted_http import Asked, ScriptedHttp, answer, refusal

EPOCH = 1_795_305_600_000
TIME = Call("GET", "/fapi/v1/time")
ORDER = Call("POST", "/fapi/v1/order", {"symbol": "BTCUSDT", "quantity": "0.010"}, signed=True)
PLACED = answer(
    {"symbol": "BTCUSDT", "orderId": 7, "clientOrderId": "c", "status": "NEW", "side": "BUY", "type": "MARKET",
     "origQty": "0.010"}
)  # fmt: skip
VENUE = Venue("sim", "http://exchange", "ws://exchange", "")


class Desk:
    """A request core with its script, on virtual time."""

    def __init__(self, clock: VirtualClock, signer: HmacSigner | None) -> None:
        self.clock = clock
        self.bans: list[tuple[int, str]] = []
        self.http = ScriptedHttp()
        self.ledger = Ledger(ExchangeSettings(), clock, random.Random(3), self.remember)
        self.rest = Rest(VENUE, self.http, signer, self.ledger, ExchangeSettings(), clock, random.Random(4))

    async def remember(self, until_ms: int, reason: str) -> None:
        self.bans.append((until_ms, reason))

    async def order(self) -> OrderAnswer:
        return await self.rest.order(ORDER, "c", OrderAnswer)


def desk(body: Callable[[Desk], Awaitable[Any]], key: bool = True) -> Any:
    async def main(clock: VirtualClock) -> Any:
        return await body(Desk(clock, HmacSigner("KEY", "SECRET") if key else None))

    return run_virtual(main, EPOCH)


# -- reads -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "failure",
    [Transient("reset"), NotSent("refused"), HttpAnswer(502, {}, b""), refusal(-1007, "timeout", 503),
     refusal(-1008, "overloaded", 503), HttpAnswer(408, {}, b"")],
)  # fmt: skip
def test_a_read_that_failed_in_passing_is_asked_again_after_a_pause(failure: Any) -> None:
    async def body(d: Desk) -> None:
        d.http.on("GET", TIME.path, failure, failure, answer({"serverTime": 5}))
        assert (await d.rest.ask(TIME, ServerTime)).server_ms == 5
        assert len(d.http.asked) == 3
        # 2 s and 4 s, each shortened by up to half.
        assert 3_000 <= d.clock.mono_ms() <= 6_100

    desk(body)


def test_a_read_gives_up_after_five_attempts() -> None:
    async def body(d: Desk) -> None:
        d.http.on("GET", TIME.path, Transient("reset"))
        with pytest.raises(Transient, match="reset"):
            await d.rest.ask(TIME, ServerTime)
        assert len(d.http.asked) == 5
        assert d.ledger.used() == 5
        assert d.rest.link == "down"

    desk(body)


def test_a_read_does_not_outlive_its_use() -> None:
    async def body(d: Desk) -> None:
        async def slow(asked: Asked) -> HttpAnswer:
            await d.clock.sleep(asked.timeout_s)
            raise Transient("no answer")

        d.http.on("GET", TIME.path, slow)
        with pytest.raises(Transient):
            await d.rest.ask(_with_deadline(d, 9_000), ServerTime)
        assert d.clock.mono_ms() <= 9_000
        assert [asked.timeout_s for asked in d.http.asked] == [9.0]

    desk(body)


def _with_deadline(d: Desk, deadline_mono_ms: float) -> Call:
    return Call("GET", TIME.path, deadline_mono_ms=d.clock.mono_ms() + deadline_mono_ms)


@pytest.mark.parametrize(
    ("given", "failure"),
    [
        (refusal(-1121, "Invalid symbol."), Rejected),
        (refusal(-2015, "Invalid API-key", 401), Rejected),
        (refusal(-5000, "Path is invalid", 404), Rejected),
        (refusal(-1003, "slow down", 429, retry_after="7"), Throttled),
        (HttpAnswer(403, {}, b"<html>"), Throttled),
        (HttpAnswer(200, {}, b"<html>"), BadPayload),
    ],
)
def test_what_would_not_pass_is_not_repeated(given: HttpAnswer, failure: type[Exception]) -> None:
    async def body(d: Desk) -> None:
        d.http.on("GET", TIME.path, given)
        with pytest.raises(failure):
            await d.rest.ask(TIME, ServerTime)
        assert len(d.http.asked) == 1

    desk(body)


def test_use_is_taken_from_the_headers() -> None:
    async def body(d: Desk) -> None:
        d.http.on("GET", TIME.path, answer({"serverTime": 5}, x_mbx_used_weight_1m="1700"))
        await d.rest.ask(TIME, ServerTime)
        assert d.ledger.used() == 1700

    desk(body)


# -- orders ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "doubt",
    [Transient("no answer within 1 s"), HttpAnswer(502, {}, b""), refusal(-1007, "Unknown error", 503),
     refusal(-1000, "unknown"), refusal(-1006, "unexpected", 500), HttpAnswer(200, {}, b"<html>")],
)  # fmt: skip
def test_a_doubtful_order_is_never_sent_twice(doubt: Any) -> None:
    async def body(d: Desk) -> None:
        d.http.on("POST", ORDER.path, doubt)
        with pytest.raises(OutcomeUnknown) as unknown:
            await d.order()
        assert (unknown.value.client_id, unknown.value.sent_ms) == ("c", EPOCH)
        assert len(d.http.asked) == 1

    desk(body)


@pytest.mark.parametrize(
    "sure", [refusal(-1008, "overloaded", 503), HttpAnswer(503, {}, b"Service Unavailable."), NotSent("refused")]
)
def test_an_order_that_surely_failed_is_sent_again_shortly(sure: Any) -> None:
    async def body(d: Desk) -> None:
        d.http.on("POST", ORDER.path, sure, sure, PLACED)
        assert (await d.order()).order_id == 7
        assert d.clock.mono_ms() == pytest.approx(600, abs=5)

    desk(body)


def test_an_order_that_keeps_failing_surely_is_given_up_within_its_second() -> None:
    async def body(d: Desk) -> None:
        d.http.on("POST", ORDER.path, refusal(-1008, "overloaded", 503))
        with pytest.raises(Rejected) as refused:
            await d.order()
        assert refused.value.code == -1008
        assert d.clock.mono_ms() <= 1_000

    desk(body)


def test_an_order_has_a_second_and_no_more() -> None:
    async def body(d: Desk) -> None:
        d.http.on("POST", ORDER.path, PLACED)
        await d.order()
        assert d.http.asked[0].timeout_s == 1.0

    desk(body)


def test_a_refused_order_had_no_effect_and_is_not_repeated() -> None:
    async def body(d: Desk) -> None:
        d.http.on("POST", ORDER.path, refusal(-2019, "Margin is insufficient."))
        with pytest.raises(Rejected) as refused:
            await d.order()
        assert (refused.value.code, len(d.http.asked)) == (-2019, 1)

    desk(body)


def test_an_order_does_not_wait_for_a_full_pool() -> None:
    async def body(d: Desk) -> None:
        d.http.on("POST", ORDER.path, answer({}, x_mbx_order_count_10s="285", x_mbx_order_count_1m="285"))
        with pytest.raises(OutcomeUnknown):
            await d.order()
        with pytest.raises(Throttled) as refused:
            await d.order()
        assert refused.value.until_ms == EPOCH + 10_000
        assert len(d.http.asked) == 1

    desk(body)


# -- clock -------------------------------------------------------------------------------------------------------------


class Measured:
    """A clock that is trusted or not, and counts how often it was measured."""

    def __init__(self, usable: bool = True, way: bool = True) -> None:
        self.usable, self.way, self.measured = usable, way, 0

    async def trusted(self) -> None:
        self.require()

    def require(self) -> None:
        if not self.usable:
            raise ClockSkew(None)

    async def remeasure(self) -> None:
        self.measured += 1
        if not self.way:
            raise Transient("no route")


def test_a_refused_timestamp_that_cannot_be_measured_was_not_sent() -> None:
    async def body(d: Desk) -> None:
        d.rest.follow(Measured(way=False))
        d.http.on("POST", ORDER.path, refusal(-1021, "outside of the recvWindow"))
        with pytest.raises(ClockSkew):
            await d.order()
        assert len(d.http.asked) == 1

    desk(body)


def test_a_refused_timestamp_is_measured_again_and_the_order_sent_once_more() -> None:
    async def body(d: Desk) -> None:
        trust = Measured()
        d.rest.follow(trust)
        d.http.on("POST", ORDER.path, refusal(-1021, "outside of the recvWindow"), PLACED)
        assert (await d.order()).order_id == 7
        assert trust.measured == 1
        d.http.on("POST", ORDER.path, refusal(-1021, "outside of the recvWindow"))
        with pytest.raises(ClockSkew):
            await d.order()
        assert trust.measured == 2

    desk(body)


def test_nothing_is_signed_on_a_clock_nobody_trusts() -> None:
    async def body(d: Desk) -> None:
        d.rest.follow(Measured(usable=False))
        d.http.on("GET", TIME.path, answer({"serverTime": 5}))
        with pytest.raises(ClockSkew):
            await d.order()
        await d.rest.ask(TIME, ServerTime)
        assert [asked.method for asked in d.http.asked] == ["GET"]

    desk(body)


def test_signed_requests_carry_key_timestamp_and_signature() -> None:
    async def body(d: Desk) -> None:
        d.http.on("POST", ORDER.path, PLACED)
        await d.order()
        (asked,) = d.http.asked
        assert asked.headers["X-MBX-APIKEY"] == "KEY"
        assert asked.params["timestamp"] == str(EPOCH)
        assert asked.params["recvWindow"] == "5000"
        query, _, signature = asked.query.rpartition("&signature=")
        assert signature == HmacSigner("KEY", "SECRET").sign(query.encode())

    desk(body)


def test_without_a_key_nothing_is_signed_and_public_reads_go_on() -> None:
    async def body(d: Desk) -> None:
        d.http.on("GET", TIME.path, answer({"serverTime": 5}))
        with pytest.raises(Rejected, match="no API key"):
            await d.order()
        await d.rest.ask(TIME, ServerTime)
        assert not d.rest.can_sign
        assert d.http.asked[0].headers == {}

    desk(body, key=False)


# -- refusals that concern everybody -------------------------------------------------------------------------------


def test_nothing_at_all_is_sent_during_a_ban_and_one_ping_ends_it() -> None:
    async def body(d: Desk) -> None:
        until = EPOCH + 240_000
        d.http.on("GET", TIME.path, refusal(-1003, f"IP banned until {until}.", 418, retry_after="5"),
                  answer({"serverTime": 5}))  # fmt: skip
        d.http.on("GET", "/fapi/v1/ping", answer({}))
        with pytest.raises(Throttled) as banned:
            await d.rest.ask(TIME, ServerTime)
        assert (banned.value.banned, banned.value.until_ms) == (True, until)
        assert [at for at, _ in d.bans] == [until]
        with pytest.raises(Throttled):
            await d.order()
        results = await asyncio.gather(*(d.rest.ask(TIME, ServerTime) for _ in range(12)))
        assert len(results) == 12
        sent = [asked.path for asked in d.http.asked]
        assert sent == [TIME.path, "/fapi/v1/ping", *[TIME.path] * 12]
        assert d.clock.now_ms() >= until

    desk(body)


def test_a_full_statistics_pool_leaves_orders_alone() -> None:
    async def body(d: Desk) -> None:
        path = "/futures/data/openInterestHist"
        d.http.on("GET", path, refusal(-1003, "Too many requests", 429, retry_after="200"))
        d.http.on("POST", ORDER.path, PLACED)
        with pytest.raises(Throttled):
            await d.rest.ask(Call("GET", path, lane=Lane.LIVE), msgspec.Raw)
        assert (await d.order()).order_id == 7
        assert d.ledger.gate_state == "open"

    desk(body)


def test_a_full_minute_stops_orders_too() -> None:
    async def body(d: Desk) -> None:
        d.http.on("GET", TIME.path, refusal(-1003, "Too many requests", 429, retry_after="20"))
        with pytest.raises(Throttled):
            await d.rest.ask(TIME, ServerTime)
        with pytest.raises(Throttled) as refused:
            await d.order()
        assert (refused.value.until_ms, refused.value.banned) == (EPOCH + 20_000, False)
        assert len(d.http.asked) == 1
        assert d.bans == []

    desk(body)


def test_a_cancelled_request_gives_its_ticket_back() -> None:
    async def body(d: Desk) -> None:
        async def hang(_asked: Asked) -> HttpAnswer:
            await d.clock.sleep(3600)
            raise AssertionError

        d.http.on("GET", TIME.path, hang)
        task = asyncio.create_task(d.rest.ask(TIME, ServerTime))
        await d.clock.sleep(1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert d.ledger._windows[Pool.WEIGHT].in_flight == 0

    desk(body)


def test_every_failure_of_the_exchange_is_an_exchange_error() -> None:
    for failure in (Rejected, Throttled, Transient, OutcomeUnknown, ClockSkew, NotSent):
        assert issubclass(failure, ExchangeError)
