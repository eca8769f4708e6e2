"""Market streams: each on its route, spread over few connections, decoded once.

The caller says which streams it wants; where they run is decided here. Every event is handed on at once, in the order
of its stream, with the machine time it was received at.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable

import msgspec
import structlog

from config.schema import ExchangeSettings
from engine.clock import Clock
from engine.errors import BadPayload
from engine.exchange.shard import Shard
from engine.exchange.sockets import Sink, StreamLink
from engine.exchange.transport import WsTransport
from engine.exchange.venue import MARKET, PUBLIC, Venue, route_of
from engine.exchange.wire_market import (
    AggTrade,
    BookTicker,
    Decode,
    DepthDiff,
    MarketEvent,
    PartialDepth,
    bad_payload,
    decoder_for,
)

log = structlog.get_logger("exchange")

LATE_MS = 5_000.0
LOG_EVERY = 100

OnEvent = Callable[[MarketEvent, float], None]
OnLink = Callable[[frozenset[str], bool], None]


def _unheard(_streams: frozenset[str], _up: bool) -> None:
    """Interruptions nobody asked about."""


class MarketStreams:
    """Subscribes to streams and hands on their events."""

    def __init__(
        self,
        venue: Venue,
        ws: WsTransport,
        settings: ExchangeSettings,
        clock: Clock,
        rng: random.Random,
        on_event: OnEvent | None = None,
        on_link: OnLink | None = None,
    ) -> None:
        """`on_link(streams, up)` is called when streams were interrupted, and when they flow (again)."""
        self._venue = venue
        self._ws = ws
        self._settings = settings
        self._clock = clock
        self._rng = rng
        self.on_event: OnEvent = on_event or (lambda _event, _received_mono_ms: None)
        self.on_link: OnLink = on_link or _unheard
        self._shards: list[Shard] = []
        self._tasks: dict[Shard, asyncio.Task[None]] = {}
        self._group: asyncio.TaskGroup | None = None
        self._decoders: dict[str, Decode | None] = {}
        self.decode_errors = 0
        self.events = 0

    # -- what is wanted ----------------------------------------------------------------------------------------------

    @property
    def names(self) -> frozenset[str]:
        """The streams that are wanted."""
        return frozenset().union(*(shard.names for shard in self._shards))

    def subscribe(self, names: Iterable[str]) -> None:
        """Want these streams too, by their lower-case names."""
        self.set_streams(self.names | set(names))

    def unsubscribe(self, names: Iterable[str]) -> None:
        """Want these streams no longer."""
        self.set_streams(self.names - set(names))

    def set_streams(self, names: Iterable[str]) -> None:
        """Want exactly these streams; the ones that stay are not touched."""
        wanted, present = set(names), self.names
        touched = set()
        for shard in self._shards:
            if gone := shard.names - wanted:
                shard.names -= gone
                touched.add(shard)
        for name in sorted(wanted - present):
            shard = self._room_for(name)
            shard.names.add(name)
            touched.add(shard)
        for shard in touched:
            shard.retarget()
        for shard in [shard for shard in self._shards if not shard.names]:
            self._shards.remove(shard)
            if (task := self._tasks.pop(shard, None)) is not None:
                task.cancel()
        self._start()

    def _room_for(self, name: str) -> Shard:
        route = route_of(name)
        for shard in self._shards:
            if shard.route == route and len(shard.names) < self._settings.streams_per_connection:
                return shard

        def open_link(wanted: set[str], sink: Sink) -> StreamLink:
            settings = self._settings
            return StreamLink(
                self._ws, self._venue.stream_url(route), wanted, sink, self._clock,
                settings.silence_s, settings.subscribe_per_s, self._on_bad_payload,
            )  # fmt: skip

        shard = Shard(
            route, open_link, self._deliver, self._on_link, self._clock, self._rng, self._settings.rotate_after_h
        )
        self._shards.append(shard)
        return shard

    # -- running ---------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Keep all connections; ends by cancellation, or with what a handler of events raised."""
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                self._start()
                await asyncio.Event().wait()
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None
        finally:
            self._group = None
            self._tasks.clear()

    def _start(self) -> None:
        if self._group is None:
            return
        for number, shard in enumerate(self._shards):
            if shard not in self._tasks:
                self._tasks[shard] = self._group.create_task(shard.run(), name=f"{shard.route} streams {number}")

    def _deliver(self, stream: str, payload: msgspec.Raw, received_mono_ms: float, after: int = -1) -> int:
        if (decode := self._decoders.get(stream)) is None:
            decode = self._decoders[stream] = decoder_for(stream)
            if decode is None:
                self._on_bad_payload(BadPayload(stream, "a stream nobody reads"))
                return after
        try:
            events = decode(payload)
        except (msgspec.DecodeError, ValueError) as error:
            self._on_bad_payload(bad_payload(payload, error))
            return after
        if events and stream[0] != "!" and events[0].symbol.lower() != stream[: stream.index("@")]:
            self._on_bad_payload(bad_payload(payload, ValueError(f"not of the stream {stream}")))
            return after
        position = _position(events[-1]) if events else after
        if position > after:
            for event in events:
                self.events += 1
                self.on_event(event, received_mono_ms)
        return max(position, after)

    def _on_link(self, names: frozenset[str], up: bool) -> None:
        self.on_link(names, up)

    def _on_bad_payload(self, bad: BadPayload) -> None:
        self.decode_errors += 1
        if self.decode_errors % LOG_EVERY == 1:
            log.warning("bad_payload", count=self.decode_errors, reason=bad.reason, excerpt=bad.excerpt)

    # -- what is known ---------------------------------------------------------------------------------------------

    @property
    def reconnects(self) -> int:
        """Unplanned ends of connections so far."""
        return sum(shard.reconnects for shard in self._shards)

    def link(self, route: str) -> str:
        """ok, late (quiet, or some streams are interrupted) or down; a route nobody needs is ok."""
        shards = [shard for shard in self._shards if shard.route == route]
        if not shards:
            return "ok"
        if not any(shard.up for shard in shards):
            return "down"
        now = self._clock.mono_ms()
        flowing = all(shard.up and now - shard.received_mono_ms <= LATE_MS for shard in shards)
        return "ok" if flowing else "late"

    def links(self) -> dict[str, str]:
        """State of both market routes."""
        return {route: self.link(route) for route in (PUBLIC, MARKET)}

    def connections(self) -> dict[str, int]:
        """How many connections each route has."""
        return {route: sum(shard.route == route for shard in self._shards) for route in (PUBLIC, MARKET)}


def _position(event: MarketEvent) -> int:
    """Where an event lies in its stream: equal positions are the same event."""
    match event:
        case DepthDiff() | PartialDepth():
            return event.final_id
        case AggTrade():
            return event.trade_id
        case BookTicker():
            return event.update_id
        case _:
            return event.event_ms
