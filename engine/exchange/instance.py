"""Which of several served exchanges this is: by what it says of its own past, so that a restart finds what it kept.

A served exchange has no name, and the next one on the same port has another past: what is stored of one must not be
taken for the other's. The oldest day it knows of BTCUSDT stays the same for as long as it runs.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from engine.errors import Transient
from engine.exchange.transport import HttpTransport

QUERY = "/fapi/v1/klines?symbol=BTCUSDT&interval=1d&limit=1000"
TIMEOUT_S = 5.0
OK = 200


async def instance_name(rest: str, transport: HttpTransport, home: Path) -> str:
    """A name that stays while the exchange behind `rest` does; the last one known of that address while it is away."""
    file = home / "served.json"
    known = _read(file)
    try:
        answer = await transport.request("GET", rest.rstrip("/") + QUERY, {}, TIMEOUT_S)
        name = _named(rest, answer.body) if answer.status == OK else _digest(rest)
    except (Transient, msgspec.DecodeError):
        return known.get(rest, _digest(rest))
    if known.get(rest) != name:
        _write(file, {**known, rest: name})
    return name


def _named(rest: str, body: bytes) -> str:
    days = msgspec.json.decode(body, type=list[list[str | int]])
    return _digest(rest, *map(str, days[0][:6])) if days else _digest(rest)


def _digest(*parts: str) -> str:
    return "served-" + hashlib.sha256("|".join(parts).encode()).hexdigest()[:12]


def _read(file: Path) -> dict[str, str]:
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, str])
    except (OSError, msgspec.DecodeError):
        return {}


def _write(file: Path, names: dict[str, str]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file.write_bytes(msgspec.json.encode(names))
