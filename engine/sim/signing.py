"""Who sent a request and whether it is fresh: key, signature over the raw bytes, time stamp (section 3.1)."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote

from engine.sim.clockwork import ExchangeClock
from engine.sim.codes import Refused, refuse
from engine.sim.keys import Verifier, well_formed

DEFAULT_WINDOW_MS = 5_000
LONGEST_WINDOW_MS = 60_000
AHEAD_MS = 1_000
BAD_WINDOW = -1131


def parameters(query: str, body: str) -> dict[str, str]:
    """Decoded parameters of query and form body; for a duplicate the query wins, within one the first does."""
    found: dict[str, str] = {}
    for part in (query, body):
        for name, value in parse_qsl(part, keep_blank_values=True):
            found.setdefault(name, value)
    return found


def authenticate(verifier: Verifier, api_key: str | None) -> str:
    """The account of a key; raises Refused -2014 or -2015."""
    if api_key is None or not well_formed(api_key):
        raise refuse(-2014)
    account = verifier.account(api_key)
    if account is None:
        raise refuse(-2015)
    return account


def check_signed(
    verifier: Verifier, clock: ExchangeClock, api_key: str, query: str, body: str, params: Mapping[str, str]
) -> None:
    """Refuse a request whose signature (-1022, -1102) or time stamp (-1021, -1102) is not right.

    The signature covers query and body as they were sent, put together without a separator, less its own pair.
    """
    if not params.get("timestamp"):
        raise refuse(-1102, name="timestamp")
    if not params.get("signature"):
        raise refuse(-1102, name="signature")
    payload, signature = _split(query, body)
    if signature is None or not verifier.fits(api_key, payload.encode("utf-8", "surrogateescape"), signature):
        raise refuse(-1022)
    check_time(clock, params)


def check_time(clock: ExchangeClock, params: Mapping[str, str]) -> None:
    """Accept iff the stamp is less than a second ahead and no older than the window, in wall time."""
    stamp = _integer(params, "timestamp")
    window = _integer(params, "recvWindow") if params.get("recvWindow") else DEFAULT_WINDOW_MS
    if not 0 < window <= LONGEST_WINDOW_MS:
        raise Refused(BAD_WINDOW, "recvWindow must be less than 60000")
    now_ms, allowance = clock.now_ms(), clock.allowance
    if not (stamp < now_ms + AHEAD_MS * allowance and now_ms - stamp <= window * allowance):
        raise refuse(-1021)


def _split(query: str, body: str) -> tuple[str, str | None]:
    """(what was signed, signature). The pair must be the last of the part it stands in."""
    for part in (query, body):
        head, mark, tail = part.rpartition("signature=")
        if mark and (head == "" or head.endswith("&")) and "&" not in tail:
            signed = head.removesuffix("&")
            payload = signed + body if part is query else query + signed
            return payload, unquote(tail)
    return "", None


def _integer(params: Mapping[str, str], name: str) -> int:
    text = params.get(name, "")
    if not text.removesuffix(".0").isdigit():
        raise refuse(-1102, name=name)
    return int(text.removesuffix(".0"))
