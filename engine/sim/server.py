"""The exchange on loopback sockets: REST, streams and the WebSocket API on one port, and the beat that drives them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp import web
from aiohttp.web_log import AccessLogger

from engine.sim.clockwork import Clockwork
from engine.sim.door_rest import ControlDoor, RestDoor, respond
from engine.sim.door_ws import StreamDoor
from engine.sim.door_wsapi import SocketApiDoor
from engine.sim.exchange import Exchange, over_budget
from engine.sim.hub import Hub
from engine.sim.pools import OverBudget
from engine.sim.stream_names import BEAT_MS

SOCKET_API_PATH = "/ws-fapi/v1"
LARGEST_BODY = 1 << 20


class Server:
    """Doors around one exchange."""

    def __init__(
        self, exchange: Exchange, clock: Clockwork, control: bool = False, speed_control: bool = False
    ) -> None:
        self._exchange, self._clock = exchange, clock
        self._hub = Hub(exchange)
        self._streams = StreamDoor(exchange, self._hub)
        self._rest = RestDoor(exchange, self.deliver)
        self._socket_api = SocketApiDoor(exchange, self.deliver)
        self._control = ControlDoor(exchange, clock.set_speed)
        self._controls = {"price": control, "fault": control, "speed": speed_control}
        self._runner: web.AppRunner | None = None
        self._last_client_ms = clock.wall_ms()

    async def start(self, host: str, port: int) -> int:
        """Listen; returns the port. Raises OSError when it is taken."""
        app = web.Application(client_max_size=LARGEST_BODY)
        app.router.add_route("*", "/{tail:.*}", self._dispatch)
        self._runner = web.AppRunner(app, access_log=None, access_log_class=AccessLogger, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port, backlog=1024)
        await site.start()
        return int(self._runner.addresses[0][1])

    async def run(self, stop: asyncio.Event, idle_exit_s: float | None = None) -> None:
        """Beat until told to stop, or until nobody has been here for a while."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while not stop.is_set():
            self._hub.beat()
            self._streams.beat()
            self.deliver()
            if idle_exit_s is not None and self._idle_s() > idle_exit_s:
                return
            due = max(due + BEAT_MS / 1000, loop.time() - 5 * BEAT_MS / 1000)
            await asyncio.sleep(max(0.0, due - loop.time()))

    async def close(self) -> None:
        self._streams.close()
        if self._runner is not None:
            await self._runner.cleanup()

    def deliver(self) -> None:
        """Push waiting private events."""
        events = self._exchange.private_events()
        if events:
            self._streams.deliver(events)

    async def _dispatch(self, request: web.Request) -> web.StreamResponse:
        self._last_client_ms = self._clock.wall_ms()
        upgrade = request.headers.get("Upgrade", "").lower() == "websocket"
        if upgrade:
            if request.path.rstrip("/") != SOCKET_API_PATH:
                return await self._streams.handle(request)
            try:
                return await self._socket_api.handle(request)
            except OverBudget as over:
                return respond(over_budget(over))
        control = self._control_of(request)
        if control is not None:
            return await control(request)
        return await self._rest.handle(request)

    def _control_of(self, request: web.Request) -> Callable[[web.Request], asyncio.Future[web.Response]] | None:
        prefix, _, name = request.path.rpartition("/")
        if prefix != "/sim" or request.method != "POST" or not self._controls.get(name, False):
            return None
        handler: Callable[[web.Request], asyncio.Future[web.Response]] = getattr(self._control, name)
        return handler

    def _idle_s(self) -> float:
        if self._streams.open or self._socket_api.open:
            self._last_client_ms = self._clock.wall_ms()
        return (self._clock.wall_ms() - self._last_client_ms) / 1000
