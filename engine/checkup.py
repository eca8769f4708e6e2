"""Is everything in place to trade? Asks the exchange what can be known, and says how to mend what is wrong.

Nothing is changed, except that the canary, where asked for, rests one conditional order far from the market and takes
it back: the only proof that stops can be placed.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from decimal import Decimal
from enum import StrEnum
from typing import TypeVar

import msgspec

from config.schema import Secrets, Settings
from engine.clock import Clock, SystemClock
from engine.errors import BadPayload, ClockSkew, ExchangeError, OutcomeUnknown, Rejected
from engine.exchange.client import ExchangeClient
from engine.exchange.key_rights import read_rights
from engine.exchange.orders import ConditionalRequest
from engine.exchange.refusals import REGION_REFUSED
from engine.exchange.signing import KeyUnusable
from engine.exchange.transport import SocketClosed, WebsocketsTransport
from engine.exchange.venue import MARKET, PUBLIC, Venue

T = TypeVar("T")

HEARD_WITHIN_S = 10.0
SKEW_WARN_MS = 500.0
CANARY_SYMBOL = "BTCUSDT"
CANARY_SHARE = Decimal("0.8")  # of the mark: a selling stop there does not strike
STREAMS = {PUBLIC: "btcusdt@bookTicker", MARKET: "btcusdt@markPrice@1s"}


class Mark(StrEnum):
    OK = "ok"
    WARN = "warn"
    BAD = "bad"
    SKIPPED = "not checked"


class Finding(msgspec.Struct, frozen=True):
    """One line: what was looked at, how it is, and how to mend it where it is not well. `area` sorts failures."""

    name: str
    mark: Mark
    detail: str
    mend: str = ""
    area: str = "machine"  # machine | key | exchange


class Checkup:
    """The questions to one venue, in the order in which an answer makes the next one worth asking."""

    def __init__(
        self, settings: Settings, secrets: Secrets, venue: Venue, clock: Clock | None = None, spot: str = ""
    ) -> None:
        """`spot` is where the rights of a key are asked for; the exchange itself where it is a served one."""
        self._settings, self._secrets, self._venue = settings, secrets, venue
        self._clock = clock or SystemClock()
        self._spot = spot
        self._found: list[Finding] = []

    async def run(self, canary: bool = False) -> list[Finding]:
        """All findings; the rest is marked as not checked where the exchange cannot be reached."""
        try:
            client = ExchangeClient(self._venue, self._secrets, self._settings.exchange, self._clock, random.Random(0))
        except KeyUnusable as error:
            self._say("key", Mark.BAD, str(error), "name a readable PEM file in PERPDECK_API_ED25519_FILE", "key")
            return self._found
        try:
            if not await self._reachable(client):
                self._skip("the exchange was not reached", "streams", "key", "withdrawals", "position mode", "canary")
                return self._found
            await self._streams()
            if not client.can_trade:
                self._skip("no key is set", "key", "withdrawals", "position mode", "assets mode", "canary")
            elif await self._key(client):
                await self._rights()
                await self._modes(client)
                await self._canary(client, canary)
            else:
                self._skip("the key was refused", "withdrawals", "position mode", "assets mode", "canary")
        finally:
            await client.close()
        return self._found

    # -- one by one ----------------------------------------------------------------------------------------------------

    async def _reachable(self, client: ExchangeClient) -> bool:
        rest = self._venue.rest
        try:
            async with asyncio.timeout(self._settings.exchange.request_timeout_s):
                await client.start()
        except Rejected as refusal:
            if refusal.status == REGION_REFUSED:
                self._say("region", Mark.BAD, f"{rest} refuses this region (451)", _where(), "exchange")
            else:
                self._say("endpoint", Mark.BAD, f"{rest}: {refusal}", f"perpdeck explain {refusal.code}", "exchange")
            return False
        except (ExchangeError, BadPayload, TimeoutError) as error:
            why = str(error) or "no answer in time"
            mend = f"check network, proxy and venues.{self._venue.name}.rest"
            self._say("endpoint", Mark.BAD, f"{rest}: {why}", mend, "exchange")
            return False
        self._say("endpoint", Mark.OK, f"{rest} answers", area="exchange")
        self._say("region", Mark.OK, "served here", area="exchange")
        self._skew(client.clock_offset_ms)
        return True

    def _skew(self, offset_ms: float | None) -> None:
        if offset_ms is None:
            self._say("clock", Mark.OK, f"the exchange's clock runs at {self._clock.rate:g} times this machine's")
        elif abs(offset_ms) > SKEW_WARN_MS:
            detail = f"this machine is {abs(offset_ms):.0f} ms {'behind' if offset_ms > 0 else 'ahead'}; corrected for"
            self._say("clock", Mark.WARN, detail, "keep time by NTP: timedatectl set-ntp true")
        else:
            self._say("clock", Mark.OK, f"within {abs(offset_ms):.0f} ms of the exchange")

    async def _streams(self) -> None:
        for route, stream in STREAMS.items():
            url = self._venue.stream_url(route)
            heard = await self._hears(url, stream)
            mend = f"check venues.{self._venue.name}.ws: a wrong route stays silent"
            detail = f"{url} speaks" if heard else f"{url} is silent or closed"
            self._say(f"{route} stream", Mark.OK if heard else Mark.BAD, detail, "" if heard else mend, "exchange")

    async def _hears(self, url: str, stream: str) -> bool:
        sockets = WebsocketsTransport(not self._venue.loopback, self._settings.exchange.connect_timeout_s)
        try:
            async with asyncio.timeout(HEARD_WITHIN_S):
                socket = await sockets.open(url)
                try:
                    await socket.send(f'{{"method":"SUBSCRIBE","params":["{stream}"],"id":1}}')
                    while stream not in str(await socket.receive()):  # the answer comes first
                        pass
                finally:
                    await socket.close()
        except (ExchangeError, SocketClosed, TimeoutError):
            return False
        return True

    async def _key(self, client: ExchangeClient) -> bool:
        try:
            state = await client.gateway.account()
        except Rejected as refusal:
            mend = {
                -1022: "the secret does not belong to the key: set PERPDECK_API_SECRET anew",
                -2014: "copy the whole key into PERPDECK_API_KEY",
            }.get(refusal.code, "allow futures for the key, and this address if the key has a list of addresses")
            self._say("key", Mark.BAD, str(refusal), mend, "key")
            return False
        except (ExchangeError, BadPayload) as error:
            mend = "sync the clock" if isinstance(error, ClockSkew) else "try again"
            self._say("key", Mark.BAD, str(error), mend, "exchange")
            return False
        self._say("key", Mark.OK, f"reads the account: {state.wallet:f} USDT", area="key")
        return True

    async def _rights(self) -> None:
        """Withdrawal is a right a trading key must not have; only the spot side of the exchange tells."""
        rights = await read_rights(self._secrets, self._venue, self._clock, self._spot)
        if rights is None:
            self._skip("the rights of the key are not told here; see that withdrawal is off", "withdrawals")
            return
        if rights.enable_withdrawals:
            mend = "take the right to withdraw from this key, or make a key without it"
            self._say("withdrawals", Mark.BAD, "the key may withdraw", mend, "key")
        else:
            self._say("withdrawals", Mark.OK, "the key may not withdraw", area="key")
        if not rights.enable_futures:
            self._say("futures right", Mark.BAD, "the key may not trade futures", "allow futures for the key", "key")
        if not rights.ip_restrict:
            self._say("addresses", Mark.WARN, "the key works from anywhere", "give the key a list of addresses", "key")

    async def _modes(self, client: ExchangeClient) -> None:
        config = await self._read("position mode", client.gateway.account_config)
        if config is None:
            return
        if config.dual_side_position:
            mend = "set one-way mode on the exchange; close positions and orders first, also coin-margined ones"
            self._say("position mode", Mark.BAD, "hedge mode", mend, "exchange")
        else:
            self._say("position mode", Mark.OK, "one-way", area="exchange")
        if config.multi_assets_margin:
            mend = "set single-asset mode on the exchange: margin is counted in USDT here"
            self._say("assets mode", Mark.BAD, "multi-assets margin", mend, "exchange")
        else:
            self._say("assets mode", Mark.OK, "single asset", area="exchange")
        positions = await self._read("margin mode", client.gateway.positions)
        if positions is None:
            return
        isolated = sorted(position.symbol for position in positions if position.isolated)
        detail = f"isolated: {', '.join(isolated)}" if isolated else "cross on every open position"
        mend = "positions opened elsewhere; set cross once they are closed" if isolated else ""
        self._say("margin mode", Mark.WARN if isolated else Mark.OK, detail, mend, "exchange")

    async def _canary(self, client: ExchangeClient, wanted: bool) -> None:
        if not wanted:
            self._skip("asked for with --canary", "canary")
            return
        info = await self._read("canary", client.market.exchange_info)
        marks = await self._read("canary", client.market.premium_index)
        if info is None or marks is None:
            return
        mark = Decimal(repr(next(row.mark_price for row in marks if row.symbol == CANARY_SYMBOL)))
        instrument = info.instruments[CANARY_SYMBOL]
        trigger = instrument.price(float(mark * CANARY_SHARE))
        quantity = max(instrument.min_qty, instrument.qty(float(instrument.min_notional / trigger)) + instrument.step)
        client_id = f"perpdeck-canary-{self._clock.now_ms()}"
        order = ConditionalRequest(CANARY_SYMBOL, client_id, "SELL", "STOP_MARKET", trigger, quantity=quantity)
        try:
            await client.gateway.place_conditional(order)
            await client.gateway.cancel_conditional(CANARY_SYMBOL, client_id)
        except OutcomeUnknown as unknown:
            mend = f"look for {client_id} among the conditional orders and cancel it"
            self._say("canary", Mark.BAD, str(unknown), mend, "exchange")
        except (ExchangeError, BadPayload) as error:
            mend = f"perpdeck explain {error.code}" if isinstance(error, Rejected) else "try again"
            self._say("canary", Mark.BAD, str(error), mend, "exchange")
        else:
            self._say("canary", Mark.OK, f"a stop at {trigger:f} was placed and cancelled", area="exchange")

    # -- saying --------------------------------------------------------------------------------------------------------

    async def _read(self, name: str, ask: Callable[[], Awaitable[T]]) -> T | None:
        try:
            return await ask()
        except (ExchangeError, BadPayload) as error:
            mend = f"perpdeck explain {error.code}" if isinstance(error, Rejected) else "try again"
            self._say(name, Mark.BAD, str(error), mend, "exchange")
            return None

    def _say(self, name: str, mark: Mark, detail: str, mend: str = "", area: str = "machine") -> None:
        self._found.append(Finding(name, mark, detail, mend, area))

    def _skip(self, why: str, *names: str) -> None:
        for name in names:
            self._say(name, Mark.SKIPPED, why)


def _where() -> str:
    return "run from a place the exchange serves; check proxy and VPN"
