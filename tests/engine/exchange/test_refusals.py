"""What each answer of the exchange proves about the request it refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.exchange.limits import Pool
from engine.exchange.refusals import Kind, judge, used_headers
from engine.exchange.transport import HttpAnswer
from tests.support.scripted_http import answer, refusal

FIXTURES = Path(__file__).parents[4] / "shared" / "spec" / "fixtures" / "errors"

UNAVAILABLE = "Service Unavailable."
INTERNAL = "Internal error; unable to process your request. Please try again."
UNKNOWN = "Unknown error, please check your request or try again later."


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (answer({}), Kind.OK),
        (refusal(-1000, "An unknown error occurred"), Kind.UNKNOWN),
        (refusal(-1001, INTERNAL, 503), Kind.RETRY),
        (refusal(-1001, "Disconnected", 500), Kind.UNKNOWN),
        (refusal(-1003, "Too many requests", 429), Kind.TOO_MANY),
        (refusal(-1003, "banned", 418), Kind.BANNED),
        (refusal(-1006, "Unexpected response", 500), Kind.UNKNOWN),
        (refusal(-1007, UNKNOWN, 503), Kind.UNKNOWN),
        (refusal(-1008, "Server is currently overloaded", 503), Kind.RETRY),
        (refusal(-1015, "Too many new orders", 429), Kind.TOO_MANY),
        (refusal(-1016, "This service is no longer available"), Kind.RETRY),
        (refusal(-1021, "outside of the recvWindow"), Kind.SKEW),
        (refusal(-5028, "recvWindow of the matching engine"), Kind.SKEW),
        (refusal(-1022, "Signature"), Kind.REJECTED),
        (refusal(-2010, "rejected"), Kind.REJECTED),
        (refusal(-2011, "Unknown order sent."), Kind.REJECTED),
        (refusal(-2015, "Invalid API-key", 401), Kind.REJECTED),
        (refusal(-2021, "would immediately trigger"), Kind.REJECTED),
        (refusal(-4116, "duplicated"), Kind.REJECTED),
        (refusal(-5000, "Path is invalid", 404), Kind.REJECTED),
        (HttpAnswer(403, {}, b"<html>"), Kind.BLOCKED),
        (HttpAnswer(408, {}, b""), Kind.UNKNOWN),
        (HttpAnswer(451, {}, b'{"code":0,"msg":"restricted location"}'), Kind.REJECTED),
        (HttpAnswer(500, {}, b""), Kind.UNKNOWN),
        (HttpAnswer(502, {}, b"<html>bad gateway"), Kind.UNKNOWN),
        (HttpAnswer(503, {}, UNAVAILABLE.encode()), Kind.RETRY),
        (HttpAnswer(503, {}, json.dumps({"code": 0, "msg": UNAVAILABLE}).encode()), Kind.RETRY),
        (HttpAnswer(503, {}, json.dumps({"msg": UNKNOWN}).encode()), Kind.UNKNOWN),
        (HttpAnswer(301, {}, b""), Kind.UNKNOWN),
    ],
)
def test_what_an_answer_proves(given: HttpAnswer, kind: Kind) -> None:
    assert judge(given).kind is kind


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("weight_429", Kind.TOO_MANY), ("orders_429", Kind.TOO_MANY), ("ban_418", Kind.BANNED),
        ("unknown_503", Kind.UNKNOWN), ("overload_503", Kind.RETRY), ("timestamp", Kind.SKEW),
    ],
)  # fmt: skip
@pytest.mark.skipif(not FIXTURES.is_dir(), reason="the recorded refusals are not beside this checkout")
def test_recorded_refusals(name: str, kind: Kind) -> None:
    recorded = json.loads((FIXTURES / f"{name}.json").read_bytes())
    headers = {key.lower(): value for key, value in recorded["headers"].items()}
    verdict = judge(HttpAnswer(recorded["httpStatus"], headers, json.dumps(recorded["body"]).encode()))
    assert verdict.kind is kind
    if kind in (Kind.TOO_MANY, Kind.BANNED):
        assert verdict.retry_after_ms == int(recorded["headers"]["Retry-After"]) * 1000


@pytest.mark.skipif(not FIXTURES.is_dir(), reason="the recorded refusals are not beside this checkout")
def test_every_other_recorded_refusal_is_a_plain_no() -> None:
    special = {"weight_429", "orders_429", "ban_418", "unknown_503", "overload_503", "timestamp"}
    names = [path for path in FIXTURES.glob("*.json") if path.stem not in special]
    assert len(names) > 15
    for path in names:
        recorded = json.loads(path.read_bytes())
        verdict = judge(HttpAnswer(recorded["httpStatus"], {}, json.dumps(recorded["body"]).encode()))
        assert (verdict.kind, verdict.code) == (Kind.REJECTED, recorded["body"]["code"])


@pytest.mark.parametrize(
    ("message", "asked_of", "pool"),
    [
        ("Too many new orders; current limit is 300 orders per TEN_SECONDS.", Pool.ORDERS_10S, Pool.ORDERS_10S),
        ("Too many new orders; current limit is 1200 orders per MINUTE.", Pool.ORDERS_10S, Pool.ORDERS_1M),
    ],
)
def test_too_many_orders_names_its_window(message: str, asked_of: Pool, pool: Pool) -> None:
    assert judge(refusal(-1015, message, 429), asked_of).pool is pool


@pytest.mark.parametrize(
    ("asked_of", "pool"),
    [(Pool.STATISTICS, Pool.STATISTICS), (Pool.FUNDING, Pool.FUNDING), (Pool.ORDERS_10S, Pool.WEIGHT)],
)
def test_too_many_requests_cools_the_pool_that_was_asked_of(asked_of: Pool, pool: Pool) -> None:
    assert judge(refusal(-1003, "Too many requests", 429), asked_of).pool is pool


@pytest.mark.parametrize(
    ("text", "value"), [("37", 37_000), ("0", 0), ("1.5", 1_500), ("", None), ("Wed, 21 Oct", None), ("-3", None)]
)
def test_retry_after_is_seconds_or_nothing(text: str, value: int | None) -> None:
    assert judge(HttpAnswer(429, {"retry-after": text}, b"{}")).retry_after_ms == value


def test_use_headers_that_make_no_sense_are_none() -> None:
    given = {"x-mbx-used-weight-1m": "-1", "x-mbx-order-count-10s": "7"}
    assert used_headers(given) == {Pool.WEIGHT: None, Pool.ORDERS_10S: 7, Pool.ORDERS_1M: None}
