"""Commands that change the desk's standing orders; persisted before they are acknowledged."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from engine.clock import Clock
from engine.desk.decisions import Decisions
from engine.money import Instrument
from engine.port import commands
from engine.port.commands import Done, Refused, Reply
from engine.trading import standing
from engine.trading.refusals import RiskRefusal
from engine.trading.standing import Block

SIDES = (None, "long", "short")


class StandingCommands:
    """pause, resume, halt, mode, block, unblock, kill."""

    def __init__(
        self,
        clock: Clock,
        decisions: Decisions,
        instruments: Mapping[str, Instrument],
        account_name: str,
        venue: str,
        strategies: tuple[str, ...],
        cancel_entries: Callable[[], Awaitable[None]],
    ) -> None:
        self._clock = clock
        self._decisions = decisions
        self._instruments = instruments
        self._account = account_name
        self._venue = venue
        self._strategies = strategies
        self._cancel_entries = cancel_entries

    async def pause(self, command: commands.Pause) -> Reply:
        until_ms = self._clock.now_ms() + round(command.for_s * 1000) if command.for_s else 0
        before = self._decisions.standing
        after = standing.pause(before, until_ms, command.reason, command.actor)
        await self._decisions.set_standing(after, command.actor, command.reason)
        if after is before:
            return Done(f"the desk is {before.desk} already, which is stricter")
        how_long = f" for {command.for_s:g} s" if command.for_s else " until resumed"
        return Done(f"paused{how_long}")

    async def resume(self, command: commands.Resume) -> Reply:
        confirmed = command.confirm == self._account
        after = standing.resume(self._decisions.standing, command.actor, confirmed)
        if isinstance(after, RiskRefusal):
            return Refused(after.name, f"{after.detail}: {self._account}", code=7)
        await self._decisions.set_standing(after, command.actor)
        return Done("running")

    async def halt(self, command: commands.Halt) -> Reply:
        after = standing.halt(self._decisions.standing, command.reason, command.actor)
        await self._decisions.set_standing(after, command.actor, command.reason)
        return Done("reducing: exits and trailing only")

    async def kill(self, command: commands.Kill) -> Reply:
        if command.confirm != self._account:
            return Refused("NeedsConfirmation", f"kill asks for the account name: {self._account}", code=7)
        after = standing.kill(self._decisions.standing, "kill", command.actor)
        await self._decisions.set_standing(after, command.actor, "kill")
        await self._cancel_entries()
        return Done("halted: stops and targets stay on the exchange, nothing else moves")

    async def set_mode(self, command: commands.SetMode) -> Reply:
        if command.mode not in ("signals", "approve", "auto"):
            return Refused("UnknownMode", f"{command.mode!r} is not signals, approve or auto", code=2)
        if command.mode == "auto" and self._venue not in ("sim", "paper") and command.confirm != self._account:
            return Refused(
                "NeedsConfirmation", f"auto on {self._venue} asks for the account name: {self._account}", code=7
            )
        after = standing.set_mode(self._decisions.standing, command.mode, command.actor)  # type: ignore[arg-type]
        await self._decisions.set_standing(after, command.actor)
        return Done(f"mode {command.mode}")

    async def block(self, command: commands.BlockSymbol) -> Reply:
        symbol = command.symbol.upper()
        if (wrong := self._unknown(symbol, command.side, command.strategy)) is not None:
            return wrong
        until_ms = self._clock.now_ms() + round(command.for_s * 1000) if command.for_s else 0
        added = Block(
            command.id, symbol, command.side or "", command.strategy or "", until_ms, command.reason, command.actor
        )
        await self._decisions.set_standing(standing.block(self._decisions.standing, added), command.actor)
        how_long = f" for {command.for_s:g} s" if command.for_s else " until lifted"
        return Done(f"{symbol} {command.side or 'both sides'} blocked{how_long}")

    async def unblock(self, command: commands.UnblockSymbol) -> Reply:
        symbol = command.symbol.upper()
        if (wrong := self._unknown(symbol, command.side, command.strategy)) is not None:
            return wrong
        after, lifted = standing.unblock(self._decisions.standing, symbol, command.side or "", command.strategy or "")
        if not lifted:
            return Refused("NotBlocked", f"no block of {symbol} fits")
        await self._decisions.set_standing(after, command.actor)
        return Done(f"{symbol}: {len(lifted)} blocks lifted")

    def _unknown(self, symbol: str, side: str | None, strategy: str | None) -> Refused | None:
        if symbol not in self._instruments:
            return Refused("UnknownSymbol", f"{symbol} is not listed", code=2)
        if side not in SIDES:
            return Refused("UnknownSide", f"{side!r} is not long or short", code=2)
        if strategy and strategy not in self._strategies:
            return Refused("UnknownStrategy", f"{strategy!r} is none of {', '.join(self._strategies)}", code=2)
        return None
