"""Keeps the standing orders: changed by command, written down before they are acknowledged, found again at a start."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from engine.bus import Bus
from engine.clock import Clock, utc_text
from engine.port.commands import (
    BlockSymbol,
    Done,
    Halt,
    Pause,
    Refused,
    Reply,
    Resume,
    SetMode,
    UnblockSymbol,
)
from engine.store.rows import BlockRow, CooldownRow, Deleted, KvRow
from engine.trading import standing as rules
from engine.trading.events import StandingChanged
from engine.trading.executor import Journal
from engine.trading.refusals import RiskRefusal
from engine.trading.standing import Block, Desk, Mode, Standing

STANDING_KEY = "standing"


class _Kept(msgspec.Struct):
    """What a restart finds; blocks and cooldowns have rows of their own, causes are found out anew."""

    mode: Mode = "signals"
    desk: Desk = "running"
    paused_until_ms: int = 0
    reason: str = ""
    actor: str = ""


class StandingDesk:
    """One value and its history on disk. `free_auto`: mode auto needs no confirmation on this venue."""

    def __init__(
        self, journal: Journal, bus: Bus, clock: Clock, account_name: str, mode: Mode, free_auto: bool
    ) -> None:
        self._journal = journal
        self._bus = bus
        self._clock = clock
        self._account = account_name
        self._free_auto = free_auto
        self.value = Standing(mode=mode)
        self.on_halted: Callable[[bool], None] = lambda _on: None

    def recover(
        self, kept: KvRow | None, blocks: Iterable[BlockRow], cooldowns: Iterable[CooldownRow], keep_mode: bool
    ) -> None:
        """Take over what the last process left. `keep_mode`: the mode it ended in rather than the configured one."""
        if kept is not None:
            found = msgspec.json.decode(kept.value, type=_Kept)
            self.value = msgspec.structs.replace(
                self.value,
                mode=found.mode if keep_mode else self.value.mode,
                desk=found.desk,
                paused_until_ms=found.paused_until_ms,
                reason=found.reason,
                actor=found.actor,
            )
        for row in blocks:
            self.value = rules.block(self.value, _block_of(row))
        for rest in cooldowns:
            self.value = rules.cool(self.value, rest.strategy_id, rest.symbol, rest.side, rest.until_ms)
        self._end_pause()
        self.on_halted(self.value.desk == "halted")

    def look(self) -> None:
        """Tell when a pause is over; nobody's command ends it."""
        if self._end_pause():
            self._tell("desk", "; ".join(part for part in ("the pause is over", self.reason) if part))

    @property
    def state(self) -> Desk:
        return rules.desk_state(self.value, self._clock.now_ms())

    @property
    def reason(self) -> str:
        return rules.desk_reason(self.value, self._clock.now_ms())

    async def pause(self, command: Pause) -> Reply:
        until_ms = self._until(command.for_s)
        await self._take(rules.pause(self.value, until_ms, command.reason, command.actor), command.actor)
        return Done(self.state + (f" {self._pause_end()}" if until_ms and self.state == "paused" else ""))

    async def halt(self, command: Halt) -> Reply:
        await self._take(rules.halt(self.value, command.reason, command.actor), command.actor)
        return Done(self.state)

    async def kill(self, reason: str, actor: str) -> None:
        """Halted, from a command whose confirmation was checked."""
        await self._take(rules.kill(self.value, reason, actor), actor)

    async def resume(self, command: Resume) -> Reply:
        answer = rules.resume(self.value, command.actor, command.confirm == self._account)
        if isinstance(answer, RiskRefusal):
            return Refused(answer.name, answer.detail, code=7)
        await self._take(answer, command.actor)
        return Done(self.state)

    async def set_mode(self, command: SetMode) -> Reply:
        if command.mode not in ("signals", "approve", "auto"):
            return Refused("UnknownMode", f"no mode {command.mode!r}: signals, approve or auto", code=2)
        if command.mode == "auto" and not self._free_auto and command.confirm != self._account:
            return Refused("NeedsConfirmation", "mode auto asks for the account name here", code=7)
        mode = msgspec.convert(command.mode, Mode)
        await self._take(rules.set_mode(self.value, mode, command.actor), command.actor)
        return Done(command.mode)

    async def block(self, command: BlockSymbol) -> Reply:
        side = command.side or ""
        if side not in ("", "long", "short"):
            return Refused("UnknownSide", f"no side {side!r}: long or short", code=2)
        added = Block(
            id=f"{command.symbol}|{side}|{command.strategy or ''}",
            symbol=command.symbol,
            side=side,
            strategy=command.strategy or "",
            until_ms=self._until(command.for_s),
            reason=command.reason,
            actor=command.actor,
        )
        await self._journal.commit(_row_of(added, self._clock.now_ms()))
        self.value = rules.block(self.value, added)
        self._tell(command.actor, _block_text(added))
        return Done(f"{command.symbol} blocked")

    async def unblock(self, command: UnblockSymbol) -> Reply:
        value, lifted = rules.unblock(self.value, command.symbol, command.side or "", command.strategy or "")
        if not lifted:
            return Refused("NotBlocked", f"{command.symbol} is not blocked", code=2)
        now_ms = self._clock.now_ms()
        await self._journal.commit(*(Deleted(_row_of(row, now_ms)) for row in lifted))
        self.value = value
        self._tell(command.actor, f"{command.symbol} unblocked")
        return Done(f"{command.symbol} unblocked")

    def hold(self, cause: str, detail: str = "") -> None:
        """Entries wait for something to pass: ban, clock, mismatch."""
        if (cause, detail) not in self.value.holds:
            self.value = rules.hold(self.value, cause, detail)
            self._tell("desk")

    def lift(self, cause: str) -> None:
        if any(row[0] == cause for row in self.value.holds):
            self.value = rules.lift(self.value, cause)
            self._tell("desk")

    def cool(self, row: CooldownRow | None) -> None:
        """A strategy rests on a symbol and side; the row is written by whoever ended the trade."""
        if row is not None:
            self.value = rules.cool(self.value, row.strategy_id, row.symbol, row.side, row.until_ms)

    async def _take(self, value: Standing, actor: str) -> None:
        kept = _Kept(value.mode, value.desk, value.paused_until_ms, value.reason, value.actor)
        now_ms = self._clock.now_ms()
        await self._journal.commit(KvRow(key=STANDING_KEY, value=msgspec.json.encode(kept), updated_ms=now_ms))
        was_halted = self.value.desk == "halted"
        # Blocks, cooldowns and causes may have changed while the row was written.
        self.value = msgspec.structs.replace(
            value, holds=self.value.holds, blocks=self.value.blocks, cooldowns=self.value.cooldowns
        )
        if (value.desk == "halted") != was_halted:
            self.on_halted(value.desk == "halted")
        self._tell(actor)

    def _tell(self, actor: str, reason: str = "") -> None:
        why = reason or " ".join(part for part in (self.reason, self._pause_end()) if part)
        self._bus.publish(
            StandingChanged(at_ms=self._clock.now_ms(), desk=self.state, mode=self.value.mode, actor=actor, reason=why)
        )

    def _end_pause(self) -> bool:
        over = self.value.desk == "paused" and 0 < self.value.paused_until_ms <= self._clock.now_ms()
        if over:
            self.value = rules.resume_paused(self.value)
        return over

    def _pause_end(self) -> str:
        ends = self.state == "paused" and self.value.paused_until_ms
        return f"until {utc_text(self.value.paused_until_ms)}" if ends else ""

    def _until(self, for_s: float | None) -> int:
        return self._clock.now_ms() + round(for_s * 1000) if for_s else 0


def _block_of(row: BlockRow) -> Block:
    return Block(row.block_id, row.symbol, row.side, row.strategy, row.until_ms, row.reason, row.actor)


def _block_text(block: Block) -> str:
    what = " ".join(part for part in (block.symbol, block.side, block.strategy) if part)
    end = f" until {utc_text(block.until_ms)}" if block.until_ms else ""
    return f"{what} blocked{end}" + (f": {block.reason}" if block.reason else "")


def _row_of(block: Block, now_ms: int) -> BlockRow:
    return BlockRow(
        block_id=block.id,
        symbol=block.symbol,
        side=block.side,
        strategy=block.strategy,
        until_ms=block.until_ms,
        reason=block.reason,
        actor=block.actor,
        created_ms=now_ms,
    )
