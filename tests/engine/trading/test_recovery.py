"""The desk dies between any two durable facts, and at any moment; its next life finds everything and doubles nothing.

Real SQLite files, the fake exchange, virtual time. A death stops every write at once: what waited in the lazy lane is
lost, what was on its way to the exchange arrives.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from engine.clock import InlineExecutor, VirtualClock
from engine.port.commands import ApproveSignal, ClosePosition
from engine.store.database import Database
from engine.store.journal import Journal
from engine.store.migrate import migrate
from engine.store.queries import TradingQueries
from engine.store.reader import Reader
from engine.trading.executor import JOURNAL_POINTS
from tests.support.desk_rig import FloorRig, on_virtual_time
from tests.support.gateway import FakeGateway
from tests.support.trading import make_signal

S = "BTCUSDT"
CLOSED_BY_STOP = ((2.0, 102.0), (4.0, 104.0), (6.0, 105.0), (8.0, 101.5))
CLOSED_BY_HAND = ((2.0, 100.5),)


class Killed(BaseException):
    """The process is gone."""


class MortalJournal:
    """A real journal that stops taking anything at the moment of death."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.dead = False

    async def commit(self, *rows: Any) -> None:
        if self.dead:
            await asyncio.Event().wait()
        await self._journal.commit(*rows)

    def put(self, *rows: Any) -> None:
        if not self.dead:
            self._journal.put(*rows)


class Lives:
    """One account, one database, as many lives of the desk as it takes."""

    def __init__(self, clock: VirtualClock, path: Path) -> None:
        self.clock = clock
        self.gateway = FakeGateway(clock, prices={S: Decimal(100)})
        self.database = Database(str(path), "trading", durable=False)
        self.rig: FloorRig | None = None
        self.deaths = 0
        self.point = ""
        self.seen: dict[str, int] = {}

    async def be_born(self) -> FloorRig:
        self.journal = Journal(self.database, self.clock, InlineExecutor())
        await self.journal.open()
        self.mortal = MortalJournal(self.journal)
        self.writer = asyncio.ensure_future(self.journal.run())
        self.reader = Reader(self.database, InlineExecutor())
        self.queries = TradingQueries(self.reader)
        self.rig = FloorRig(self.clock, self.gateway, self.mortal, at_point=self._at_point)
        await self.rig.start(self.queries)
        return self.rig

    async def die(self) -> None:
        assert self.rig is not None
        self.deaths += 1
        self.mortal.dead = True
        self.journal._waiting.clear()
        self.writer.cancel()
        await self.rig.stop()
        await asyncio.gather(self.writer, return_exceptions=True)
        await self.journal.close()
        await self.reader.close()
        self.gateway._queue = asyncio.Queue()  # a new connection hears nothing of the past

    def _at_point(self, point: str) -> None:
        self.seen[point] = self.seen.get(point, 0) + 1
        if self.point == f"{point}#{self.seen[point]}" and not self.deaths:
            self.mortal.dead = True
            self.journal._waiting.clear()
            raise Killed(point)


async def live_through(lives: Lives, path: Any, kill_at_s: float | None, by_hand: bool) -> None:
    """Play a trade against a market that does not wait for anybody; die once, come back three seconds later."""
    started = lives.clock.mono_ms()
    rig = await lives.be_born()
    await rig.floor.admission.offer(make_signal())
    asked = [asyncio.ensure_future(rig.ask(ApproveSignal, id="a", signal_id="sig1"))]

    async def market() -> None:
        for at_s, price in path:
            await asyncio.sleep(max(0.0, at_s - (lives.clock.mono_ms() - started) / 1000))
            lives.gateway.move(S, price)
            if lives.rig is not None:
                lives.rig.floor.keeper.on_price(S, price)
        if by_hand:
            await asyncio.sleep(1.0)
            if lives.rig is not None and lives.rig.floor.keeper.find(S) is not None:
                asked.append(asyncio.ensure_future(lives.rig.ask(ClosePosition, id="c", position_id=S)))

    playing = asyncio.ensure_future(market())
    while not playing.done() or lives.clock.mono_ms() - started < 12_000:
        elapsed_s = (lives.clock.mono_ms() - started) / 1000
        if not lives.deaths and (rig.dead() or (kill_at_s is not None and elapsed_s >= kill_at_s)):
            dying, lives.rig = lives.rig, None
            lives.rig = dying
            await lives.die()
            lives.rig = None
            await asyncio.sleep(3.0)
            rig = await lives.be_born()
        await asyncio.sleep(0.01)
    await playing
    await asyncio.sleep(25.0)
    for task in asked:
        task.cancel()
    await asyncio.gather(*asked, return_exceptions=True)


