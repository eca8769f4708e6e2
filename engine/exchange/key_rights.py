"""What a key may do, as the spot side of the exchange tells it; a key that may withdraw does not trade here."""

from __future__ import annotations

import msgspec

from config import Secrets
from engine.clock import Clock
from engine.errors import ExchangeError
from engine.exchange.signing import KeyUnusable, signed_query, signer_from
from engine.exchange.transport import AiohttpTransport
from engine.exchange.venue import Venue

SPOT = "https://api.binance.com"
RIGHTS = "/sapi/v1/account/apiRestrictions"
ANSWER_S = 5.0


class Rights(msgspec.Struct, frozen=True, rename="camel"):
    """What the exchange lets a key do."""

    enable_withdrawals: bool = False
    enable_futures: bool = False
    ip_restrict: bool = False


def spot_of(venue: Venue) -> str:
    """Where the rights of a key are told; a served exchange answers for itself."""
    return SPOT if venue.name == "live" and not venue.loopback else venue.rest


async def read_rights(secrets: Secrets, venue: Venue, clock: Clock, spot: str = "") -> Rights | None:
    """The rights of a key; None where nobody tells them. Raises KeyUnusable for a key file that cannot serve."""
    signer = signer_from(secrets)
    if signer is None:
        return None
    transport = AiohttpTransport(ANSWER_S, proxied=not venue.loopback)
    query = signed_query({"timestamp": str(clock.now_ms()), "recvWindow": "5000"}, signer)
    head = {"X-MBX-APIKEY": signer.api_key}
    try:
        answer = await transport.request("GET", f"{spot or spot_of(venue)}{RIGHTS}?{query}", head, ANSWER_S)
        return msgspec.json.decode(answer.body, type=Rights) if answer.status == 200 else None
    except (ExchangeError, msgspec.DecodeError):
        return None
    finally:
        await transport.close()


async def refuse_withdrawals(secrets: Secrets, venue: Venue, clock: Clock, spot: str = "") -> bool:
    """Whether the rights could be read; raises KeyUnusable for a key that may withdraw."""
    rights = await read_rights(secrets, venue, clock, spot)
    if rights is not None and rights.enable_withdrawals:
        raise KeyUnusable("the key", "may withdraw: take that right from it, or make a key without it")
    return rights is not None
