"""The desk's standing orders: mode, desk state, blocks, cooldowns. Pure; every change is a new value.

States a person sets last until a person lifts them. A ban, a clock error and a mismatch with the exchange hold
entries too, and lift by themselves when cured.
"""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec.structs import replace

from engine.trading.refusals import RiskRefusal

Desk = Literal["running", "paused", "reducing", "halted"]
Mode = Literal["signals", "approve", "auto"]


class Block(msgspec.Struct, frozen=True):
    """A person keeps the desk away from a symbol; empty side or strategy means any, `until_ms` 0 until lifted."""

    id: str
    symbol: str
    side: str = ""
    strategy: str = ""
    until_ms: int = 0
    reason: str = ""
    actor: str = ""

    def covers(self, symbol: str, side: str, strategy: str, now_ms: int) -> bool:
        return (
            self.symbol == symbol
            and self.side in ("", side)
            and self.strategy in ("", strategy)
            and (self.until_ms == 0 or now_ms < self.until_ms)
        )


class Standing(msgspec.Struct, frozen=True):
    """Everything that stands between a good signal and the market beside risk."""

    mode: Mode = "signals"
    desk: Desk = "running"  # as a person set it
    paused_until_ms: int = 0  # 0: until resumed
    reason: str = ""
    actor: str = ""
    holds: tuple[tuple[str, str], ...] = ()  # (cause, detail)
    blocks: tuple[Block, ...] = ()
    cooldowns: dict[str, int] = {}  # strategy|symbol|side -> first bar close allowed again


def desk_state(standing: Standing, now_ms: int) -> Desk:
    """What holds now: the strictest of what people and causes ask for."""
    if standing.desk in ("halted", "reducing"):
        return standing.desk
    if standing.holds:
        return "reducing"
    if standing.desk == "paused" and standing.paused_until_ms and now_ms >= standing.paused_until_ms:
        return "running"
    return standing.desk


def desk_reason(standing: Standing, now_ms: int) -> str:
    """Why it is not running."""
    state = desk_state(standing, now_ms)
    if state == "running":
        return ""
    if standing.desk == state:
        return standing.reason
    return "; ".join(f"{cause}: {detail}" if detail else cause for cause, detail in standing.holds)


def pause(standing: Standing, until_ms: int, reason: str, actor: str) -> Standing:
    """No new entries; a stricter state stays as it is."""
    if standing.desk in ("reducing", "halted"):
        return standing
    return replace(standing, desk="paused", paused_until_ms=until_ms, reason=reason, actor=actor)


def halt(standing: Standing, reason: str, actor: str) -> Standing:
    """Exits and trailing only."""
    if standing.desk == "halted":
        return standing
    return replace(standing, desk="reducing", paused_until_ms=0, reason=reason, actor=actor)


def kill(standing: Standing, reason: str, actor: str) -> Standing:
    """Nothing moves but a missing stop."""
    return replace(standing, desk="halted", paused_until_ms=0, reason=reason, actor=actor)


def resume(standing: Standing, actor: str, confirmed: bool) -> Standing | RiskRefusal:
    """Back to running; leaving halted needs the account's name."""
    if standing.desk == "halted" and not confirmed:
        return RiskRefusal("NeedsConfirmation", "leaving halted asks for the account name")
    return replace(standing, desk="running", paused_until_ms=0, reason="", actor=actor)


def resume_paused(standing: Standing) -> Standing:
    """A pause came to its end by itself."""
    return replace(standing, desk="running", paused_until_ms=0, reason="", actor="")


def hold(standing: Standing, cause: str, detail: str = "") -> Standing:
    """Something is wrong that will pass: entries wait."""
    others = tuple(row for row in standing.holds if row[0] != cause)
    return replace(standing, holds=(*others, (cause, detail)))


def lift(standing: Standing, cause: str) -> Standing:
    """It passed."""
    return replace(standing, holds=tuple(row for row in standing.holds if row[0] != cause))


def set_mode(standing: Standing, mode: Mode, actor: str) -> Standing:
    return replace(standing, mode=mode, actor=actor)


def block(standing: Standing, added: Block) -> Standing:
    """The same symbol, side and strategy again replaces the earlier block."""
    key = (added.symbol, added.side, added.strategy)
    others = tuple(row for row in standing.blocks if (row.symbol, row.side, row.strategy) != key)
    return replace(standing, blocks=(*others, added))


def unblock(standing: Standing, symbol: str, side: str = "", strategy: str = "") -> tuple[Standing, list[Block]]:
    """Lift the blocks of a symbol that fit; an empty side or strategy lifts all of them."""
    lifted = [
        row
        for row in standing.blocks
        if row.symbol == symbol and side in ("", row.side) and strategy in ("", row.strategy)
    ]
    return replace(standing, blocks=tuple(row for row in standing.blocks if row not in lifted)), lifted


def cool(standing: Standing, strategy: str, symbol: str, side: str, until_ms: int) -> Standing:
    """A strategy stays away from symbol and side; a later end wins."""
    key = _key(strategy, symbol, side)
    until_ms = max(until_ms, standing.cooldowns.get(key, 0))
    return replace(standing, cooldowns={**standing.cooldowns, key: until_ms})


def cooling_until(standing: Standing, strategy: str, symbol: str, side: str) -> int:
    return standing.cooldowns.get(_key(strategy, symbol, side), 0)


def refuses_signal(
    standing: Standing, strategy: str, symbol: str, side: str, bar_time_ms: int, now_ms: int
) -> RiskRefusal | None:
    """Why a new signal of this strategy, symbol and side is not offered."""
    until_ms = cooling_until(standing, strategy, symbol, side)
    if bar_time_ms < until_ms:
        bars = (until_ms - bar_time_ms) // 900_000
        return RiskRefusal("Cooldown", f"{strategy} on {symbol} {side} rests for {bars} more bars of 15m")
    for row in standing.blocks:
        if row.covers(symbol, side, strategy, now_ms):
            return RiskRefusal("Blocked", f"{symbol} is blocked" + (f": {row.reason}" if row.reason else ""))
    return None


def refuses_entry(standing: Standing, strategy: str, symbol: str, side: str, now_ms: int) -> RiskRefusal | None:
    """Why no entry may be made now."""
    state = desk_state(standing, now_ms)
    if state != "running":
        reason = desk_reason(standing, now_ms)
        return RiskRefusal(state.capitalize(), f"the desk is {state}" + (f": {reason}" if reason else ""))
    if standing.mode == "signals":
        return RiskRefusal("SignalsOnly", "mode is signals: nothing is traded")
    for row in standing.blocks:
        if row.covers(symbol, side, strategy, now_ms):
            return RiskRefusal("Blocked", f"{symbol} is blocked" + (f": {row.reason}" if row.reason else ""))
    return None


def _key(strategy: str, symbol: str, side: str) -> str:
    return f"{strategy}|{symbol}|{side}"
