"""What happens when several strategies speak of one symbol at one close (7.5).

Same side: all are published and the best leads a confluence group. Opposite sides: the clearly better one stays, or
none. Action Price is judged on its own scale and takes no part.
"""

from __future__ import annotations

import msgspec

from strategies.model import ComponentScore, Refusal, Signal
from strategies.scoring import ScoringParams, total
from strategies.side import NAMES


def resolve(signals: tuple[Signal, ...], params: ScoringParams) -> tuple[tuple[Signal, ...], tuple[Refusal, ...]]:
    """Accepted drafts of one symbol at one close: those that stay, best first, and those dropped, with reasons."""
    refusals: list[Refusal] = []
    torn = {a.strategy for a in signals for b in signals if a.strategy == b.strategy and a.side != b.side}
    kept: list[Signal] = []
    for signal in signals:
        if signal.strategy in torn:
            refusals.append(dropped(signal, "block:both_sides", "the strategy speaks for both sides at once"))
        else:
            kept.append(signal)
    kept.sort(key=_rank)
    if kept and any(signal.side != kept[0].side for signal in kept):
        other = next(signal for signal in kept if signal.side != kept[0].side)
        lead = kept[0].score - other.score
        clear = lead >= params.lead_margin
        why = (
            f"{NAMES[kept[0].side]} {kept[0].strategy} {kept[0].score:g} against "
            f"{NAMES[other.side]} {other.strategy} {other.score:g}, {params.lead_margin:g} needed to decide"
        )
        losing = [signal for signal in kept if not clear or signal.side != kept[0].side]
        refusals.extend(dropped(signal, "block:opposite_side", why) for signal in losing)
        kept = [signal for signal in kept if signal not in losing]
    return _grouped(kept, params), tuple(refusals)


def dropped(signal: Signal, reason: str, detail: str) -> Refusal:
    """The refusal that keeps everything known about a signal."""
    return Refusal(
        id=signal.id, symbol=signal.symbol, side=signal.side, strategy=signal.strategy, variant=signal.variant,
        timeframe=signal.timeframe, bar_time_ms=signal.bar_time_ms, reason=reason, detail=detail,
        score=signal.score, components=signal.components, modifiers=signal.modifiers,
        conditions=signal.conditions, mode=signal.mode, ref_close=signal.ref_close, stop=signal.stop,
        atr=signal.atr, flags=signal.flags, evidence=signal.evidence,
    )  # fmt: skip


def _rank(signal: Signal) -> tuple[float, float, str]:
    return (-signal.score, -sum(part.points for part in signal.components), signal.strategy)


def _grouped(kept: list[Signal], params: ScoringParams) -> tuple[Signal, ...]:
    """The lead and those that enter near it share a group; only the lead is rewarded for company."""
    if len(kept) < 2:
        return tuple(kept)
    lead = kept[0]
    reach = params.confluence_pct / 100 * lead.ref_close
    members = [signal for signal in kept[1:] if abs(signal.ref_close - lead.ref_close) <= reach]
    if not members:
        return tuple(kept)
    count = 1 + len(members)
    bonus = min(params.confluence_cap, params.confluence_bonus * len(members))
    modifiers = (*lead.modifiers, ComponentScore("confluence", float(count), bonus, "further members of the group"))
    raised = msgspec.structs.replace(
        lead, modifiers=modifiers, score=total(lead.components, modifiers), confluence_count=count, group_id=lead.id
    )
    rest = [
        msgspec.structs.replace(signal, confluence_count=count, group_id=lead.id) if signal in members else signal
        for signal in kept[1:]
    ]
    return (raised, *rest)
