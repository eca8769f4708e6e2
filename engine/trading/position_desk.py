"""What a person may ask of open positions: close, move a stop, flatten, kill, compare with the exchange."""

from __future__ import annotations

from decimal import InvalidOperation

import msgspec

from engine.clock import Clock
from engine.errors import DataError, ExchangeError
from engine.money import decimal
from engine.port.commands import ClosePosition, Done, Flatten, Halt, Kill, MoveStop, Reconcile, Refused, Reply
from engine.trading.inputs import CloseAsked, StopAsked
from engine.trading.keeper import Keeper
from engine.trading.position_state import Position
from engine.trading.reconciler import Reconciler
from engine.trading.standing_desk import StandingDesk


class PositionDesk:
    """Commands on positions. Reducing risk needs nothing but a position; what adds to it is checked."""

    def __init__(
        self, keeper: Keeper, reconciler: Reconciler, standing: StandingDesk, clock: Clock, account_name: str
    ) -> None:
        self._keeper = keeper
        self._reconciler = reconciler
        self._standing = standing
        self._clock = clock
        self._account = account_name

    async def close(self, command: ClosePosition) -> Reply:
        """Close a position whole or in part, by id or symbol."""
        position = self._keeper.find(command.position_id)
        if (refusal := _cannot(position, command.position_id, command.revision)) is not None:
            return refusal
        assert position is not None
        if not 0 < command.pct <= 100:
            return Refused("BadShare", f"{command.pct:g} % is not between 0 and 100", code=2)
        self._ask_close(position, "manual", command.pct)
        return Done(f"closing {command.pct:g} % of {position.plan.symbol}")

    async def move_stop(self, command: MoveStop) -> Reply:
        """Tighten at once; widen only up to the initial stop, and never beyond the price."""
        position = self._keeper.find(command.position_id)
        if (refusal := _cannot(position, command.position_id, command.revision)) is not None:
            return refusal
        assert position is not None
        plan = position.plan
        try:
            asked = decimal(command.stop)
        except (ValueError, InvalidOperation):
            return Refused("BadPrice", f"not a price: {command.stop!r}", code=2)
        widens = plan.side * (asked - position.stop) < 0
        price = (
            plan.instrument.stop_price(asked, plan.direction)
            if widens
            else plan.instrument.tighter_stop(asked, plan.direction)
        )
        if plan.side * (price - plan.stop) < 0:
            return Refused("BeyondInitialRisk", f"stop {price} is wider than the initial {plan.stop}")
        if position.mark is not None and plan.side * (position.mark - float(price)) <= 0:
            return Refused("StopThrough", f"stop {price} would strike at once, mark {position.mark:g}")
        if widens and self._standing.state == "halted":
            return Refused("Halted", "the desk is halted")
        now_ms, mono_ms = self._clock.now_ms(), self._clock.mono_ms()
        self._keeper.feed(plan.position_id, StopAsked(now_ms=now_ms, mono_ms=mono_ms, price=price))
        return Done(f"stop of {plan.symbol} to {price}")

    async def flatten(self, command: Flatten) -> Reply:
        """Reducing, then everything closed at market."""
        if command.confirm != self._account:
            return Refused("NeedsConfirmation", "flatten asks for the account name", code=7)
        await self._standing.halt(Halt(id=command.id, actor=command.actor, reason="flatten"))
        positions = [p for p in self._keeper.positions() if p.state in ("entering", "open")]
        for position in positions:
            self._ask_close(position, "flatten", 100.0)
        return Done(f"closing {len(positions)} positions")

    async def kill(self, command: Kill) -> Reply:
        """Halted: stops and targets stay as they rest, only a missing stop is still placed."""
        if command.confirm != self._account:
            return Refused("NeedsConfirmation", "kill asks for the account name", code=7)
        await self._standing.kill("kill", command.actor)
        return Done("halted; stops and targets rest on the exchange")

    async def reconcile(self, command: Reconcile) -> Reply:
        """Compare with the exchange; `apply` puts right what differs."""
        try:
            if command.apply:
                await self._clock.sleep(self._reconciler.rest_s())
                read = await self._reconciler.mend()
                rows, agreed = self._reconciler.rows(), read and not self._reconciler.differences
            else:
                differences = await self._reconciler.glance()
                rows, agreed = [difference.row() for difference in differences], not differences
        except (ExchangeError, DataError, TimeoutError) as error:
            return Refused("ExchangeUnread", str(error), code=9)
        data = msgspec.json.encode({"reconciled": agreed, "rows": rows})
        return Done("agreed" if agreed else f"{len(rows)} rows differ", data)

    def _ask_close(self, position: Position, reason: str, pct: float) -> None:
        asked = CloseAsked(now_ms=self._clock.now_ms(), mono_ms=self._clock.mono_ms(), reason=reason, pct=pct)
        self._keeper.feed(position.plan.position_id, asked)


def _cannot(position: Position | None, name: str, revision: int | None) -> Refused | None:
    if position is None:
        return Refused("UnknownPosition", f"no position {name}", code=2)
    if position.state not in ("entering", "open"):
        return Refused("AlreadyClosing", f"{position.plan.symbol} is {position.state}")
    if revision is not None and revision != position.revision:
        return Refused("Changed", f"{position.plan.symbol} changed since it was seen")
    return None