async def verdict(lives: Lives) -> None:
    """What must hold after a minute of calm, whenever the death came."""
    rig, gateway = lives.rig, lives.gateway
    assert rig is not None
    assert not rig.dead()
    assert rig.floor.reconciler.reconciled
    assert len(gateway.sent) == len(set(gateway.sent)), "an order was doubled"
    assert len([name for name in gateway.sent if "-e-" in name]) <= 1
    held = gateway.signed(S)
    ours = rig.floor.keeper.on_symbol(S)
    assert (ours.exposure if ours is not None else 0) == held
    if held:
        assert gateway.protected(S)
    else:
        assert not gateway.resting(S), "something of ours still rests"
    await lives.journal.flush()
    rows = await lives.queries.signals()
    assert len(rows) == 1
    if held:
        assert rows[0].status == "open"
    elif gateway.trades:
        assert rows[0].status == "closed"
        assert rows[0].result_usdt == gateway.wallet - 10_000
        assert len(await lives.queries.fills()) == len(gateway.trades)
        assert not await lives.queries.open_positions()
    else:
        assert rows[0].status in ("refused", "pending", "beside")
    told = {row.client_id: row.filled for row in await lives.queries.orders()}
    done = {name: order.filled for name, order in gateway.orders.items() if order.filled}
    assert {name: told.get(name) for name in done} == done, "the record lacks what an order did"
    await lives.die()


def run(tmp_path: Path, *, point: str = "", kill_at_s: float | None = None, by_hand: bool = False) -> Lives:
    path = tmp_path / "trading.db"
    migrate(str(path), "trading")
    kept: list[Lives] = []

    async def scenario(clock: VirtualClock) -> None:
        lives = Lives(clock, path)
        kept.append(lives)
        lives.point = point
        await live_through(lives, CLOSED_BY_HAND if by_hand else CLOSED_BY_STOP, kill_at_s, by_hand)
        await verdict(lives)

    on_virtual_time(scenario)
    return kept[0]


def test_undisturbed_it_ends_as_it_should(tmp_path: Path) -> None:
    lives = run(tmp_path)
    assert {point.split(".")[0] for point in lives.seen} == {"e", "s", "t1", "t2"}
    assert lives.gateway.signed(S) == 0


@pytest.mark.parametrize("occurrence", [1, 2, 3])
@pytest.mark.parametrize("point", [point for point in JOURNAL_POINTS if not point.startswith("x")])
def test_death_between_any_two_durable_facts_is_recovered(tmp_path: Path, point: str, occurrence: int) -> None:
    lives = run(tmp_path, point=f"{point}#{occurrence}")
    happens = occurrence == 1 or point.startswith("s")
    assert (lives.deaths > 1) is happens  # the last death is the end of the test


@pytest.mark.parametrize("point", [point for point in JOURNAL_POINTS if point.startswith("x")])
def test_death_while_closing_by_hand_is_recovered(tmp_path: Path, point: str) -> None:
    lives = run(tmp_path, point=f"{point}#1", by_hand=True)
    assert lives.deaths > 1
    assert lives.gateway.signed(S) == 0


@pytest.mark.parametrize("seed", range(8))
def test_death_at_any_moment_is_recovered(tmp_path: Path, seed: int) -> None:
    lives = run(tmp_path, kill_at_s=Random(seed).uniform(0.0, 9.0), by_hand=seed % 3 == 0)
    assert lives.deaths > 1
