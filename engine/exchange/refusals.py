"""Which failure an answer is: the exchange's statuses, codes and texts sorted into what they prove.

What matters for an order is only whether it may have taken effect. Everything that proves it did not is certain;
whatever leaves it open is unknown, and is asked about, never repeated.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

import msgspec

from engine.exchange.limits import Pool
from engine.exchange.transport import HttpAnswer
from engine.exchange.wire_account import ErrorBody

TIMESTAMP_CODES = frozenset({-1021, -5028})
TOO_MANY_ORDERS = -1015
NO_SUCH_ORDER = -2013
CANCEL_REJECTED = -2011
DUPLICATE_CLIENT_ID = -4116
INVALID_LISTEN_KEY = -1125
DISCONNECTED = -1001
REGION_REFUSED = 451  # an HTTP status: the exchange does not serve the place we call from
ALREADY_SO = frozenset({-4046, -4059})

_STATUS_UNKNOWN = frozenset({-1000, -1006, -1007})
_OVERLOADED = frozenset({-1008, -1016})
_SURE_TO_HAVE_FAILED = re.compile(r"service unavailable|internal error; unable to process|please try again\.?$", re.I)
_PER_TEN_SECONDS = re.compile(r"10 ?s|ten_?seconds|10 seconds", re.I)


class Kind(Enum):
    OK = "ok"
    REJECTED = "rejected"  # proved: no effect, and repeating it changes nothing
    RETRY = "retry"  # proved: no effect, and repeating it may work
    UNKNOWN = "unknown"  # may have taken effect
    SKEW = "skew"  # no effect: the clock was off
    TOO_MANY = "too many"
    BANNED = "banned"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What an answer proves."""

    kind: Kind
    status: int
    code: int = 0
    message: str = ""
    pool: Pool = Pool.WEIGHT
    retry_after_ms: int | None = None


def judge(answer: HttpAnswer, pool: Pool = Pool.WEIGHT) -> Judgement:
    """Sort an answer; `pool` is the budget its request was charged to."""
    status = answer.status
    if 200 <= status < 300:
        return Judgement(Kind.OK, status)
    body = _error_body(answer.body)
    code, message = body.code, body.msg or answer.body[:120].decode("utf-8", "replace")
    wait_ms = _retry_after_ms(answer.headers)

    def be(kind: Kind, pool: Pool = pool) -> Judgement:
        return Judgement(kind, status, code, message, pool, wait_ms)

    if status == 418:
        return be(Kind.BANNED)
    if status == 429:
        if code == TOO_MANY_ORDERS:
            return be(Kind.TOO_MANY, Pool.ORDERS_10S if _PER_TEN_SECONDS.search(message) else Pool.ORDERS_1M)
        own = pool if pool in (Pool.FUNDING, Pool.STATISTICS) else Pool.WEIGHT
        return be(Kind.TOO_MANY, own)
    if status == 403:
        return be(Kind.BLOCKED)
    if code in TIMESTAMP_CODES:
        return be(Kind.SKEW)
    if code in _OVERLOADED or (code == DISCONNECTED and _SURE_TO_HAVE_FAILED.search(message)):
        return be(Kind.RETRY)
    if code in _STATUS_UNKNOWN or code == DISCONNECTED or status == 408:
        return be(Kind.UNKNOWN)
    if status == 503 and _SURE_TO_HAVE_FAILED.search(message):
        return be(Kind.RETRY)
    if status >= 500 or status < 400:
        return be(Kind.UNKNOWN)
    return be(Kind.REJECTED)


def _error_body(body: bytes) -> ErrorBody:
    try:
        return msgspec.json.decode(body, type=ErrorBody)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ErrorBody()


def _retry_after_ms(headers: Mapping[str, str]) -> int | None:
    text = headers.get("retry-after", "").strip()
    return int(float(text) * 1000) if re.fullmatch(r"\d+(\.\d+)?", text) else None


def used_headers(headers: Mapping[str, str]) -> dict[Pool, int | None]:
    """The uses an answer reports; None where it reports none, or nothing sensible."""
    return {
        Pool.WEIGHT: _count(headers.get("x-mbx-used-weight-1m")),
        Pool.ORDERS_10S: _count(headers.get("x-mbx-order-count-10s")),
        Pool.ORDERS_1M: _count(headers.get("x-mbx-order-count-1m")),
    }


def _count(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdigit() else None
