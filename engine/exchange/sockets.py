"""One stream connection: opened empty, brought to the streams it should carry, read until it ends.

What it should carry may change at any time; the difference is sent in control messages, few and paced, because too
many are answered by a disconnect. A connection that stays silent is closed: an open socket proves nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec
import structlog

from engine.clock import Clock
from engine.errors import BadPayload
from engine.exchange.transport import Socket, SocketClosed, WsTransport
from engine.exchange.wire_market import decode_envelope

log = structlog.get_logger("exchange")

NAMES_PER_MESSAGE = 50
ACK_TIMEOUT_MS = 10_000.0
YIELD_EVERY = 64

Sink = Callable[[str, msgspec.Raw, float], None]


class StreamLink:
    """A live connection of one route; `sink(stream, payload, received_mono_ms)` gets what it brings.

    `wanted` is read whenever `retarget` is called, so its owner just changes the set.
    """

    def __init__(
        self,
        ws: WsTransport,
        url: str,
        wanted: set[str],
        sink: Sink,
        clock: Clock,
        silence_s: float,
        subscribe_per_s: int,
        on_bad_payload: Callable[[BadPayload], None],
    ) -> None:
        self._ws = ws
        self._url = url
        self._wanted = wanted
        self._clock = clock
        self._silence_ms = silence_s * 1000.0
        self._pace_s = 1.0 / subscribe_per_s
        self._on_bad_payload = on_bad_payload
        self._carried: set[str] = set()
        self._unanswered: dict[int, float] = {}
        self._next_id = 1
        self._changed = asyncio.Event()
        self._changed.set()
        self._why = ""
        self.sink = sink
        self.settled = asyncio.Event()  # carries what is wanted, acknowledged
        self.opened_mono_ms = 0.0
        self.received_mono_ms = 0.0
        self.messages = 0

    def retarget(self) -> None:
        """The wanted streams changed."""
        self.settled.clear()
        self._changed.set()

    async def run(self) -> None:
        """Open, subscribe, read, until the connection ends. Raises NotSent or SocketClosed, never returns."""
        socket = await self._ws.open(self._url)
        self.opened_mono_ms = self.received_mono_ms = self._clock.mono_ms()
        steering = asyncio.create_task(self._steer(socket))
        watching = asyncio.create_task(self._watch(socket))
        try:
            await self._read(socket)
        except SocketClosed as closed:
            raise SocketClosed(self._why or closed.reason) from closed
        finally:
            for task in (steering, watching):
                task.cancel()
            await asyncio.gather(steering, watching, return_exceptions=True)
            await socket.close()

    async def _read(self, socket: Socket) -> None:
        while True:
            text = await socket.receive()
            self.received_mono_ms = received = self._clock.mono_ms()
            self.messages += 1
            try:
                envelope = decode_envelope(text)
            except BadPayload as bad:
                self._on_bad_payload(bad)
                continue
            if envelope.stream:
                self.sink(envelope.stream, envelope.data, received)
            else:
                self._on_answer(envelope.id, envelope.code, envelope.msg)
            if self.messages % YIELD_EVERY == 0:
                await asyncio.sleep(0)  # a burst that is already here must not keep orders waiting

    def _on_answer(self, number: int | str | None, code: int | None, message: str) -> None:
        if code is not None:
            log.warning("control_refused", code=code, message=message)
            return
        if isinstance(number, int):
            self._unanswered.pop(number, None)
        self._judge_settled()

    def _judge_settled(self) -> None:
        if not self._unanswered and self._carried == self._wanted:
            self.settled.set()

    async def _steer(self, socket: Socket) -> None:
        """Brings the connection from what it carries to what is wanted, again whenever that changes."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            await self._control_all(socket, "UNSUBSCRIBE", sorted(self._carried - self._wanted))
            await self._control_all(socket, "SUBSCRIBE", sorted(self._wanted - self._carried))
            self._judge_settled()

    async def _control_all(self, socket: Socket, method: str, names: list[str]) -> None:
        for start in range(0, len(names), NAMES_PER_MESSAGE):
            await self._control(socket, method, names[start : start + NAMES_PER_MESSAGE])

    async def _control(self, socket: Socket, method: str, names: list[str]) -> None:
        number, self._next_id = self._next_id, self._next_id + 1
        self._unanswered[number] = self._clock.mono_ms()
        if method == "SUBSCRIBE":
            self._carried.update(names)
        else:
            self._carried.difference_update(names)
        request = msgspec.json.encode({"method": method, "params": names, "id": number})
        try:
            await socket.send(request.decode())
        except SocketClosed:
            return  # the reader meets the same end and tells of it
        await self._clock.sleep(self._pace_s)

    async def _watch(self, socket: Socket) -> None:
        """Closes a connection that owes us something: data, or the answer to a control message."""
        while not self._why:
            await self._clock.sleep(min(self._silence_ms / 4000.0, 1.0))
            now = self._clock.mono_ms()
            if self._wanted and now - self.received_mono_ms >= self._silence_ms:
                self._why = f"silent for {(now - self.received_mono_ms) / 1000:.0f} s"
            elif any(now - sent >= ACK_TIMEOUT_MS for sent in self._unanswered.values()):
                self._why = "a subscription was not acknowledged"
        await socket.close()
