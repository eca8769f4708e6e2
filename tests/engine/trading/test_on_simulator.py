"""The trading floor with the real client over the simulator in memory: order semantics nobody here made up.

Virtual time; prices move by the simulator's own faults. Each trouble of the drill list that concerns orders is lived
through, and the invariants of order safety are read from the exchange's answers, not from ours.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from config.schema import Settings
from engine.bus import Bus
from engine.clock import VirtualClock
from engine.money import Instrument
from engine.port.commands import ApproveSignal, ClosePosition, Done
from engine.trading.events import EntryFilled, StopMoved, StopPlaced, TierTaken, TradeClosed, TradingEvent
from engine.trading.floor import TradingFloor
from engine.trading.pricing import Surroundings
from engine.trading.quotes import Quote
from tests.support.desk_rig import MemoryJournal, MemoryReads, on_virtual_time
from tests.support.direct_desk import DirectDesk
from tests.support.trading import make_signal

S = "ETHUSDT"


class SimDesk:
    """One floor over the simulator."""

    def __init__(self, clock: VirtualClock, seed: int = 7) -> None:
        self.clock = clock
        self.desk = DirectDesk(clock, ("BTCUSDT", S), seed)
        self.bus = Bus()
        self.told: list[Any] = []
        self.bus.subscribe(TradingEvent, self.told.append)
        self.journal = MemoryJournal()
        around = Surroundings(self.quote, self._instrument, venue="sim")
        settings = Settings(venue="sim", mode="approve")
        self.floor = TradingFloor(self.desk.client.gateway, self.journal, self.bus, clock, settings, around)
        self.tasks: list[asyncio.Future] = []
        self.bare_since: float | None = None
        self.longest_bare_s = 0.0

    def _instrument(self, symbol: str) -> Instrument | None:
        return self.desk.instruments.get(symbol)

    def quote(self, symbol: str) -> Quote:
        mark = self.desk.mark(symbol)
        return Quote(symbol, True, ((mark, 1e6),), ((mark, 1e6),), mark=mark)

    async def __aenter__(self) -> SimDesk:
        await self.desk.start()
        await self.floor.recover(MemoryReads(self.journal))
        for _, work in self.floor.services():
            self.tasks.append(asyncio.ensure_future(work()))
        self.tasks.append(asyncio.ensure_future(self._market()))
        await self.until(lambda: self.floor.reconciler.reconciled)
        await self.floor.facts.refresh()
        return self

    async def __aexit__(self, *_failure: object) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.desk.stop()

    async def _market(self) -> None:
        """Marks once a second, as the stream brings them; and a look at how bare the exchange has us."""
        ticks = 0
        while True:
            await asyncio.sleep(0.05)
            ticks += 1
            now_s = self.clock.mono_ms() / 1000
            if self.desk.signed(S) and not self.desk.protected(S):
                self.bare_since = self.bare_since if self.bare_since is not None else now_s
                self.longest_bare_s = max(self.longest_bare_s, now_s - self.bare_since)
            else:
                self.bare_since = None
            if ticks % 20 == 0:
                self.floor.keeper.on_price(S, self.desk.mark(S))

    async def until(self, true: Callable[[], bool], timeout_s: float = 90.0) -> None:
        deadline = self.clock.mono_ms() + timeout_s * 1000
        while not true():
            assert not any(task.done() for task in self.tasks), [t for t in self.tasks if t.done()]
            assert self.clock.mono_ms() < deadline, "the awaited condition did not come true"
            await asyncio.sleep(0.02)

    def move(self, price: float) -> None:
        self.desk.exchange.fault("price", symbol=S, price=round(price, 2))

    async def enter(self, side: int = 1, name: str = "sig1") -> float:
        """Open a trade with one R of 1 % of price; returns R in price units."""
        mark = self.desk.mark(S)
        r = mark * 0.01
        signal = make_signal(
            id=name, symbol=S, side=side, ref_close=mark, stop=mark - side * r, atr=r, bar_time_ms=self.clock.now_ms()
        )
        await self.floor.admission.offer(signal)
        reply = await self.floor.submit(ApproveSignal(id=f"a-{name}", actor="t", signal_id=name))
        assert isinstance(reply, Done), reply
        return r

    def events(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.told if isinstance(event, kind)]


def scene(play: Callable[[SimDesk], Awaitable[None]], seed: int = 7) -> None:
    async def scenario(clock: VirtualClock) -> None:
        async with SimDesk(clock, seed) as desk:
            await play(desk)

    on_virtual_time(scenario)


@pytest.mark.parametrize("side", [1, -1])
def test_a_whole_trade_through_both_targets_and_the_locked_stop(side: int) -> None:
    async def play(desk: SimDesk) -> None:
        r = await desk.enter(side)
        await desk.until(lambda: desk.desk.protected(S) and len(desk.desk.limits(S)) == 2)
        entry = float(desk.events(EntryFilled)[0].price)
        assert desk.events(StopPlaced)[0].naked_ms < 2000
        stop = desk.desk.stops(S)[0]
        assert (stop["closePosition"], stop["workingType"]) == (True, "MARK_PRICE")
        desk.move(entry + side * 1.1 * r)
        await desk.until(lambda: len(desk.events(StopMoved)) == 1 and len(desk.desk.stops(S)) == 1)
        assert desk.desk.stops(S)[0]["reduceOnly"] is True
        desk.move(entry + side * 2.2 * r)
        await desk.until(lambda: len(desk.events(TierTaken)) == 2 and len(desk.desk.stops(S)) == 1)
        desk.move(entry + side * 0.5 * r)
        await desk.until(lambda: not desk.floor.keeper.positions())
        closed = desk.events(TradeClosed)[0]
        assert closed.reason in ("tp1_lock", "trail")
        assert closed.gross_r > 1.0
        assert desk.desk.signed(S) == 0
        assert not desk.desk.stops(S)
        assert not desk.desk.limits(S)
        assert desk.longest_bare_s < 2.0

    scene(play)


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        ("submit_timeout_accepted", {}),
        ("submit_timeout_lost", {}),
        ("unknown_accepted", {}),
        ("unknown_lost", {}),
        ("fill_before_ack", {}),
        ("partial_fill", {}),
        ("overload", {"seconds": 1.0}),
    ],
)
def test_trouble_with_the_entry_ends_in_a_protected_position_or_none(kind: str, params: dict[str, Any]) -> None:
    async def play(desk: SimDesk) -> None:
        desk.desk.exchange.fault(kind, **params)
        mark = desk.desk.mark(S)
        signal = make_signal(
            symbol=S, ref_close=mark, stop=mark * 0.99, atr=mark * 0.01, bar_time_ms=desk.clock.now_ms()
        )
        await desk.floor.admission.offer(signal)
        await desk.floor.submit(ApproveSignal(id="a", actor="t", signal_id="sig1"))
        await asyncio.sleep(12)
        await agree(desk)

    scene(play)


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        ("stop_rejected", {}),
        ("stop_rejected", {"count": 3}),
        ("stop_rejected", {"count": 100}),
        ("would_trigger", {}),
        ("submit_timeout_accepted", {}),
        ("submit_timeout_lost", {}),
        ("unknown_accepted", {}),
        ("private_stream_dead", {"seconds": 5.0}),
        ("reduce_only_rejected", {}),
        ("manual_close", {"symbol": S}),
        ("liquidation", {"symbol": S}),
        ("adl", {"symbol": S, "share": 0.5}),
        ("disconnect", {}),
        ("listen_key_expired", {}),
        ("server_error", {"seconds": 1.0}),
    ],
)
def test_trouble_after_the_entry_never_leaves_it_bare(kind: str, params: dict[str, Any]) -> None:
    async def play(desk: SimDesk) -> None:
        late = kind in ("manual_close", "liquidation", "adl")
        if late:
            await desk.enter()
            await desk.until(lambda: len(desk.desk.limits(S)) == 2)
            desk.desk.exchange.fault(kind, **params)
        else:
            entered = asyncio.ensure_future(desk.enter())
            await desk.until(lambda: desk.desk.signed(S) != 0)
            desk.desk.exchange.fault(kind, **params)
            await entered
        await asyncio.sleep(12)
        await agree(desk)
        assert desk.longest_bare_s <= 2.5
        if late and kind != "adl":
            reasons = {"manual_close": "manual", "liquidation": "liquidation"}
            assert desk.events(TradeClosed)[0].reason == reasons[kind]

    scene(play)


async def agree(desk: SimDesk) -> None:
    """We and the exchange say the same, and what is held is protected."""
    await desk.until(lambda: desk.floor.reconciler.reconciled)
    position = desk.floor.keeper.on_symbol(S)
    held = desk.desk.signed(S)
    assert (position.exposure * position.plan.side if position is not None else 0) == held
    if held:
        assert desk.desk.protected(S)
    else:
        assert not desk.desk.stops(S)
        assert not desk.desk.limits(S)


@pytest.mark.parametrize("seed", range(4))
def test_random_trouble_on_the_simulator_is_survived(seed: int) -> None:
    kinds: list[tuple[str, dict[str, Any]]] = [
        ("submit_timeout_accepted", {}), ("submit_timeout_lost", {}), ("unknown_accepted", {}), ("unknown_lost", {}),
        ("partial_fill", {}), ("fill_before_ack", {}), ("stop_rejected", {}), ("would_trigger", {}),
        ("reduce_only_rejected", {}), ("manual_close", {"symbol": S}), ("adl", {"symbol": S, "share": 0.5}),
        ("private_stream_dead", {"seconds": 2.0}), ("server_error", {"seconds": 0.5}), ("overload", {"seconds": 1.0}),
    ]  # fmt: skip

    async def play(desk: SimDesk) -> None:
        rng = Random(seed)
        asked: list[asyncio.Future] = []
        for n in range(6):
            if desk.floor.keeper.on_symbol(S) is None and not desk.desk.signed(S):
                asked.append(asyncio.ensure_future(quietly(desk, rng.choice([1, -1]), f"s{n}")))
            for _ in range(8):
                await asyncio.sleep(rng.uniform(0.1, 2.0))
                if rng.random() < 0.35:
                    kind, params = rng.choice(kinds)
                    desk.desk.exchange.fault(kind, **params)
                if rng.random() < 0.5:
                    desk.move(desk.desk.mark(S) * (1 + rng.gauss(0, 0.006)))
            if rng.random() < 0.3 and desk.desk.signed(S):
                asked.append(
                    asyncio.ensure_future(desk.floor.submit(ClosePosition(id=f"c{n}", actor="t", position_id=S)))
                )
        await asyncio.gather(*asked)
        await asyncio.sleep(75)
        await agree(desk)
        assert desk.longest_bare_s < 10.0
        names = [event.signal_id for event in desk.events(TradeClosed)]
        assert len(names) == len(set(names))
        if not desk.floor.keeper.positions():
            wallet = Decimal(desk.desk.peek("/fapi/v3/account")["totalWalletBalance"])
            booked = sum((event.net_usdt for event in desk.events(TradeClosed)), Decimal(0))
            assert booked == pytest.approx(wallet - 10_000, abs=Decimal("0.01"))

    scene(play, seed)


async def quietly(desk: SimDesk, side: int, name: str) -> None:
    mark = desk.desk.mark(S)
    signal = make_signal(
        id=name, symbol=S, side=side, ref_close=mark, stop=mark * (1 - side * 0.01), atr=mark * 0.01,
        bar_time_ms=desk.clock.now_ms(),
    )  # fmt: skip
    await desk.floor.admission.offer(signal)
    await desk.floor.submit(ApproveSignal(id=f"a-{name}", actor="t", signal_id=name))
