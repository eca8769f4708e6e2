"""Predicates asked of a finished signal; each lets it pass or names what holds it (4.2, 6.7, 7.3, 9.8).

What is open, cooling down or suspended is known to the caller and handed in. A signal that is held starts nothing: only
a published one blocks and cools.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from strategies.model import TIMEFRAME_MS, Family, MarketSnapshot, Sign, Signal
from strategies.params import Params
from strategies.side import NAMES

DAY_MS: Final = 86_400_000
HOUR_MS: Final = 3_600_000
WINDOWS_MS: Final = (
    (0, 2 * HOUR_MS),
    (7 * HOUR_MS, 9 * HOUR_MS),
    (13 * HOUR_MS + HOUR_MS // 2, 15 * HOUR_MS + HOUR_MS // 2),
)
"""Asia, Europe and US openings of the UTC day."""


class FilterParams(Params, frozen=True):
    """Switches of the filters."""

    btc_reversion_block: bool = True
    session_gate: bool = False
    refuse_thin_data: bool = False


class Cooldown(msgspec.Struct, frozen=True):
    """Until when a strategy may not signal this side again; a close at `until_ms` itself is allowed."""

    strategy: str
    side: Sign
    until_ms: int
    why: str = ""


class Blocks(msgspec.Struct, frozen=True):
    """What stands against new signals of one symbol at one close."""

    open: frozenset[str] = frozenset()  # strategies that have an open signal here
    cooldowns: tuple[Cooldown, ...] = ()
    suspended: str = ""  # reason, when nothing may be signalled at all


class Hold(msgspec.Struct, frozen=True):
    """A named refusal."""

    reason: str
    detail: str


Filter = Callable[[Signal, MarketSnapshot, Blocks, FilterParams], Hold | None]


def suspended(signal: Signal, snapshot: MarketSnapshot, blocks: Blocks, params: FilterParams) -> Hold | None:
    """Damaged data or a contract that does not trade stop every strategy."""
    return Hold("block:suspended", blocks.suspended) if blocks.suspended else None


def open_signal(signal: Signal, snapshot: MarketSnapshot, blocks: Blocks, params: FilterParams) -> Hold | None:
    """One open signal for each strategy and symbol; strategies do not block each other."""
    if signal.strategy not in blocks.open:
        return None
    return Hold("block:open_signal", f"{signal.strategy} already has an open signal on {signal.symbol}")


def cooldown(signal: Signal, snapshot: MarketSnapshot, blocks: Blocks, params: FilterParams) -> Hold | None:
    """A side that has just been traded rests for some bars."""
    for rest in blocks.cooldowns:
        if rest.strategy == signal.strategy and rest.side == signal.side and signal.bar_time_ms < rest.until_ms:
            bars = -(-(rest.until_ms - signal.bar_time_ms) // TIMEFRAME_MS[signal.timeframe])
            why = f" after {rest.why}" if rest.why else ""
            return Hold("block:cooldown", f"{NAMES[signal.side]} rests {bars} more bars{why}")
    return None


def btc_reversion(signal: Signal, snapshot: MarketSnapshot, blocks: Blocks, params: FilterParams) -> Hold | None:
    """While BTC moves violently nothing is faded, on any symbol."""
    if not params.btc_reversion_block or signal.family is not Family.MEAN_REVERSION or snapshot.btc is None:
        return None
    left_ms = snapshot.btc.reversion_blocked_until_ms - snapshot.t_ms
    if left_ms <= 0:
        return None
    return Hold("block:btc_reversion", f"BTC moves violently, no fades for {left_ms // 60_000} more minutes")


def session(signal: Signal, snapshot: MarketSnapshot, blocks: Blocks, params: FilterParams) -> Hold | None:
    """Breakouts only while a large market opens; off by default."""
    if not params.session_gate or signal.family is not Family.BREAKOUT:
        return None
    into_day = snapshot.t_ms % DAY_MS
    if any(start <= into_day < end for start, end in WINDOWS_MS):
        return None
    return Hold("block:session", "outside the openings of Asia, Europe and US")


def thin_data(signal: Signal, snapshot: MarketSnapshot, blocks: Blocks, params: FilterParams) -> Hold | None:
    """Most of what should speak for the trade is absent: only tagged, or refused where it is asked for (live)."""
    if not params.refuse_thin_data or "thin_data" not in signal.flags:
        return None
    return Hold("block:thin_data", "more than half of volume, flow, open interest and book are absent, or BTC is")


FILTERS: Final[tuple[Filter, ...]] = (suspended, open_signal, cooldown, btc_reversion, session, thin_data)


def held(signal: Signal, snapshot: MarketSnapshot, blocks: Blocks, params: FilterParams) -> Hold | None:
    """The first filter that holds the signal, or None when it may be published."""
    for asked in FILTERS:
        hold = asked(signal, snapshot, blocks, params)
        if hold is not None:
            return hold
    return None


def cooldown_after_signal(signal: Signal, bars: int) -> Cooldown:
    """The rest that a published Action Price signal starts: the next is allowed `bars` later (ruling 4)."""
    until = signal.bar_time_ms + bars * TIMEFRAME_MS[signal.timeframe]
    return Cooldown(signal.strategy, signal.side, until, "the last signal")


def cooldown_after_exit(strategy: str, side: Sign, tf: str, exit_close_ms: int, *, stopped: bool) -> Cooldown:
    """The rest of the six strategies after a trade ended in the bar that closed at `exit_close_ms`."""
    bars = 8 if stopped else 4
    return Cooldown(strategy, side, exit_close_ms + bars * TIMEFRAME_MS[tf], "a stop-out" if stopped else "an exit")
