"""A stretch the desk has lived through against its replay: the same signals, the same fills, and why not where not.

A signal's id is made of strategy, symbol, side and bar, so both sides name the same decision alike. What the replay
cannot know (the book, open interest, a candle that came late) explains most differences; the rest is left open.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from engine.research.candidates import scan, window_of
from engine.research.data import Tape
from engine.research.features import BtcHistory, history_of
from engine.research.own import OwnFile, own_strategies
from engine.research.prices import path_of
from engine.research.replay import Rules, replay
from engine.research.snapshots import BASE, Snapshots
from engine.research.trades import Trade
from engine.store.desk_rows import IncidentRow
from engine.store.trade_rows import SignalRow
from engine.trading.records import signal_of
from strategies.model import Signal

SAID_NO = frozenset(("refused", "rejected", "expired", "invalid"))
NEAR_MS = 1_800_000
UNRECORDED = frozenset(("book", "open_interest", "oi", "doi", "funding"))


class Difference(msgspec.Struct, frozen=True):
    """One decision that only one side made, or that both made differently."""

    id: str
    symbol: str
    strategy: str
    side: str
    at_ms: int
    what: str  # only_live | only_replay | fill | result
    why: str
    detail: str = ""


class Parity(msgspec.Struct, frozen=True):
    """The comparison of one stretch."""

    from_ms: int
    to_ms: int
    live: int
    replayed: int
    same: int
    fills_compared: int
    median_slippage_bps: float | None  # of live entries against the replay's, positive is dearer
    differences: tuple[Difference, ...]
    causes: dict[str, int]


def compare(
    rows: Sequence[SignalRow], incidents: Sequence[IncidentRow], tapes: Mapping[str, Tape], rules: Rules,
    from_ms: int, to_ms: int, own: Sequence[OwnFile] = (),
) -> Parity:  # fmt: skip
    """Replay [from, to) on the stored candles and compare it with what the journal says of the same time."""
    lived = {row.signal_id: row for row in rows if from_ms <= row.decided_ms < to_ms}
    live = {name: row for name, row in lived.items() if row.status not in SAID_NO}
    signals, trades = _replayed(tapes, rules, from_ms, to_ms, own)
    found: list[Difference] = []
    for name, row in live.items():
        if name not in signals:
            found.append(_only_live(row))
    for name, signal in signals.items():
        if name not in live:
            found.append(_only_replay(signal, lived.get(name), incidents))
    both = sorted(live.keys() & signals.keys())
    slips: list[float] = []
    for name in both:
        row, trade = live[name], trades.get(name)
        if row.entry is None or trade is None:
            continue
        bps = (1 if row.side == "long" else -1) * (float(row.entry) / trade.entry - 1.0) * 1e4
        slips.append(bps)
        if row.result_net_r is not None and trade.counts and abs(row.result_net_r - trade.r_net) > 0.05:
            why = "slippage" if abs(bps) > 1.0 else "path inside the bars"
            detail = f"live {row.result_net_r:+.2f} R ({row.exit_reason}), replay {trade.r_net:+.2f} R ({trade.reason})"
            found.append(_difference(row, "result", why, detail))
    found.sort(key=lambda one: (one.at_ms, one.symbol, one.strategy))
    return Parity(
        from_ms, to_ms, len(live), len(signals), len(both), len(slips), _median(slips), tuple(found),
        dict(sorted(Counter(f"{one.what}: {one.why}" for one in found).items())),
    )  # fmt: skip


def _replayed(
    tapes: Mapping[str, Tape], rules: Rules, from_ms: int, to_ms: int, own: Sequence[OwnFile]
) -> tuple[dict[str, Signal], dict[str, Trade]]:
    settings = rules.settings
    histories = {symbol: history_of(tape, settings) for symbol, tape in tapes.items()}
    base = histories.get("BTCUSDT")
    btc = BtcHistory(base.frames["1h"], base.ind["1h"], settings) if base is not None else None
    signals: dict[str, Signal] = {}
    trades: dict[str, Trade] = {}
    for history in histories.values():
        frame_ms = history.frames[BASE].tf_ms
        window = window_of(history, from_ms - frame_ms, to_ms - frame_ms)
        snapshots = Snapshots(history, settings, btc)
        found = scan(history, snapshots, settings, window=window, own=own_strategies(own)).found
        done = replay(history, path_of(history.frames[BASE]), found, rules)
        named = {(one.strategy, one.side, one.bar_time_ms): one for at in found for one in at.signals}
        for trade in done.trades:
            signal = named.get((trade.strategy, 1 if trade.side > 0 else -1, trade.signal_ms))
            if signal is not None:
                signals[signal.id], trades[signal.id] = signal, trade
    return signals, trades


def _only_live(row: SignalRow) -> Difference:
    signal = signal_of(row)
    used = [part.name for part in signal.modifiers if part.name in UNRECORDED and part.input is not None]
    why = f"used {', '.join(used)}, which the replay cannot know" if used else "open trades or candles differ"
    return _difference(row, "only_live", why)


def _only_replay(signal: Signal, row: SignalRow | None, incidents: Sequence[IncidentRow]) -> Difference:
    if row is not None:
        why = f"veto: {row.exit_reason or row.status}"
    else:
        near = [one for one in incidents if one.symbol in ("", signal.symbol)
                and abs(one.at_ms - signal.bar_time_ms) <= NEAR_MS]  # fmt: skip
        why = f"incident: {near[0].kind}" if near else "late candle or outage: the desk did not judge this close"
    side = "long" if signal.side > 0 else "short"
    return Difference(signal.id, signal.symbol, signal.strategy, side, signal.bar_time_ms, "only_replay", why)


def _difference(row: SignalRow, what: str, why: str, detail: str = "") -> Difference:
    return Difference(row.signal_id, row.symbol, row.strategy_id, row.side, row.decided_ms, what, why, detail)


def _median(values: Sequence[float]) -> float | None:
    ordered = sorted(values)
    return ordered[len(ordered) // 2] if ordered else None


def row_of(found: Parity) -> dict[str, Any]:
    """As printed."""
    value: dict[str, Any] = msgspec.to_builtins(found)
    return value
