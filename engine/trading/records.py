"""What the journal keeps of a trade, and how a position comes back from it."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from engine.exchange.orders import Fill
from engine.money import Side, decimal
from engine.store.rows import CooldownRow, FillRow, OrderRow, PositionRow, SignalEventRow, SignalRow
from engine.trading import client_ids, events
from engine.trading.booking import cooldown_bars, excursion_bars, result_of
from engine.trading.intents import Tell
from engine.trading.order import Order, Phase, cancel_failed
from engine.trading.position_state import Position
from strategies.model import TIMEFRAME_MS, Signal, StrategyId

_STAGES = ("entry", "tp1", "tp2")
_ACTION_PRICE_BARS = 8
_UNSURE = "its answer was not written down"


def position_row(position: Position, now_ms: int) -> PositionRow:
    """A position with its whole state; `closed_ms` only once nothing of it rests on the exchange."""
    plan = position.plan
    working = position.working_stop
    return PositionRow(
        position_id=plan.position_id,
        signal_id=plan.signal_id,
        symbol=plan.symbol,
        side=plan.direction.word,
        state=position.state,
        quantity=position.exposure,
        entry=position.entry_price if position.entered.quantity else None,
        stop=working.price if working is not None else position.stop,
        payload=msgspec.json.encode(position),
        opened_ms=position.opened_ms,
        updated_ms=now_ms,
        closed_ms=(position.closed_ms or now_ms) if position.over else None,
    )


def recover(row: PositionRow) -> Position:
    """The position as it was last written, with everything that only the dead process knew marked as unknown.

    Machine time starts anew; a placement without a recorded answer has to be asked about; a cancel may never have
    been sent and is sent again.
    """
    position = msgspec.json.decode(row.payload, type=Position)
    position.pace = {}
    position.closing_mono = 0.0
    position.naked_since = None
    position.orders = {name: _doubted(order) for name, order in position.orders.items()}
    return position


def order_row(position: Position, order: Order, now_ms: int) -> OrderRow:
    plan = position.plan
    return OrderRow(
        client_id=order.client_id,
        symbol=plan.symbol,
        side=order.side,
        type=_order_type(order),
        state=order.phase.value,
        quantity=order.quantity,
        order_id=order.order_id or None,
        conditional=order.conditional,
        signal_id=plan.signal_id,
        position_id=plan.position_id,
        leg=order.leg,
        price=None if order.conditional or not order.price else order.price,
        trigger_price=order.price if order.conditional else None,
        filled=order.filled,
        reduce_only=order.leg != client_ids.ENTRY and not order.close_position,
        close_position=order.close_position,
        reason=order.reason,
        updated_ms=now_ms,
    )


def fill_row(position: Position, fill: Fill) -> FillRow:
    return FillRow(
        symbol=fill.symbol,
        trade_id=fill.trade_id,
        order_id=fill.order_id,
        client_id=fill.client_id,
        side=fill.side,
        price=fill.price,
        quantity=fill.quantity,
        at_ms=fill.at_ms,
        signal_id=position.plan.signal_id,
        position_id=position.plan.position_id,
        fee=fill.fee,
        fee_asset=fill.fee_asset,
        realized=fill.realized,
        maker=fill.maker,
        execution=fill.execution,
    )


def signal_row(
    signal: Signal,
    status: str,
    expires_ms: int,
    *,
    venue: str = "",
    taken: bool = False,
    decided_by: str = "",
    reason: str = "",
    epoch: int = 1,
    revision: int = 1,
    config_hash: str = "",
) -> SignalRow:
    """A signal as proposed; `evidence` holds the whole of it."""
    return SignalRow(
        signal_id=signal.id,
        strategy_id=signal.strategy,
        symbol=signal.symbol,
        tf=signal.timeframe,
        side=Side(signal.side).word,
        status=status,
        bar_ms=signal.bar_time_ms - TIMEFRAME_MS[signal.timeframe],
        decided_ms=signal.bar_time_ms,
        variant=signal.variant,
        sl=decimal(signal.stop),
        sl_source=signal.stop_source,
        ref_close=signal.ref_close,
        atr_entry=signal.atr,
        base_score=next((part.points for part in signal.components if part.name == "base"), None),
        final_score=signal.score,
        regime=signal.regime.state.value,
        bias=signal.regime.bias.value,
        zone_arm=signal.zone_arm,
        confluence_count=signal.confluence_count,
        group_id=signal.group_id,
        venue=venue,
        ap_mode=signal.mode.value if signal.mode is not None else None,
        taken=taken,
        epoch=epoch,
        revision=revision,
        expires_ms=expires_ms,
        decided_by=decided_by,
        exit_reason=reason,
        evidence=msgspec.json.encode(signal),
        config_hash=config_hash,
    )


def signal_of(row: SignalRow) -> Signal:
    """The signal as it was proposed."""
    return msgspec.json.decode(row.evidence, type=Signal)


def with_trade(row: SignalRow, position: Position) -> SignalRow:
    """The signal's row brought up to its trade: levels, excursions, and at the end the result."""
    if not position.entered.quantity:
        return row
    first, second = position.tier(client_ids.TIER1), position.tier(client_ids.TIER2)
    row = replace(
        row,
        stage=_STAGES[position.stage] if row.taken else row.stage,  # a shadow keeps the decision there
        entry=position.entry_price,
        sl=position.plan.stop,
        tp1=first.price if first is not None else None,
        tp2=second.price if second is not None else None,
        quantity=position.entered.quantity,
        r0=decimal(position.r0),
        opened_ms=position.opened_ms,
        trail_peak=position.peak,
        mfe_r=position.mfe_r,
        mae_r=position.mae_r,
        **excursion_bars(position),
    )
    if position.state != "closed":
        return row
    result = result_of(position)
    return replace(
        row,
        status="closed",
        result_gross_r=result.gross_r,
        result_net_r=result.net_r,
        result_usdt=result.net_usdt,
        fees_usdt=result.fees_usdt,
        funding_usdt=result.funding_usdt,
        exit_price=result.exit_price,
        exit_reason=position.close_reason,
        closed_ms=position.closed_ms,
    )


