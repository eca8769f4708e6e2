"""Who listens to which market stream, and what is said to them at each beat. No I/O: listeners get bytes."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from engine.sim.exchange import Exchange
from engine.sim.stream_messages import force_order
from engine.sim.stream_names import StreamName, parse_stream
from engine.sim.streams import Stream, open_stream

_FORCED = ("forceOrder", "allForceOrder")


class Listener(Protocol):
    """One connection as the hub sees it."""

    def push(self, stream: str, payload: bytes) -> None: ...


class _Channel:
    """A stream somebody listens to."""

    def __init__(self, name: StreamName, stream: Stream | None) -> None:
        self.name, self.stream = name, stream
        self.listeners: list[Listener] = []


class Hub:
    """All live streams of an exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._channels: dict[str, _Channel] = {}
        self._beat = 0
        self._forced: dict[str, dict[str, Any]] = {}

    def subscribe(self, name: str, listener: Listener) -> None:
        """Listen to a stream; a name that means nothing is silent."""
        parsed = parse_stream(name)
        if parsed is None:
            return
        channel = self._channels.get(name)
        if channel is None:
            channel = self._channels[name] = _Channel(parsed, open_stream(self._exchange.market, parsed))
        if listener not in channel.listeners:
            channel.listeners.append(listener)

    def unsubscribe(self, name: str, listener: Listener) -> None:
        channel = self._channels.get(name)
        if channel is None or listener not in channel.listeners:
            return
        channel.listeners.remove(listener)
        if not channel.listeners:
            del self._channels[name]
            if channel.stream is not None:
                channel.stream.close()

    def beat(self) -> None:
        """Move the exchange to the present and say what is due."""
        exchange = self._exchange
        self._beat += 1
        exchange.market.beat = self._beat
        exchange.catch_up()
        self._collect_forced()
        for channel in list(self._channels.values()):
            if self._beat % channel.name.every:
                continue
            if channel.name.kind in _FORCED:
                self._say_forced(channel)
            elif channel.stream is not None:
                for payload in channel.stream.poll(self._beat):
                    self._say(channel, msgspec.json.encode(payload))
        if self._beat % 20 == 0:
            self._forced.clear()

    def _say(self, channel: _Channel, payload: bytes) -> None:
        name = channel.name
        payloads = [payload]
        if name.kind == "depth":
            payloads = self._exchange.trouble.depth(name.name, name.symbol, payload)
        for each in payloads:
            for listener in channel.listeners:
                listener.push(name.name, each)

    def _collect_forced(self) -> None:
        """The newest liquidation of each symbol within a second."""
        for event in self._exchange.account.drain_forced():
            self._forced[event["o"]["s"]] = event

    def _say_forced(self, channel: _Channel) -> None:
        for symbol, event in self._forced.items():
            if channel.name.kind == "allForceOrder":
                pair = self._exchange.market.rules(symbol).row["pair"]
                self._say(channel, msgspec.json.encode(force_order(event, pair)))
            elif channel.name.symbol == symbol:
                self._say(channel, msgspec.json.encode(event))
