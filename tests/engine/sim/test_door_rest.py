"""The REST door: who may come in, over which bytes a signature goes, what budgets allow and what follows."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from urllib.parse import quote, urlencode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from engine.sim.clockwork import Clockwork, HandClock
from engine.sim.exchange import Exchange, Request
from engine.sim.faults import read_fault
from engine.sim.keys import Keys
from engine.sim.opening import contracts_of, open_market
from engine.sim.tape import bundled_recordings
from tests.support.exchange import FIXTURES, MIDDAY_MS, difference, fixture, served

RECORDINGS = bundled_recordings()


class Stand:
    """An exchange without sockets and the bytes a client would send to it."""

    def __init__(self, seed: int = 7, lenient: tuple[str, ...] = (), ban_seconds: float = 120.0) -> None:
        self.clock = HandClock(MIDDAY_MS)
        market = open_market(contracts_of(("BTCUSDT", "ETHUSDT"), RECORDINGS), RECORDINGS, "recorded", seed, MIDDAY_MS)
        self.exchange = Exchange(market, self.clock, seed, lenient=lenient, ban_seconds=ban_seconds)
        self.keys = self.exchange.keys

    def hmac(self, payload: str) -> str:
        return hmac.new(self.keys.api_secret.encode(), payload.encode(), hashlib.sha256).hexdigest()

    def ed25519(self, payload: str) -> str:
        key = load_pem_private_key(self.keys.ed25519_private_key.encode(), None)
        assert isinstance(key, Ed25519PrivateKey)
        return base64.b64encode(key.sign(payload.encode())).decode()

    def ask(self, method: str, path: str, query: str = "", body: str = "", key: str | None = "") -> tuple[int, int]:
        answer = self.exchange.answer(
            Request(method, path, query, body, self.keys.api_key if key == "" else key, "10.0.0.1")
        )
        return answer.status, answer.body.get("code", 0) if isinstance(answer.body, dict) else 0

    def order(self, **extra: object) -> str:
        fields = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01"}
        return urlencode(fields | {"timestamp": self.clock.now_ms()} | extra)

    def mixed(self, query: str, body: str, where: str) -> tuple[int, int]:
        """Parameters in both places, signed as one string, the signature at the end of one of them."""
        pair = f"&signature={self.hmac(query + body)}"
        parts = (query + pair, body) if where == "query" else (query, body + pair)
        return self.ask("POST", "/fapi/v1/order", *parts)

    def hmac_decoded(self) -> str:
        return self.hmac(self.order(newClientOrderId="a:b").replace("%3A", ":"))

    def place(self, **extra: object) -> tuple[int, int]:
        query = self.order(**extra)
        return self.ask("POST", "/fapi/v1/order", f"{query}&signature={self.hmac(query)}")


SIGNED: dict[str, tuple[Callable[[Stand], tuple[int, int]], tuple[int, int]]] = {
    "in the query": (lambda s: s.place(), (200, 0)),
    "in the body": (
        lambda s: s.ask("POST", "/fapi/v1/order", "", f"{s.order()}&signature={s.hmac(s.order())}"),
        (200, 0),
    ),
    "query and body together, without a separator": (
        lambda s: s.mixed("symbol=BTCUSDT&side=BUY", f"type=MARKET&quantity=0.01&timestamp={MIDDAY_MS}", "body"),
        (200, 0),
    ),
    "signature in the query over a body": (
        lambda s: s.mixed("symbol=BTCUSDT", f"side=BUY&type=MARKET&quantity=0.01&timestamp={MIDDAY_MS}", "query"),
        (200, 0),
    ),
    "hex of any case": (
        lambda s: s.ask("POST", "/fapi/v1/order", f"{s.order()}&signature={s.hmac(s.order()).upper()}"), (200, 0)),
    "over the bytes as sent, not as decoded": (lambda s: s.place(newClientOrderId="a:b"), (200, 0)),
    "over decoded bytes": (
        lambda s: s.ask("POST", "/fapi/v1/order", f"{s.order(newClientOrderId='a:b')}&signature={s.hmac_decoded()}"),
        (400, -1022),
    ),
    "by Ed25519": (
        lambda s: s.ask("POST", "/fapi/v1/order", f"{s.order()}&signature={quote(s.ed25519(s.order()), safe='')}", "",
                        s.keys.ed25519_api_key), (200, 0)),
    "by Ed25519 of other bytes": (
        lambda s: s.ask("POST", "/fapi/v1/order", f"{s.order()}&signature={quote(s.ed25519('x'), safe='')}", "",
                        s.keys.ed25519_api_key), (400, -1022)),
    "HMAC under the Ed25519 key": (
        lambda s: s.ask("POST", "/fapi/v1/order", f"{s.order()}&signature={s.hmac(s.order())}", "",
                        s.keys.ed25519_api_key), (400, -1022)),
    "wrong": (lambda s: s.ask("POST", "/fapi/v1/order", f"{s.order()}&signature={'0' * 64}"), (400, -1022)),
    "not the last parameter": (
        lambda s: s.ask("POST", "/fapi/v1/order", f"signature={s.hmac(s.order())}&{s.order()}"), (400, -1022)),
    "missing": (lambda s: s.ask("POST", "/fapi/v1/order", s.order()), (400, -1102)),
    "without a time stamp": (
        lambda s: s.ask("POST", "/fapi/v1/order", f"symbol=BTCUSDT&signature={s.hmac('symbol=BTCUSDT')}"),
        (400, -1102)),
    "time stamp that is no number": (lambda s: s.place(timestamp="soon"), (400, -1102)),
    "just fresh enough": (lambda s: s.place(timestamp=MIDDAY_MS - 5000), (200, 0)),
    "too old": (lambda s: s.place(timestamp=MIDDAY_MS - 5001), (400, -1021)),
    "old within its own window": (lambda s: s.place(timestamp=MIDDAY_MS - 9000, recvWindow=10000), (200, 0)),
    "a little ahead": (lambda s: s.place(timestamp=MIDDAY_MS + 999), (200, 0)),
    "too far ahead": (lambda s: s.place(timestamp=MIDDAY_MS + 1000), (400, -1021)),
    "window beyond a minute": (lambda s: s.place(recvWindow=60001), (400, -1131)),
    "no key": (lambda s: s.ask("POST", "/fapi/v1/order", f"{s.order()}&signature=x", "", None), (401, -2014)),
    "key of a wrong form": (
        lambda s: s.ask("POST", "/fapi/v1/order", f"{s.order()}&signature=x", "", "abc"), (401, -2014)),
    "unknown key": (lambda s: s.ask("POST", "/fapi/v1/order", f"{s.order()}&signature=x", "", "a" * 64), (401, -2015)),
    "listen key without a key": (lambda s: s.ask("POST", "/fapi/v1/listenKey", "", "", None), (401, -2014)),
    "listen key with a key only": (lambda s: s.ask("POST", "/fapi/v1/listenKey"), (200, 0)),
    "old trades with a key only": (lambda s: s.ask("GET", "/fapi/v1/historicalTrades", "symbol=BTCUSDT"), (200, 0)),
    "public data without a key": (lambda s: s.ask("GET", "/fapi/v1/ping", "", "", None), (200, 0)),
}  # fmt: skip


@pytest.mark.parametrize("case", SIGNED)
def test_signatures_and_stamps(case: str) -> None:
    act, wanted = SIGNED[case]
    assert act(Stand()) == wanted


def test_for_a_duplicate_parameter_the_query_wins() -> None:
    stand = Stand()
    query, body = "symbol=ETHUSDT", stand.order()
    answer = stand.exchange.answer(
        Request("POST", "/fapi/v1/order", query, f"{body}&signature={stand.hmac(query + body)}", stand.keys.api_key)
    )
    assert (answer.status, answer.body["symbol"]) == (200, "ETHUSDT")


def test_keys_are_the_same_for_the_same_seed() -> None:
    assert Keys.of(7) == Keys.of(7)
    assert Keys.of(7).api_key != Keys.of(8).api_key
    assert len(Keys.of(7).api_key) == len(Keys.of(7).api_secret) == 64


def test_at_speed_the_window_is_measured_on_the_wall() -> None:
    stand, fast = Stand(), Clockwork(20.0)
    contracts = contracts_of(("BTCUSDT",), RECORDINGS)
    exchange = Exchange(open_market(contracts, RECORDINGS, "recorded", 7, fast.now_ms()), fast, 7)
    for late_ms, status in ((20 * 4_000, 200), (20 * 6_000, 400)):
        query = stand.order(timestamp=fast.now_ms() - late_ms)
        answer = exchange.answer(
            Request("POST", "/fapi/v1/order", f"{query}&signature={stand.hmac(query)}", "", stand.keys.api_key)
        )
        assert answer.status == status


WEIGHTS = [
    ("GET", "/fapi/v1/ping", "", 1),
    ("GET", "/fapi/v1/depth", "symbol=BTCUSDT&limit=50", 2),
    ("GET", "/fapi/v1/depth", "symbol=BTCUSDT&limit=100", 5),
    ("GET", "/fapi/v1/depth", "symbol=BTCUSDT", 10),
    ("GET", "/fapi/v1/depth", "symbol=BTCUSDT&limit=1000", 20),
    ("GET", "/fapi/v1/klines", "symbol=BTCUSDT&interval=1m&limit=99", 1),
    ("GET", "/fapi/v1/klines", "symbol=BTCUSDT&interval=1m&limit=100", 2),
    ("GET", "/fapi/v1/klines", "symbol=BTCUSDT&interval=1m", 5),
    ("GET", "/fapi/v1/klines", "symbol=BTCUSDT&interval=1m&limit=1500", 10),
    ("GET", "/fapi/v1/premiumIndex", "", 10),
    ("GET", "/fapi/v1/ticker/24hr", "", 40),
    ("GET", "/fapi/v1/ticker/24hr", "symbol=BTCUSDT", 1),
    ("GET", "/fapi/v1/historicalTrades", "symbol=BTCUSDT", 200),
    ("GET", "/fapi/v1/aggTrades", "symbol=BTCUSDT", 20),
    ("POST", "/fapi/v1/listenKey", "", 1),
]


@pytest.mark.parametrize(("method", "path", "query", "weight"), WEIGHTS)
def test_every_request_weighs_what_the_table_says(method: str, path: str, query: str, weight: int) -> None:
    stand = Stand()
    answer = stand.exchange.answer(Request(method, path, query, "", stand.keys.api_key))
    assert (answer.status, answer.headers["X-MBX-USED-WEIGHT-1M"]) == (200, str(weight))


def test_order_answers_count_orders_and_weigh_nothing() -> None:
    stand = Stand()
    query = stand.order()
    request = Request("POST", "/fapi/v1/order", f"{query}&signature={stand.hmac(query)}", "", stand.keys.api_key)
    for count in (1, 2):
        headers = stand.exchange.answer(request).headers
        assert headers == {
            "X-MBX-USED-WEIGHT-1M": "0", "X-MBX-ORDER-COUNT-10S": str(count), "X-MBX-ORDER-COUNT-1M": str(count)
        }  # fmt: skip


def exhaust(stand: Stand) -> None:
    for _ in range(60):
        assert stand.ask("GET", "/fapi/v1/ticker/24hr") == (200, 0)


def test_the_first_request_past_the_limit_gets_429_and_a_new_minute_forgives() -> None:
    stand = Stand()
    exhaust(stand)
    answer = stand.exchange.answer(Request("GET", "/fapi/v1/ping", address="10.0.0.1"))
    left_s = 60 - (MIDDAY_MS % 60_000) / 1000
    assert answer.status == 429
    assert answer.headers == {"Retry-After": str(int(left_s) + 1)}
    assert stand.exchange.answer(Request("GET", "/fapi/v1/ping", address="10.0.0.2")).status == 200
    stand.clock.set((MIDDAY_MS // 60_000 + 1) * 60_000)
    assert stand.ask("GET", "/fapi/v1/ping") == (200, 0)


def test_the_tenth_request_into_a_429_is_banned_and_bans_double() -> None:
    stand = Stand(ban_seconds=30.0)
    for length_s in (30, 60, 120):
        exhaust(stand)
        got = [stand.ask("GET", "/fapi/v1/ping")[0] for _ in range(12)]
        assert got == [429] * 10 + [418] * 2
        now = stand.clock.now_ms()
        answer = stand.exchange.answer(Request("GET", "/fapi/v1/ping", address="10.0.0.1"))
        assert answer.headers == {"Retry-After": str(length_s)}
        assert f"banned until {now + length_s * 1000}." in answer.body["msg"]
        stand.clock.set(now + length_s * 1000 - 1)
        assert stand.ask("GET", "/fapi/v1/ping")[0] == 418
        stand.clock.set((now + length_s * 1000) // 60_000 * 60_000 + 60_000)


def test_a_lenient_exchange_bans_nobody() -> None:
    stand = Stand(lenient=("ban",))
    exhaust(stand)
    assert {stand.ask("GET", "/fapi/v1/ping")[0] for _ in range(30)} == {429}


@pytest.mark.parametrize(
    ("path", "query", "limit"),
    [
        ("/fapi/v1/fundingInfo", "", 500),
        ("/futures/data/takerlongshortRatio", "symbol=BTCUSDT&period=5m&limit=1", 1000),
    ],
)
def test_funding_and_statistics_have_budgets_of_their_own(path: str, query: str, limit: int) -> None:
    stand = Stand()
    got = [stand.ask("GET", path, query)[0] for _ in range(limit + 1)]
    assert got == [200] * limit + [429]
    assert stand.ask("GET", "/fapi/v1/ping") == (200, 0)
    assert "X-MBX-USED-WEIGHT-1M" not in stand.exchange.answer(Request("GET", path, query)).headers


def test_too_many_orders_are_refused_without_touching_the_weight() -> None:
    stand = Stand()
    got = [stand.place(quantity="0.000")[1] for _ in range(301)]
    assert got.count(-1015) == 1
    assert got[-1] == -1015
    assert stand.ask("GET", "/fapi/v1/ping") == (200, 0)


def test_average_price_comes_back_to_the_ack_only_when_asked_for() -> None:
    for lenient, present in (((), False), (("avg_price_in_ack",), True)):
        stand = Stand(lenient=lenient)
        query = stand.order(newOrderRespType="RESULT")
        answer = stand.exchange.answer(
            Request("POST", "/fapi/v1/order", f"{query}&signature={stand.hmac(query)}", "", stand.keys.api_key)
        )
        assert ("avgPrice" in answer.body, "cumQuote" in answer.body) == (present, present)


REFUSALS: dict[str, Callable[[Stand], tuple[int, int]]] = {
    "bad_path_404": lambda s: s.ask("GET", "/fapi/v1/positionRisk"),
    "bad_symbol": lambda s: s.ask("GET", "/fapi/v1/depth", "symbol=NOPE"),
    "key_format_401": lambda s: s.ask("POST", "/fapi/v1/listenKey", "", "", None),
    "key_rejected_401": lambda s: s.ask("POST", "/fapi/v1/listenKey", "", "", "b" * 64),
    "limit_invalid": lambda s: s.ask("GET", "/fapi/v1/depth", "symbol=BTCUSDT&limit=7"),
    "param_missing": lambda s: s.ask("GET", "/fapi/v1/depth"),
    "signature": lambda s: s.ask("POST", "/fapi/v1/order", f"{s.order()}&signature={'0' * 64}"),
    "timestamp": lambda s: s.place(timestamp=1),
    "weight_429": lambda s: (exhaust(s), s.ask("GET", "/fapi/v1/ping"))[1],
    "ban_418": lambda s: (exhaust(s), [s.ask("GET", "/fapi/v1/ping") for _ in range(11)][-1])[1],
}


@pytest.mark.skipif(not FIXTURES.is_dir(), reason="the documented payloads are not beside this checkout")
@pytest.mark.parametrize("name", REFUSALS)
def test_refusals_are_worded_as_documented(name: str) -> None:
    stand = Stand()
    status, code = REFUSALS[name](stand)
    wanted = fixture(f"errors/{name}.json")
    assert (status, code) == (wanted["httpStatus"], wanted["body"]["code"])
    assert difference(wanted["body"], {"code": code, "msg": ""}) == []


async def test_the_door_speaks_json_and_finds_nothing_it_does_not_serve() -> None:
    async with served(symbols=("BTCUSDT",)) as client:
        async with client.session.get(f"{client.ready['rest']}/fapi/v1/positionRisk?symbol=BTCUSDT") as answer:
            assert answer.status == 404
            assert answer.content_type == "application/json"
            assert await answer.json() == {"code": -5000, "msg": "Path /fapi/v1/positionRisk, Method GET is invalid"}
        status, body, headers = await client.get("/fapi/v1/exchangeInfo")
        assert (status, [row["symbol"] for row in body["symbols"]]) == (200, ["BTCUSDT"])
        assert headers["X-MBX-USED-WEIGHT-1M"] == "1"


async def test_signed_requests_pass_the_door_in_query_body_and_mixed() -> None:
    async with served(symbols=("BTCUSDT",)) as client:
        secret = client.ready["api_secret"].encode()

        def sign(payload: str) -> str:
            return hmac.new(secret, payload.encode(), hashlib.sha256).hexdigest()

        _, now, _ = await client.get("/fapi/v1/time")
        batch = json.dumps([{"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01"}])
        raw = f"timestamp={now['serverTime']}&recvWindow=60000&batchOrders={batch}"
        encoded = urlencode({"batchOrders": batch, "timestamp": now["serverTime"]})
        for target, body in (
            (f"/fapi/v1/batchOrders?{encoded}&signature={sign(encoded)}", None),
            ("/fapi/v1/batchOrders", f"{encoded}&signature={sign(encoded)}"),
            ("/fapi/v1/batchOrders", f"{raw}&signature={sign(raw)}"),
            (f"/fapi/v1/batchOrders?{encoded}", f"recvWindow=9000&signature={sign(encoded + 'recvWindow=9000')}"),
        ):
            status, rows, _ = await client.send("POST", target, body)
            assert (status, [row.get("executedQty") is not None for row in rows]) == (200, [True])


def test_faults_of_requests_answer_as_they_say() -> None:
    for kind, wanted in (
        ("region_refused", (451, 0)),
        ("server_error", (500, -1000)),
        ("rate_limited", (429, -1003)),
        ("banned", (418, -1003)),
    ):
        stand = Stand()
        assert stand.ask("GET", "/fapi/v1/ping") == (200, 0)
        stand.exchange.trouble.begin(read_fault({"kind": kind}))
        assert stand.ask("GET", "/fapi/v1/ping") == wanted
