"""Trades that go nowhere are ended (section 9.5). All of it is arithmetic on exchange time.

The entry bar is bar 1. Hours count from the close of the bar that filled the tier, the absolute limit from the open
of the entry bar; later stages replace earlier ones (ruling 13).
"""

from __future__ import annotations

from engine.trading.position_state import Position

_NEVER_MS = 2**62


def deadline_ms(position: Position) -> int | None:
    """When the present stage ends at the latest; None before the entry and for positions that are not ours."""
    if not position.opened_ms or position.plan.foreign:
        return None
    exits = position.plan.exits
    entry_bar = position.opened_ms // exits.bar_ms * exits.bar_ms
    absolute = entry_bar + exits.absolute_ms
    if position.stage >= 2:
        stage = _bar_close(position.tp2_ms, exits.bar_ms) + exits.after_tp2_ms
    elif position.stage == 1:
        stage = _bar_close(position.tp1_ms, exits.bar_ms) + exits.after_tp1_ms
    elif position.mfe_atr < exits.time_stop_min_mfe_atr:
        stage = entry_bar + exits.time_stop_bars * exits.bar_ms
    else:
        stage = absolute
    return min(stage, absolute)


def next_look_ms(position: Position, now_ms: int) -> int:
    """The next moment at which a time stop could strike."""
    if not position.opened_ms or position.plan.foreign:
        return _NEVER_MS
    exits = position.plan.exits
    entry_bar = position.opened_ms // exits.bar_ms * exits.bar_ms
    first = entry_bar + min(exits.time_stop_bars * exits.bar_ms, exits.absolute_ms)
    if position.stage == 0 and now_ms < first:
        return first
    return deadline_ms(position) or 0


def due(position: Position, now_ms: int) -> bool:
    """Whether the time stop has struck."""
    deadline = deadline_ms(position)
    return deadline is not None and now_ms >= deadline


def _bar_close(at_ms: int, bar_ms: int) -> int:
    return (at_ms // bar_ms + 1) * bar_ms
