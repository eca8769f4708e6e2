"""The exchange client in one piece: wires its parts and says how they are.

client = ExchangeClient(venue, secrets, settings, clock, rng)
await client.start()                      the clock is measured, nothing else runs yet
for name, run in client.services():       loops for the supervisor: clock, streams, account
    group.create_task(keep(name, run, ...))
...
await client.close()
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable

from config.schema import ExchangeSettings, Secrets
from engine.clock import Clock
from engine.exchange.account import PrivateStream
from engine.exchange.account_api import RestGateway
from engine.exchange.clock_sync import ClockSync
from engine.exchange.ledger import Ledger, OnBan, PoolUse
from engine.exchange.limits import Pool
from engine.exchange.market_api import MarketApi
from engine.exchange.rest import Rest
from engine.exchange.signing import signer_from
from engine.exchange.streams import MarketStreams, OnEvent, OnLink
from engine.exchange.transport import AiohttpTransport, HttpTransport, WebsocketsTransport, WsTransport
from engine.exchange.venue import PRIVATE, Venue


class ExchangeClient:
    """Market reads, orders, market streams and account events of one venue.

    Without a key in `secrets` it only watches: `can_trade` is False and signed calls are refused.
    """

    def __init__(
        self,
        venue: Venue,
        secrets: Secrets,
        settings: ExchangeSettings,
        clock: Clock,
        rng: random.Random,
        transport: HttpTransport | None = None,
        ws: WsTransport | None = None,
        on_ban: OnBan | None = None,
        on_event: OnEvent | None = None,
        on_link: OnLink | None = None,
    ) -> None:
        """`on_ban(until_ms, reason)` is awaited before anything else happens. Raises KeyUnusable for a bad key file."""
        self.venue = venue
        self._transport = transport or AiohttpTransport(settings.connect_timeout_s, proxied=not venue.loopback)
        sockets = ws or WebsocketsTransport(proxied=not venue.loopback)
        self.ledger = Ledger(settings, clock, rng, on_ban)
        self.rest = Rest(venue, self._transport, signer_from(secrets), self.ledger, settings, clock, rng)
        self.clock_sync = ClockSync(clock, self.rest.read_time, settings.clock_check_min)
        self.rest.follow(self.clock_sync)
        self.market = MarketApi(self.rest, self.ledger, settings, clock)
        self.streams = MarketStreams(venue, sockets, settings, clock, rng, on_event, on_link)
        self.private = PrivateStream(venue, self.rest, sockets, settings, clock, rng)
        self.gateway = RestGateway(self.rest, clock, self.private.events, self.private.expect)

    async def start(self, ban_until_ms: int = 0) -> None:
        """Wait out a remembered ban, then measure the exchange's clock. Raises ExchangeError."""
        self.ledger.restore_ban(ban_until_ms)
        await self.clock_sync.start()

    def services(self) -> tuple[tuple[str, Callable[[], Awaitable[None]]], ...]:
        """The loops to be kept running, by name."""
        return (
            ("clock", self.clock_sync.run),
            ("streams", self.streams.run),
            ("account", self.private.run),
        )

    async def close(self) -> None:
        """Close the HTTP connections; streams close with their loops."""
        await self._transport.close()

    # -- how it is -----------------------------------------------------------------------------------------------------

    @property
    def can_trade(self) -> bool:
        """Whether there is a key to sign with."""
        return self.rest.can_sign

    def links(self) -> dict[str, str]:
        """public, market, private, rest -> ok | late | down."""
        return {**self.streams.links(), PRIVATE: self.private.link, "rest": self.rest.link}

    @property
    def weight_used(self) -> int:
        """Request weight used in the present minute."""
        return self.ledger.used(Pool.WEIGHT)

    @property
    def order_counts(self) -> tuple[int, int]:
        """Orders counted in the present ten seconds and minute."""
        return self.ledger.used(Pool.ORDERS_10S), self.ledger.used(Pool.ORDERS_1M)

    def pools(self) -> tuple[PoolUse, ...]:
        """Every budget with its use by lane."""
        return self.ledger.pools()

    @property
    def decode_errors(self) -> int:
        """Messages nobody could read, market and account."""
        return self.streams.decode_errors + self.private.decode_errors

    @property
    def clock_offset_ms(self) -> float | None:
        """Exchange's clock minus the machine's; None where they do not run at one pace or are unknown."""
        return self.clock_sync.offset_ms
