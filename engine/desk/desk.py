"""The engine's side of the port: admits commands, shows views, numbers notices. One per engine."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import msgspec
import structlog

from engine.clock import Clock
from engine.desk.answers import Answers
from engine.desk.decisions import Decisions, edits_of
from engine.desk.notice_log import NoticeLog
from engine.desk.position_commands import PositionCommands
from engine.desk.standing_commands import StandingCommands
from engine.desk.topics import Topics
from engine.errors import DeskError, StoreError
from engine.port import commands
from engine.port.commands import AnyCommand, Done, Refused, Reply
from engine.port.notices import AnyNotice
from engine.port.views import AnyView

log = structlog.get_logger("engine")

REMEMBERED_COMMANDS = 5_000
LOOKS = (commands.Query, commands.PreviewTicket, commands.FocusSymbol)
ADDS_RISK = (commands.ApproveSignal, commands.Resume, commands.SetMode, commands.UnblockSymbol)

Handler = Callable[[Any], Awaitable[Reply]]


class Desk:
    """An `EnginePort`. A command id asked twice is done once; the second asker hears the first answer."""

    def __init__(
        self,
        clock: Clock,
        topics: Topics,
        notices: NoticeLog,
        decisions: Decisions,
        answers: Answers,
        standing: StandingCommands,
        positions: PositionCommands,
        record: Callable[[AnyCommand, Reply], Awaitable[None]],
        stop: Callable[[commands.StopEngine], Awaitable[Reply]],
        set_speed: Callable[[float], Awaitable[Reply]],
        focus: Callable[[str], bool],
    ) -> None:
        self._clock = clock
        self._topics = topics
        self._notices = notices
        self._decisions = decisions
        self._answers = answers
        self._record = record
        self._focus = focus
        self._done: OrderedDict[str, asyncio.Future[Reply]] = OrderedDict()
        self.open_to_risk = False  # set when history and reconciliation are far enough
        self._handlers: dict[type[AnyCommand], Handler] = {
            commands.ApproveSignal: self._approve, commands.RejectSignal: self._reject,
            commands.SnoozeSignal: self._snooze, commands.PreviewTicket: positions.preview,
            commands.Pause: standing.pause, commands.Resume: standing.resume, commands.Halt: standing.halt,
            commands.SetMode: standing.set_mode, commands.BlockSymbol: standing.block,
            commands.UnblockSymbol: standing.unblock, commands.Kill: standing.kill,
            commands.FocusSymbol: self._focus_on, commands.MoveStop: positions.move_stop,
            commands.ClosePosition: positions.close, commands.Flatten: positions.flatten,
            commands.Reconcile: positions.reconcile, commands.SetSpeed: lambda c: set_speed(c.speed),
            commands.Query: lambda c: answers.ask(c.what, c.args), commands.StopEngine: stop,
        }  # fmt: skip

    async def submit(self, command: AnyCommand) -> Reply:
        known = self._done.get(command.id)
        if known is not None:
            return await asyncio.shield(known)
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        if not isinstance(command, LOOKS):
            self._done[command.id] = future
            while len(self._done) > REMEMBERED_COMMANDS:
                self._done.popitem(last=False)
        reply = await self._carry_out(command)
        future.set_result(reply)
        return reply

    async def watch(
        self, topic: str, max_hz: float = 4.0, args: Mapping[str, str] | None = None
    ) -> AsyncIterator[AnyView]:
        if topic not in self._topics:
            raise ConnectionError(f"nobody shows {topic!r}")
        async for view in self._topics.watch(topic, max_hz, args):
            yield view

    async def notices(self, after: int = 0) -> AsyncIterator[AnyNotice]:
        async for notice in self._notices.follow(after):
            yield notice

    async def _carry_out(self, command: AnyCommand) -> Reply:
        handler = self._handlers[type(command)]
        if isinstance(command, ADDS_RISK) and not self.open_to_risk:
            return Refused("Starting", "the engine is still loading; it opens when history and reconciliation are done")
        try:
            reply = await handler(command)
            if not isinstance(command, LOOKS):
                await self._record(command, reply)
        except StoreError as error:
            log.exception("command_not_stored", command=type(command).__name__)
            return Refused("StoreFailed", f"nothing was done that is not written down: {error}", code=1)
        except (DeskError, TimeoutError) as error:
            return Refused("ExchangeSilent", str(error) or "the exchange did not answer in time", code=9)
        return reply

    async def _approve(self, command: commands.ApproveSignal) -> Reply:
        try:
            edits = edits_of(command.risk_pct, command.stop, command.max_drift_bps)
        except (ValueError, ArithmeticError):
            return Refused("NotAPrice", f"{command.stop!r} is not a price", code=2)
        return await self._decisions.approve(command.signal_id, command.revision, command.actor, edits)

    async def _reject(self, command: commands.RejectSignal) -> Reply:
        return await self._decisions.reject(command.signal_id, command.actor, command.reason)

    async def _snooze(self, command: commands.SnoozeSignal) -> Reply:
        return self._decisions.snooze(command.signal_id, command.for_s)

    async def _focus_on(self, command: commands.FocusSymbol) -> Reply:
        if not self._focus(command.symbol.upper()):
            return Refused("UnknownSymbol", f"{command.symbol} is not watched", code=2)
        return Done(command.symbol.upper())


def command_json(command: AnyCommand) -> bytes:
    """A command as the audit keeps it."""
    return msgspec.json.encode(command)
