"""What is seen from outside: positions without a stop by the exchange's own word, notices in order, and the machine."""

from __future__ import annotations

import asyncio
import hmac
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import aiohttp

from engine.port import notices
from engine.port.client import PortClient
from engine.port.views import HealthView
from tests.support.served_desk import ServedDesk

LOOK_S = 0.2
BLIND_S = 1.0  # looks further apart than this say nothing of what was between them
# Budgets of their own: who looks must not spend what the desk has, nor who judges what the looks have.
WATCHERS, JUDGES = "127.0.0.2", "127.0.0.3"
BACK_OFF_S = 1.0  # who goes on asking after a refusal is banned
STOPS = ("STOP_MARKET", "STOP")


@dataclass(frozen=True)
class Bare:
    """A symbol held without a stop from one look to another, machine time in seconds."""

    symbol: str
    from_s: float
    to_s: float

    @property
    def lasted_s(self) -> float:
        return self.to_s - self.from_s


class Exchange:
    """The account as the exchange tells it, asked from an address of its own."""

    def __init__(self, ready: dict[str, Any], address: str) -> None:
        self._ready = ready
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(local_addr=(address, 0)))

    async def close(self) -> None:
        await self._session.close()

    async def ask(self, path: str) -> list[dict[str, Any]] | None:
        """Rows of a signed request; None when the exchange does not answer it now."""
        rest = self._ready["rest"]
        async with self._session.get(f"{rest}/fapi/v1/time") as answer:
            if answer.status != 200:
                return None
            now_ms = (await answer.json())["serverTime"]
        query = f"timestamp={now_ms}&recvWindow=50000"
        signature = hmac.new(self._ready["api_secret"].encode(), query.encode(), sha256).hexdigest()
        headers = {"X-MBX-APIKEY": self._ready["api_key"]}
        async with self._session.get(f"{rest}{path}?{query}&signature={signature}", headers=headers) as answer:
            return list(await answer.json()) if answer.status == 200 else None

    async def positions(self) -> dict[str, Decimal] | None:
        """Signed quantities of what is held."""
        rows = await self.ask("/fapi/v3/positionRisk")
        if rows is None:
            return None
        return {row["symbol"]: Decimal(row["positionAmt"]) for row in rows if Decimal(row["positionAmt"])}

    async def covered(self, held: dict[str, Decimal]) -> set[str] | None:
        """Those of the held symbols whose stop rests."""
        rows = await self.ask("/fapi/v1/openAlgoOrders")
        return None if rows is None else stopped(held, rows)


def stopped(held: dict[str, Decimal], rows: list[dict[str, Any]]) -> set[str]:
    """Symbols whose position would be ended by one of these resting conditional orders."""
    ends = {symbol: "SELL" if quantity > 0 else "BUY" for symbol, quantity in held.items()}
    return {row["symbol"] for row in rows if row["orderType"] in STOPS and ends.get(row["symbol"]) == row["side"]}


@dataclass
class Watcher:
    """Looks five times a second; `bare` are the spells that lasted longer than one look."""

    exchange: Exchange
    bare: list[Bare] = field(default_factory=list)
    looks: int = 0
    blind: int = 0
    most_held: int = 0
    _since: dict[str, float] = field(default_factory=dict)
    _last_s: float = 0.0

    async def run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self._look()
            except (aiohttp.ClientError, TimeoutError):
                self.blind += 1

    async def _look(self) -> None:
        held = await self.exchange.positions()
        at_s = time.monotonic()
        covered = await self.exchange.covered(held) if held else set()
        if held is None or covered is None:
            self.blind += 1
            await asyncio.sleep(BACK_OFF_S)
            return
        self.looks += 1
        self.most_held = max(self.most_held, len(held))
        if at_s - self._last_s > BLIND_S:
            self._since.clear()
        self._last_s = at_s
        for symbol in set(self._since) - (held.keys() - covered):
            self._end(symbol, at_s)
        for symbol in held.keys() - covered:
            self._since.setdefault(symbol, at_s)

    def _end(self, symbol: str, at_s: float) -> None:
        self.bare.append(Bare(symbol, self._since.pop(symbol), at_s))

    def finish(self) -> None:
        """What is bare now has been so until now."""
        for symbol in list(self._since):
            self._end(symbol, time.monotonic())


@dataclass
class Recorder:
    """Follows the notices and the health of the engine from its start to its end."""

    socket: Path
    decided: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    closed: Counter[str] = field(default_factory=Counter)  # by signal
    kinds: Counter[str] = field(default_factory=Counter)
    stops: list[Bare] = field(default_factory=list)  # each entry until its stop rested, by the desk's own clock
    lag_ms: list[float] = field(default_factory=list)
    health: HealthView | None = None

    async def run(self) -> None:
        client = await PortClient.connect(self.socket, "console:recorder", read_only=True)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._notices(client))
                tasks.create_task(self._health(client))
        finally:
            await client.close()

    async def _notices(self, client: PortClient) -> None:
        async for notice in client.notices(after=0):
            self.kinds[type(notice).__name__] += 1
            match notice:
                case notices.SignalDecided(signal_id=signal_id, state=state):
                    self.decided[signal_id].append(state)
                case notices.TradeClosed(signal_id=signal_id):
                    self.closed[signal_id] += 1
                case notices.StopPlaced(symbol=symbol, naked_ms=naked_ms):
                    now_s = time.monotonic()
                    self.stops.append(Bare(symbol, now_s - naked_ms / 1000, now_s))

    async def _health(self, client: PortClient) -> None:
        async for view in client.watch("health", max_hz=1.0):
            assert isinstance(view, HealthView)
            self.health = view
            self.lag_ms.append(view.loop_lag_max_ms_10s)


@dataclass
class Meter:
    """Memory, files and connections to the exchange over exchange time: (hours, MiB, files, connections)."""

    desk: ServedDesk
    since_ms: int
    rows: list[tuple[float, float, int, int]] = field(default_factory=list)

    async def run(self) -> None:
        told = 0
        while True:
            now_ms = await asyncio.to_thread(self.desk.server_ms)
            hours = (now_ms - self.since_ms) / 3_600_000
            self.rows.append((hours, self.desk.rss_mb(), self.desk.open_files(), self.desk.connections()))
            if int(hours) > told:
                told = int(hours)
                print(f"  {hours:5.1f} h, {self.rows[-1][1]:.0f} MiB, {self.rows[-1][2]} files", flush=True)
            await asyncio.sleep(1.0)