def event_row(tell: Tell) -> SignalEventRow | None:
    """A trading event as a step in the signal's life; None for what belongs to no signal."""
    event = tell.event
    if not event.signal_id:
        return None
    price = None
    if isinstance(
        event,
        events.EntryFilled | events.StopPlaced | events.StopMoved | events.TierPlaced | events.TierTaken,
    ):
        price = event.price
    return SignalEventRow(
        signal_id=event.signal_id,
        at_ms=event.at_ms,
        kind=_snake(type(event).__name__),
        price=price,
        payload=msgspec.json.encode(event),
    )


def cooldown_row(position: Position) -> CooldownRow | None:
    """How long the strategy stays away from this symbol and side after the exit (9.8; Action Price: 6.7).

    Action Price counts its eight bars from the published signal, so its trade's end starts nothing.
    """
    plan = position.plan
    if position.state != "closed" or plan.foreign or plan.strategy == StrategyId.ACTION_PRICE:
        return None
    exit_bar = position.closed_ms // plan.exits.bar_ms * plan.exits.bar_ms
    bars = cooldown_bars(position.close_reason)
    return CooldownRow(
        strategy_id=plan.strategy,
        symbol=plan.symbol,
        side=plan.direction.word,
        until_ms=exit_bar + (bars + 1) * plan.exits.bar_ms,
    )


def published_cooldown_row(signal: Signal) -> CooldownRow | None:
    """Action Price: the next signal of the symbol and side comes at least eight bars after a traded one."""
    if signal.strategy != StrategyId.ACTION_PRICE:
        return None
    return CooldownRow(
        strategy_id=signal.strategy,
        symbol=signal.symbol,
        side=Side(signal.side).word,
        until_ms=signal.bar_time_ms + _ACTION_PRICE_BARS * TIMEFRAME_MS[signal.timeframe],
    )


def _doubted(order: Order) -> Order:
    order = cancel_failed(order)
    if order.phase is Phase.SENDING:
        return replace(order, phase=Phase.UNKNOWN, reason=_UNSURE)
    return order


def _order_type(order: Order) -> str:
    if order.conditional:
        return "STOP_MARKET"
    return "LIMIT" if order.price else "MARKET"


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")
