"""The engine's side of the port: admits commands, shows views, tells notices. One per engine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

import structlog

from engine.clock import Clock
from engine.desk.answers import Answers
from engine.desk.market_quotes import MarketQuotes
from engine.desk.notice_log import NoticeLog
from engine.desk.topics import Topics
from engine.errors import DeskError, StoreError
from engine.port.commands import (
    AnyCommand,
    ApproveSignal,
    BlockSymbol,
    Done,
    FocusSymbol,
    PreviewTicket,
    Query,
    Refused,
    Reply,
    Resume,
    SetMode,
    SetSpeed,
    StopEngine,
    UnblockSymbol,
)
from engine.port.notices import AnyNotice
from engine.port.views import AnyView
from engine.trading.floor import TradingFloor
from engine.trading.precedence import Precedence

log = structlog.get_logger("engine")

ADDS_RISK = (ApproveSignal, Resume, SetMode, UnblockSymbol)
BOOK_WAIT_S = 4.0


class Desk:
    """An `EnginePort`. What is asked of trading goes to the trading floor, which does each command id once."""

    def __init__(
        self,
        clock: Clock,
        topics: Topics,
        notices: NoticeLog,
        floor: TradingFloor,
        answers: Answers,
        quotes: MarketQuotes,
        focus: Callable[[str], bool],
        set_speed: Callable[[float], Awaitable[Reply]],
        stop: Callable[[StopEngine], Awaitable[Reply]],
        precedence: Precedence,
    ) -> None:
        self._clock = clock
        self._topics = topics
        self._notices = notices
        self._floor = floor
        self._answers = answers
        self._quotes = quotes
        self._focus = focus
        self._set_speed = set_speed
        self._stop = stop
        self._precedence = precedence
        self.open_to_risk = False  # set when history and reconciliation are far enough

    async def submit(self, command: AnyCommand) -> Reply:
        if isinstance(command, ADDS_RISK) and not self.open_to_risk:
            return Refused("Starting", "still loading; the desk opens when history and reconciliation are done")
        try:
            return await self._carry_out(command)
        except StoreError as error:
            log.exception("command_not_stored", command=type(command).__name__)
            return Refused("StoreFailed", f"nothing is done that is not written down: {error}", code=1)
        except (DeskError, TimeoutError) as error:
            return Refused("ExchangeSilent", str(error) or "the exchange did not answer in time", code=9)

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
        match command:
            case Query(what=what, args=args):
                return await self._answers.ask(what, args)
            case FocusSymbol(symbol=symbol):
                known = self._focus(symbol.upper())
                return Done(symbol.upper()) if known else _unknown(symbol)
            case SetSpeed(speed=speed):
                return await self._set_speed(speed)
            case StopEngine():
                return await self._stop(command)
            case BlockSymbol(symbol=symbol) | UnblockSymbol(symbol=symbol) if not self._answers.knows(symbol):
                return _unknown(symbol)
            case PreviewTicket():
                return await self._preview(command)
            case ApproveSignal(signal_id=signal_id):
                if (entry := self._floor.admission.queue.entries.get(signal_id)) is not None and entry.pending:
                    await self._quotes.ready(entry.signal.symbol, BOOK_WAIT_S)
        with self._precedence:
            return await self._floor.submit(command)

    async def _preview(self, command: PreviewTicket) -> Reply:
        """A what-if waits a moment for the book it is to walk."""
        entry = self._floor.admission.queue.entries.get(command.signal_id or "")
        symbol = entry.signal.symbol if entry is not None else (command.symbol or "").upper()
        if symbol and not self._answers.knows(symbol):
            return _unknown(symbol)
        if symbol:
            self._answers.asked_symbol = symbol
            self._focus("")
            await self._floor.facts.warm(symbol)
            await self._quotes.ready(symbol, BOOK_WAIT_S)
        return await self._floor.submit(command)


def _unknown(symbol: str) -> Refused:
    return Refused("UnknownSymbol", f"{symbol!r} is not watched", code=2)
