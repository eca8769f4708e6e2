"""A drill: the desk on the embedded exchange while one thing goes wrong, and a score of how it came through."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen, TimeoutExpired
from typing import TYPE_CHECKING, Any

import msgspec

from console.host import START_TIMEOUT_S, EngineStart, spawn, wait_ready
from engine.port.client import PortClient
from engine.port.commands import ClosePosition, Done, Query, Reconcile

if TYPE_CHECKING:
    from engine.runtime import Engine

FILE_NAME = "drills.json"
NAKED_LIMIT_MS = 2000.0
CALM_S = 5.0


class Score(msgspec.Struct, frozen=True):
    """How a drill went. It passed when never naked too long, nothing doubled, and we and the exchange agree."""

    drill: str
    passed: bool
    naked_ms_max: float
    orders_doubled: int
    state_equal: bool
    differences: int
    net_usdt: float
    entries: int
    trades_closed: int
    wall_s: float


async def play(engine: Engine, drill: str, seconds: float, say: Callable[[str], None]) -> Score:
    """Let an engine in mode auto live through a drill for so long, then a moment of calm, and score it."""
    await engine.opened.wait()
    parts = engine.parts
    started_ms, equity = parts.clock.mono_ms(), parts.floor.facts.equity
    say(f"drill {drill}: {seconds:g} s")
    await asyncio.sleep(seconds)
    await parts.floor.keeper.quiet()
    await asyncio.sleep(CALM_S)
    differences = await _differences(engine)
    summary = await _summary(engine)
    orders = await parts.queries.orders()
    entries = Counter(order.signal_id for order in orders if order.leg == "e" and order.filled > 0)
    doubled = sum(count - 1 for count in entries.values() if count > 1)
    await parts.floor.facts.refresh()
    naked = float(summary["naked_ms_max"])
    equal = differences == 0
    return Score(
        drill=drill, passed=naked <= NAKED_LIMIT_MS and not doubled and equal, naked_ms_max=naked,
        orders_doubled=doubled, state_equal=equal, differences=differences,
        net_usdt=float(parts.floor.facts.equity - equity), entries=len(entries),
        trades_closed=int(summary["trades_closed"]), wall_s=round((parts.clock.mono_ms() - started_ms) / 1000, 1),
    )  # fmt: skip


def live_until_killed(start: EngineStart, for_s: float, leaving: bool) -> bool:
    """Let an engine in its own process trade until it dies by SIGKILL. When it lives on for `for_s` it is ended: False.

    With `leaving` it is asked to close its first position, which it would hold on to for long otherwise.
    """
    process = spawn(start)
    try:
        return asyncio.run(_until_killed(start.home, process, for_s, leaving)) == -signal.SIGKILL
    except (TimeoutError, TimeoutExpired):
        return False
    finally:
        process.kill()
        process.wait()


async def _until_killed(home: Path, process: Popen[bytes], for_s: float, leaving: bool) -> int:
    async with asyncio.timeout(for_s + START_TIMEOUT_S):
        client = await wait_ready(home, process, "drill")
        with contextlib.suppress(ConnectionError):
            while leaving and process.poll() is None:
                leaving = not await _asked_to_leave(client)
                await asyncio.sleep(0.2)
            await client.close()
    return await asyncio.to_thread(process.wait, for_s)


async def _asked_to_leave(client: PortClient) -> bool:
    """Whether there was a protected position, and it was asked to close."""
    reply = await client.submit(Query(id="drill-positions", actor="drill", what="positions"))
    rows = json.loads(reply.data) if isinstance(reply, Done) else []
    held = [row for row in rows if row["state"] == "open" and row["protected"]]
    if held:
        await client.submit(ClosePosition(id="drill-close", actor="drill", position_id=held[0]["id"]))
    return bool(held)


def keep(home: Path, score: Score) -> None:
    """Remember the newest score of each drill."""
    kept = {one.drill: one for one in read(home)}
    kept[score.drill] = score
    (home / FILE_NAME).write_bytes(msgspec.json.encode(list(kept.values())))


def read(home: Path) -> list[Score]:
    """Scores so far; none when there is no file or it cannot be read."""
    try:
        return msgspec.json.decode((home / FILE_NAME).read_bytes(), type=list[Score])
    except (OSError, msgspec.MsgspecError):
        return []


async def _differences(engine: Engine) -> int:
    """Rows that remain between us and the exchange, looked at again where something was just moving."""
    rows = 0
    for attempt in range(5):
        reply = await engine.port.submit(Reconcile(id=f"drill-{attempt}", actor="drill"))
        if isinstance(reply, Done):
            rows = len(json.loads(reply.data)["rows"])
            if not rows:
                return 0
        await asyncio.sleep(1.0)
    return rows


async def _summary(engine: Engine) -> dict[str, Any]:
    reply = await engine.port.submit(Query(id="drill-summary", actor="drill", what="summary"))
    value: dict[str, Any] = (
        json.loads(reply.data) if isinstance(reply, Done) else {"naked_ms_max": 0, "trades_closed": 0}
    )
    return value
