"""Commands that act on open positions, and the what-if that acts on nothing."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

import msgspec

from engine.clock import Clock
from engine.desk.decisions import Decisions
from engine.desk.market_quotes import MarketQuotes
from engine.money import Instrument, Side, decimal
from engine.port import commands
from engine.port.commands import Done, Refused, Reply
from engine.trading import standing
from engine.trading.inputs import CloseAsked, StopAsked
from engine.trading.keeper import Keeper
from engine.trading.position_state import Position
from engine.trading.reconciler import Reconciler
from engine.trading.risk import Edits
from engine.trading.ticket import preview_signal
from strategies.model import Signal

FLAT_WAIT_S = 10.0
POLL_S = 0.05


class PositionCommands:
    """close, move stop, flatten, reconcile, preview."""

    def __init__(
        self,
        clock: Clock,
        keeper: Keeper,
        decisions: Decisions,
        reconciler: Reconciler | None,
        quotes: MarketQuotes,
        instruments: Mapping[str, Instrument],
        account_name: str,
        leverage: int,
    ) -> None:
        self._clock = clock
        self._keeper = keeper
        self._decisions = decisions
        self._reconciler = reconciler
        self._quotes = quotes
        self._instruments = instruments
        self._account = account_name
        self._leverage = leverage

    async def close(self, command: commands.ClosePosition) -> Reply:
        """Whole or part, at market; takes effect on the exchange in its own time."""
        position = self._keeper.find(command.position_id)
        if position is None:
            return Refused("UnknownPosition", f"no open position {command.position_id!r}", code=2)
        if (changed := _changed(position, command.revision)) is not None:
            return changed
        if not 0 < command.pct <= 100:
            return Refused("NotAPercentage", f"{command.pct:g} is not above 0 and at most 100", code=2)
        self._keeper.feed(
            position.plan.position_id,
            CloseAsked(now_ms=self._clock.now_ms(), mono_ms=self._clock.mono_ms(), reason="manual", pct=command.pct),
        )
        part = "" if command.pct >= 100 else f" {command.pct:g} % of"
        return Done(f"closing{part} {position.plan.symbol} {position.plan.direction.word} at market")

    async def move_stop(self, command: commands.MoveStop) -> Reply:
        """Tighter at will; wider never beyond the initial risk."""
        position = self._keeper.find(command.position_id)
        if position is None:
            return Refused("UnknownPosition", f"no open position {command.position_id!r}", code=2)
        if (changed := _changed(position, command.revision)) is not None:
            return changed
        try:
            asked = decimal(command.stop)
        except (ValueError, InvalidOperation):
            return Refused("NotAPrice", f"{command.stop!r} is not a price", code=2)
        if (refused := _stop_refusal(position, asked)) is not None:
            return refused
        price = position.plan.instrument.tighter_stop(asked, position.plan.direction)
        moved = StopAsked(now_ms=self._clock.now_ms(), mono_ms=self._clock.mono_ms(), price=price)
        self._keeper.feed(position.plan.position_id, moved)
        return Done(f"{position.plan.symbol} stop to {position.plan.instrument.text(price)}")

    async def flatten(self, command: commands.Flatten) -> Reply:
        """No entries, then everything closed at market; answers when flat, or with what is still open."""
        if command.confirm != self._account:
            return Refused("NeedsConfirmation", f"flatten asks for the account name: {self._account}", code=7)
        after = standing.halt(self._decisions.standing, "flatten", command.actor)
        await self._decisions.set_standing(after, command.actor, "flatten")
        return await self.close_all("flatten")

    async def close_all(self, reason: str) -> Reply:
        """Ask every position to close and wait for it."""
        held = self._keeper.positions()
        for position in held:
            asked = CloseAsked(now_ms=self._clock.now_ms(), mono_ms=self._clock.mono_ms(), reason=reason)
            self._keeper.feed(position.plan.position_id, asked)
        until_ms = self._clock.mono_ms() + FLAT_WAIT_S * 1000
        while self._keeper.positions() and self._clock.mono_ms() < until_ms:
            await self._clock.sleep(POLL_S)
        left = [position.plan.symbol for position in self._keeper.positions() if position.exposure > 0]
        if left:
            return Refused("StillOpen", f"still closing: {', '.join(left)}", code=5)
        return Done(f"flat: {len(held)} positions closed")

    async def reconcile(self, command: commands.Reconcile) -> Reply:
        """We think / exchange says / proposed action."""
        if self._reconciler is None:
            return Done(data=msgspec.json.encode({"reconciled": True, "rows": []}))
        if command.apply:
            await self._reconciler.mend()
        else:
            self._reconciler.differences, _ = await self._reconciler.look()
        rows = self._reconciler.rows()
        return Done(data=msgspec.json.encode({"reconciled": not rows, "rows": rows}))

    async def preview(self, command: commands.PreviewTicket) -> Reply:
        """A ticket for a waiting signal, or for a symbol, side and stop of a person's own."""
        if command.signal_id is not None:
            entry = self._decisions.queue.entries.get(command.signal_id)
            if entry is None:
                return Refused("UnknownSignal", f"no signal {command.signal_id!r} waits", code=2)
            signal = entry.signal
        else:
            made = await self._own_signal(command)
            if isinstance(made, Refused):
                return made
            signal = made
        ticket = await self._decisions.asked_ticket(signal, self._leverage, Edits(risk_pct=command.risk_pct))
        if isinstance(ticket, Refused):
            return ticket
        return Done(data=msgspec.json.encode(ticket))

    async def _own_signal(self, command: commands.PreviewTicket) -> Signal | Refused:
        symbol, word = (command.symbol or "").upper(), command.side or ""
        instrument = self._instruments.get(symbol)
        if instrument is None:
            return Refused("UnknownSymbol", f"{symbol!r} is not listed", code=2)
        if word not in ("long", "short"):
            return Refused("UnknownSide", f"{word!r} is not long or short", code=2)
        try:
            stop = decimal(command.stop or "")
            targets = tuple(float(decimal(target)) for target in command.targets)
        except (ValueError, InvalidOperation):
            return Refused("NotAPrice", "stop and targets must be prices", code=2)
        self._decisions.show_book(symbol)
        quote = await self._quotes.ready(symbol, 4.0)
        if quote.mid is None:
            return Refused("BookNotSynced", f"book of {symbol}: {quote.reason or 'not synced'}")
        side = Side.of(word)
        return preview_signal(
            symbol, side, instrument.stop_price(stop, side), quote.mid, None, targets, self._clock.now_ms()
        )


def _changed(position: Position, revision: int | None) -> Refused | None:
    if revision is not None and revision != position.revision:
        return Refused("Changed", f"{position.plan.symbol} changed since it was drawn; look again")
    return None


def _stop_refusal(position: Position, asked: Decimal) -> Refused | None:
    side, plan = position.plan.side, position.plan
    if position.mark is not None and side * (float(asked) - position.mark) >= 0:
        return Refused("WouldTrigger", f"a stop at {asked} is beyond the mark price {position.mark:g}")
    if side * (asked - plan.stop) < 0:
        return Refused("StopTooWide", f"{asked} risks more than the initial stop {plan.instrument.text(plan.stop)}")
    return None
