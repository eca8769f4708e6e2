"""The private stream: what happened to our orders, positions and wallet, from key to event.

It is kept honest in three ways: the key is renewed and replaced, the socket is replaced before the exchange cuts it,
and every order the exchange accepted must be mentioned soon, for a private socket opens and stays open with a dead key
as well. Whenever events may have been missed the stream says so, and says so again when they flow.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Coroutine

import structlog

from config.schema import ExchangeSettings
from engine.clock import Clock
from engine.errors import BadPayload, ExchangeError, Rejected, Transient
from engine.exchange.call import Call
from engine.exchange.orders import (
    AccountEvent,
    ConditionalChanged,
    OrderChanged,
    PrivateStreamLost,
    PrivateStreamReady,
)
from engine.exchange.refusals import INVALID_LISTEN_KEY, REGION_REFUSED
from engine.exchange.rest import Rest
from engine.exchange.transport import Socket, SocketClosed, WsTransport
from engine.exchange.venue import Venue
from engine.exchange.wire_account import ListenKey
from engine.exchange.wire_events import KeyExpired, MarginCalled, decode_user_event

log = structlog.get_logger("exchange")

LISTEN_KEY = "/fapi/v1/listenKey"
MINUTE_MS = 60_000
HOUR_MS = 3_600_000
RENEW_RETRY_MS = MINUTE_MS
MENTION_WITHIN_MS = 3_000.0
WATCH_S = 0.25
OVERLAP_S = 2.0
FIRST_BACKOFF_S = 0.5
LAST_BACKOFF_S = 30.0
CALM_MS = 60_000.0
SHORT_LIFE_MS = 1_000.0
LATE_MS = 10_000.0
QUEUE_SIZE = 10_000
MEMORY = 4_096


class KeyDead(SocketClosed):
    """The listen key ended; a new one is to be had at once."""


class _Tasks:
    """Tasks that live and end together; the first failure is everybody's."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> _Tasks:
        return self

    async def __aexit__(self, *_failure: object) -> None:
        await self.stop(*self._running)

    def start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._running.add(task)
        return task

    async def first_end(self, wait: Coroutine[None, None, None]) -> None:
        """Wait for `wait`; raises at once what a task meets meanwhile."""
        waiting = asyncio.create_task(wait)
        try:
            done, _ = await asyncio.wait({*self._running, waiting}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        for task in done:
            task.result()

    async def stop(self, *tasks: asyncio.Task[None]) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._running.difference_update(tasks)


class _Recent:
    """The newest things seen, up to a number."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._seen: dict[object, None] = {}

    def add(self, thing: object) -> bool:
        """Whether it is new."""
        if thing in self._seen:
            return False
        self._seen[thing] = None
        if len(self._seen) > self._size:
            del self._seen[next(iter(self._seen))]
        return True

    def __contains__(self, thing: object) -> bool:
        return thing in self._seen


class PrivateStream:
    """Account events in the order the exchange sent them, each once."""

    def __init__(
        self, venue: Venue, rest: Rest, ws: WsTransport, settings: ExchangeSettings, clock: Clock, rng: random.Random
    ) -> None:
        self._venue = venue
        self._rest = rest
        self._ws = ws
        self._clock = clock
        self._rng = rng
        self._renew_ms = settings.listen_key_renew_min * MINUTE_MS
        self._rotate_ms = settings.rotate_after_h * HOUR_MS
        self._queue: asyncio.Queue[AccountEvent] = asyncio.Queue(QUEUE_SIZE)
        self._texts = _Recent(MEMORY)
        self._fills = _Recent(MEMORY)
        self._mentioned = _Recent(MEMORY)
        self._expected: dict[str, float] = {}
        self._ready = False
        self._was_ready = False
        self._started = False
        self._down_since_mono_ms = 0.0
        self.decode_errors = 0
        self.reconnects = 0
        self.rotations = 0

    def expect(self, client_id: str) -> None:
        """The exchange accepted this order, so its event must come; a stream that keeps silent about it is dead."""
        if self._ready and client_id not in self._mentioned:
            self._expected[client_id] = self._clock.mono_ms() + MENTION_WITHIN_MS

    async def events(self) -> AsyncIterator[AccountEvent]:
        """Events from now on, for one reader."""
        while True:
            yield await self._queue.get()

    @property
    def link(self) -> str:
        """ok, late (just lost) or down; ok too where there is no key and hence no stream."""
        if self._ready or not self._started:
            return "ok"
        return "late" if self._clock.mono_ms() - self._down_since_mono_ms <= LATE_MS else "down"

    async def run(self) -> None:
        """Keep the stream; returns at once without a key. Raises Rejected when the key is refused."""
        if not self._rest.can_sign:
            return
        self._started, self._down_since_mono_ms = True, self._clock.mono_ms()
        attempts = 0
        while True:
            since_ms = self._clock.mono_ms()
            try:
                await self._live()
            except (ExchangeError, BadPayload) as end:
                await self._lose(str(end))
                if isinstance(end, Rejected) and end.status != REGION_REFUSED:
                    raise  # the key is refused; a refusal of the region may pass
                lived_ms = self._clock.mono_ms() - since_ms
                attempts = 0 if lived_ms >= CALM_MS else attempts
                if not isinstance(end, KeyDead) or lived_ms < SHORT_LIFE_MS:
                    delay_s = min(LAST_BACKOFF_S, FIRST_BACKOFF_S * 2.0**attempts)
                    await self._clock.sleep(delay_s * self._rng.uniform(0.5, 1.0))
                attempts, self.reconnects = attempts + 1, self.reconnects + 1

    # -- one life ------------------------------------------------------------------------------------------------------

    async def _live(self) -> None:
        """From a key to the first unplanned end."""
        key = (await self._rest.ask(Call("POST", LISTEN_KEY, keyed=True), ListenKey)).key
        url = self._venue.private_url(key)
        async with _Tasks() as tasks:
            tasks.start(self._renew(key))
            tasks.start(self._watch())
            reader = tasks.start(self._read(await self._ws.open(url), key))
            await self._gain()
            while True:
                await tasks.first_end(self._clock.sleep_until(self._clock.now_ms() + int(self._rotate_ms)))
                # A planned change: both sockets deliver for a moment, and what both tell is taken once.
                old, reader = reader, tasks.start(self._read(await self._ws.open(url), key))
                await tasks.first_end(self._clock.sleep(OVERLAP_S))
                await tasks.stop(old)
                self.rotations += 1

    async def _read(self, socket: Socket, key: str) -> None:
        try:
            while True:
                await self._take(await socket.receive(), key)
        finally:
            await socket.close()

    async def _take(self, text: str | bytes, key: str) -> None:
        if not self._texts.add(text):
            return  # two sockets of one key tell the same
        try:
            events = decode_user_event(text)
        except BadPayload as bad:
            self.decode_errors += 1
            log.error("bad_account_event", reason=bad.reason, excerpt=bad.excerpt)
            return
        for event in events:
            match event:
                case KeyExpired():
                    if event.key in ("", key):
                        raise KeyDead("the listen key expired")
                case MarginCalled():
                    log.warning("margin_call", symbols=event.symbols)
                case _:
                    await self._queue.put(self._once(event))

    def _once(self, event: AccountEvent) -> AccountEvent:
        """The event without a fill that was told before."""
        match event:
            case OrderChanged(order, fill, event_ms):
                self._mention(order.client_id)
                if fill is not None and not self._fills.add((fill.symbol, fill.trade_id, fill.order_id)):
                    return OrderChanged(order, None, event_ms)
            case ConditionalChanged(order):
                self._mention(order.client_id)
        return event

    def _mention(self, client_id: str) -> None:
        self._mentioned.add(client_id)
        self._expected.pop(client_id, None)

    async def _renew(self, key: str) -> None:
        """Prolong the key before its hour is over, on the exchange's clock."""
        wait_ms = self._renew_ms
        while True:
            await self._clock.sleep_until(self._clock.now_ms() + int(wait_ms))
            try:
                answer = await self._rest.ask(Call("PUT", LISTEN_KEY, keyed=True), ListenKey)
                wait_ms = self._renew_ms
            except Rejected as refusal:
                if refusal.code != INVALID_LISTEN_KEY:
                    raise
                raise KeyDead("the listen key is not known any more") from refusal
            except Transient as failure:
                log.warning("listen_key_not_renewed", reason=str(failure))
                wait_ms = RENEW_RETRY_MS
                continue
            if answer.key not in ("", key):
                raise KeyDead("the exchange has another listen key")

    async def _watch(self) -> None:
        while True:
            await self._clock.sleep(WATCH_S)
            now = self._clock.mono_ms()
            for client_id, until in self._expected.items():
                if now >= until:
                    raise SocketClosed(f"silent about {client_id}")

    # -- telling ---------------------------------------------------------------------------------------------------

    async def _gain(self) -> None:
        resumed, self._ready, self._was_ready = self._was_ready, True, True
        log.info("account_stream_ready", resumed=resumed)
        await self._queue.put(PrivateStreamReady(resumed))

    async def _lose(self, reason: str) -> None:
        self._expected.clear()
        log.warning("account_stream_lost", reason=reason)
        if self._ready:
            self._ready, self._down_since_mono_ms = False, self._clock.mono_ms()
            await self._queue.put(PrivateStreamLost(reason))
