"""How far a position has come: opened, tiers taken, time up, closed."""

from __future__ import annotations

from engine.trading import client_ids, time_stop, trailing
from engine.trading.booking import exit_reason, result_of
from engine.trading.closing import identity, start_closing
from engine.trading.events import EntryFailed, EntryFilled, TradeClosed
from engine.trading.inputs import AnyInput, BarClosed, PriceMoved
from engine.trading.intents import AnyIntent, AskExchange, Tell
from engine.trading.position_state import Position, pace, paced
from engine.trading.tiers import lay_tiers

_ASK_AGAIN_MS = 500.0
_ASK = "fills"


def advance_stage(position: Position, event: AnyInput) -> list[AnyIntent]:
    """Open on the first fill, lay the tiers when the entry is complete, move on as targets are reached."""
    now_ms, mono_ms = event.now_ms, event.mono_ms
    intents: list[AnyIntent] = []
    if position.state == "entering" and position.exposure > 0:
        position.state = "open"
        if position.close_reason:
            intents += start_closing(position, position.close_reason, now_ms, mono_ms)
    if not position.tiers and not position.plan.foreign and position.entered.quantity and position.entry_over:
        intents += _complete_entry(position, now_ms, mono_ms)
    if position.tiers:
        _reach_targets(position, event)
    if position.state == "open" and not position.hold and time_stop.due(position, now_ms):
        intents += start_closing(position, "time_stop", now_ms, mono_ms)
    return intents


def conclude(position: Position, now_ms: int, mono_ms: float) -> list[AnyIntent]:
    """End the trade when nothing is open and everything is explained; ask when something is not."""
    if position.state in ("closed", "abandoned"):
        return []
    if position.exposure > 0:
        return _ask_for_fills(position, mono_ms)
    if not position.entry_over:
        return _ask_for_fills(position, mono_ms)
    if not position.entered.quantity:
        position.state = "abandoned"
        entry = position.entry
        reason = entry.reason or f"entry {entry.phase.value}"
        return [Tell(event=EntryFailed(reason=reason, **identity(position, now_ms)))]
    if not position.settled:
        return _ask_for_fills(position, mono_ms)
    position.state = "closed"
    position.closed_ms = position.exited.last_ms or now_ms
    position.close_reason = exit_reason(position)
    result = result_of(position)
    closed = TradeClosed(
        reason=position.close_reason,
        gross_r=result.gross_r,
        net_r=result.net_r,
        net_usdt=result.net_usdt,
        mfe_r=position.mfe_r,
        mae_r=position.mae_r,
        **identity(position, now_ms),
    )
    return [Tell(event=closed)]


def _complete_entry(position: Position, now_ms: int, mono_ms: float) -> list[AnyIntent]:
    plan, entry = position.plan, position.entry_price
    told = EntryFilled(price=entry, quantity=position.entered.quantity, r0=position.r0, **identity(position, now_ms))
    intents: list[AnyIntent] = [Tell(event=told)]
    if position.r0 <= 0:
        return intents + start_closing(position, "stop_beyond_entry", now_ms, mono_ms)
    position.tiers = lay_tiers(position.entered.quantity, entry, plan.stop, plan.exits, plan.instrument, plan.direction)
    if position.entered.quantity != position.exposure:
        position.relay = True  # part of it left before the entry was complete
    return intents


def _reach_targets(position: Position, event: AnyInput) -> None:
    """TP1 and TP2 count when filled; a target that cannot rest counts when the price has been there."""
    second = position.tier(client_ids.TIER2)
    if position.stage < 1 and (at_ms := _reached_ms(position, client_ids.TIER1, event)):
        position.stage, position.tp1_ms = 1, at_ms
    if position.stage < 2 and second is not None and (at_ms := _reached_ms(position, client_ids.TIER2, event)):
        position.stage, position.tp2_ms = 2, at_ms
        position.tp1_ms = position.tp1_ms or at_ms
    _follow_peak(position, event)


def _reached_ms(position: Position, leg: str, event: AnyInput) -> int:
    """When a target was reached, or 0."""
    tier = position.tier(leg)
    if tier is None or tier.price is None:
        return 0
    if not tier.merged and not tier.cancelled:
        full = tier.quantity > 0 and position.taken(leg) >= tier.quantity
        return (position.tallied(leg).last_ms or event.now_ms) if full else 0
    reach = _favourable(position, event)
    if reach is None or position.plan.side * (reach - float(tier.price)) < 0:
        return 0
    return event.open_ms if isinstance(event, BarClosed) else event.now_ms


def _follow_peak(position: Position, event: AnyInput) -> None:
    if not trailing.trails(position):
        return
    if position.peak is None:
        start = position.tallied(client_ids.TIER2 if position.stage >= 2 else client_ids.TIER1)
        if start.quantity:
            trailing.raise_peak(position, float(start.average), event.now_ms)
    if (reach := _favourable(position, event)) is not None:
        trailing.raise_peak(position, reach, event.now_ms)


def _favourable(position: Position, event: AnyInput) -> float | None:
    """The best price an input shows."""
    if isinstance(event, BarClosed):
        return event.high if position.plan.side > 0 else event.low
    return position.mark if isinstance(event, PriceMoved) else None


def _ask_for_fills(position: Position, mono_ms: float) -> list[AnyIntent]:
    """Orders claim more than the fills we saw: give the fills a moment, then ask for them."""
    if position.settled:
        if _ASK in position.pace:
            position.pace = {leg: until for leg, until in position.pace.items() if leg != _ASK}
        return []
    if _ASK not in position.pace:
        pace(position, _ASK, mono_ms + _ASK_AGAIN_MS)
    if paced(position, _ASK, mono_ms):
        return []
    pace(position, _ASK, mono_ms + _ASK_AGAIN_MS * 4)
    return [AskExchange(why="fills are missing")]
