"""What happened while nobody looked, in a few lines: counts, results, and what needs a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from console import render
from console.rows import Row, left
from engine.port import notices as n

_COUNTED: tuple[tuple[type[n.Notice], str], ...] = (
    (n.SignalRaised, "signals raised"),
    (n.EntryFilled, "entries filled"),
    (n.TierTaken, "tiers taken"),
    (n.StopMoved, "stops moved"),
    (n.OrderRefused, "orders refused"),
    (n.GapRepaired, "gaps repaired"),
)


def missed(notices: Sequence[n.AnyNotice], after: int, until_ms: int) -> list[n.AnyNotice]:
    """Notices since number `after` that were told before the screen came back."""
    return [each for each in notices if each.seq > after and each.at_ms < until_ms]


def digest_rows(notices: Sequence[n.AnyNotice], until_ms: int) -> list[Row]:
    """The digest; empty when nothing happened."""
    if not notices:
        return []
    rows: list[Row] = [
        ((f"{render.span(until_ms - notices[0].at_ms)} since the first of {len(notices)}", "muted"),),
        (),
    ]
    for kind, name in _COUNTED:
        if count := sum(isinstance(each, kind) for each in notices):
            rows.append((left(name, 18, "muted"), (str(count), "")))
    decided = Counter(each.state for each in notices if isinstance(each, n.SignalDecided))
    if decided:
        text = "  ".join(f"{state} {count}" for state, count in decided.most_common())
        rows.append((left("decided", 18, "muted"), (text, "")))
    closed = [each for each in notices if isinstance(each, n.TradeClosed)]
    if closed:
        net_r, net = sum(each.net_r for each in closed), sum(each.net_usdt for each in closed)
        rows.append(
            (
                left("trades closed", 18, "muted"),
                (f"{len(closed)}  ", ""),
                (f"{render.result(net_r)}R  {render.result(net)} USDT", render.tone(net_r)),
            )
        )
    rows += _worst(notices)
    return rows


def _worst(notices: Sequence[n.AnyNotice]) -> list[Row]:
    """The newest of what was serious, and desk changes by somebody."""
    serious = [
        each
        for each in notices
        if each.severity in ("warn", "danger") or isinstance(each, n.DeskStateChanged | n.TradeClosed | n.Forgotten)
    ]
    rows: list[Row] = [(), (("most recent of note", "title"),)] if serious else []
    for each in reversed(serious[-10:]):
        role = {"danger": "danger strong", "warn": "warn", "good": "good"}.get(each.severity, "")
        rows.append(((f"{render.clock_time(each.at_ms)} ", "muted"), left(each.symbol, 12, "title"), (each.text, role)))
    return rows
