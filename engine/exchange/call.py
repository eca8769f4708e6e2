"""One request as it is meant, and its answer as it was hoped for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from engine.errors import Transient
from engine.exchange.ledger import EXIT
from engine.exchange.limits import Lane
from engine.exchange.venue import Params
from engine.exchange.wire_market import bad_payload

T = TypeVar("T")


class Untimely(Transient):
    """The deadline of a call passed before an answer did; there is nobody left to tell."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it is meant; `deadline_mono_ms` (machine time) is when its answer stops being of use."""

    method: str
    path: str
    params: Params = field(default_factory=dict)
    signed: bool = False
    keyed: bool = False
    lane: Lane = Lane.TRADING
    kind: str = EXIT
    timeout_s: float | None = None
    deadline_mono_ms: float | None = None


_decoders: dict[Any, msgspec.json.Decoder[Any]] = {}


def decode(body: bytes, shape: type[T]) -> T:
    """An answer as `shape`. Raises BadPayload."""
    decoder = _decoders.get(shape)
    if decoder is None:
        decoder = _decoders[shape] = msgspec.json.Decoder(shape, strict=False)
    try:
        result: T = decoder.decode(body)
        if shape is msgspec.Raw:
            msgspec.json.decode(body)  # taken over unread, but not unchecked
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise bad_payload(body, error) from error
    return result
