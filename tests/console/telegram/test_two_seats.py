"""The phone and the screen decide the same signal at once: one outcome, and both are told the same story."""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import dataclass, field
from typing import Any

import pytest
import telegram
from telegram.request import BaseRequest

from console.telegram.bot import BotOptions, TelegramSeat
from console.telegram.guests import Guests
from engine.clock import VirtualClock
from engine.port.commands import AnyCommand, ApproveSignal, Done, Query, Refused, RejectSignal, Reply
from engine.port.notices import SignalRaised
from engine.store.rows import SignalRow
from tests.console.telegram.test_bot import SIGNAL
from tests.support.bot_api import TOKEN
from tests.support.desk_rig import FloorRig, on_virtual_time, running
from tests.support.memory_outbox import MemoryOutbox
from tests.support.trading import make_signal

SEEDS = 200


class SlowWire(BaseRequest):
    """The library's own transport seam, on virtual time: every call takes its time and is remembered."""

    def __init__(self, clock: VirtualClock, rng: random.Random) -> None:
        self._clock, self._rng = clock, rng
        self.answers: list[str] = []

    @property
    def read_timeout(self) -> float:
        return 5.0

    async def initialize(self) -> None: ...

    async def shutdown(self) -> None: ...

    async def do_request(self, url: str, method: str, request_data: Any = None, **_: Any) -> tuple[int, bytes]:
        await self._clock.sleep(self._rng.uniform(0, 0.05))
        if url.endswith("/answerCallbackQuery"):
            self.answers.append(request_data.parameters["text"])
        return 200, b'{"ok": true, "result": true}'


@dataclass
class FloorPort:
    """The floor as a seat sees it; keeps each reply under its actor."""

    desk: FloorRig
    replies: list[tuple[str, Reply]] = field(default_factory=list)

    async def submit(self, command: AnyCommand) -> Reply:
        if isinstance(command, Query):
            return Done(data=json.dumps({**SIGNAL, "id": "sig1"}).encode())
        reply = await self.desk.floor.submit(command)
        self.replies.append((command.actor, reply))
        return reply


async def phone(desk: FloorRig, port: FloorPort, wire: SlowWire, rng: random.Random, kind: str) -> None:
    outbox = MemoryOutbox()
    guests = Guests((7,), (), b"", lambda _: None, desk.clock.now_ms)
    seat = TelegramSeat(
        port,  # type: ignore[arg-type]
        BotOptions(TOKEN), guests, outbox, lambda: desk.clock.mono_ms() / 1000, desk.clock.now_ms, lambda _: None,
    )  # fmt: skip
    raised = SignalRaised(
        seq=1, at_ms=0, severity="good", text="raised", symbol="BTCUSDT", signal_id="sig1", score=4.0, expires_ms=0
    )
    await seat.on_notice(raised)
    buttons = dict(outbox.messages["sig1:7"].buttons[0])
    bot = telegram.Bot(TOKEN, request=wire, get_updates_request=wire)
    press = telegram.Update.de_json(
        {
            "update_id": 1,
            "callback_query": {
                "id": "one-press", "chat_instance": "1", "data": buttons[kind],
                "from": {"id": 7, "is_bot": False, "first_name": "u"},
                "message": {"message_id": 1, "date": 1, "chat": {"id": 7, "type": "private"}},
            },
        },
        bot,
    )  # fmt: skip
    await desk.clock.sleep(rng.uniform(0, 0.01))
    await asyncio.gather(*(seat.on_update(bot, press) for _ in range(rng.choice((1, 1, 2)))))


@pytest.mark.parametrize("block", range(4))
def test_one_outcome_told_alike_in_both_places(block: int) -> None:
    for seed in range(block * SEEDS // 4, (block + 1) * SEEDS // 4):
        rng = random.Random(seed)

        async def scenario(clock: VirtualClock, rng: random.Random = rng, seed: int = seed) -> None:
            async with running(FloorRig(clock)) as desk:  # type: ignore[arg-type]
                await desk.floor.admission.offer(make_signal())
                port, wire = FloorPort(desk), SlowWire(clock, rng)
                on_phone, on_screen = rng.choice(("approve", "reject")), rng.choice((ApproveSignal, RejectSignal))

                async def screen() -> None:
                    await clock.sleep(rng.uniform(0, 0.01))
                    await port.submit(on_screen(id="screen", actor="console:ann", signal_id="sig1"))

                await asyncio.gather(phone(desk, port, wire, rng, on_phone), screen())
                await desk.until(lambda: desk.state() in ("approved", "rejected"))
                await clock.sleep(5.0)
                row = desk.journal.of(SignalRow)[0]
                winners = {actor for actor, reply in port.replies if isinstance(reply, Done)}
                losers = {actor for actor, reply in port.replies if isinstance(reply, Refused)}
                # Two who both say no agree: nobody is told that it was refused.
                agreed = on_phone == "reject" and on_screen is RejectSignal
                assert winners == ({"console:ann", "telegram:7"} if agreed else {row.decided_by}), seed
                assert winners | losers == {"console:ann", "telegram:7"}, seed
                won = (
                    on_phone if row.decided_by == "telegram:7" else {ApproveSignal: "approve"}.get(on_screen, "reject")
                )
                entries = [name for name in desk.gateway.sent if "-e-" in name]
                assert len(entries) == (1 if won == "approve" else 0), seed
                assert desk.state() == ("approved" if won == "approve" else "rejected"), seed
                assert wire.answers, seed
                assert all(text.startswith("refused") is ("telegram:7" in losers) for text in wire.answers), seed

        on_virtual_time(scenario)
