"""From verdicts to trades on one symbol: filters, conflicts, the entry at the next open, the walk, block and cooldown.

A signal blocks its strategy on the symbol until the bar in which its trade ended has closed (ruling 5). One that is
rejected before its fill starts nothing (ruling 4). Each strategy trades for itself; what a portfolio would have
allowed is asked afterwards.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

import msgspec

from config.schema import ApprovalSettings, ExitSettings, RiskSettings
from engine.money import Side, decimal
from engine.research.candidates import Found
from engine.research.features import History
from engine.research.prices import PricePath
from engine.research.trades import Trade
from engine.research.walk import Fees, Outcome, Terms, follow, on_tick
from engine.trading.booking import cooldown_bars
from engine.trading.geometry import drift_refusal, geometry_refusals
from engine.trading.plan import ExitPlan, exit_plan_of
from engine.trading.tiers import second_target_r
from strategies.evaluate import settle
from strategies.filters import Blocks, Cooldown, cooldown_after_signal
from strategies.model import (
    TIMEFRAME_MS,
    Filters,
    MarketSnapshot,
    Regime,
    RegimeState,
    Sign,
    Signal,
    StrategyId,
    ZoneSet,
)
from strategies.settings import StrategySettings

APPROVAL: Final = ApprovalSettings()
_NOWHERE: Final = Regime(RegimeState.UNDECIDED, 0, 0.0)


class Rules(msgspec.Struct, frozen=True):
    """What a replay needs to know beside the market."""

    settings: StrategySettings
    exits: ExitSettings
    risk: RiskSettings
    fees: Fees


class Replayed(msgspec.Struct, frozen=True):
    """The trades of one symbol in the order of entry, and why signals did not become one."""

    trades: tuple[Trade, ...]
    rejected: dict[str, int]


class _NoZones:
    """Filters and conflicts never ask for zones."""

    def zones(self) -> ZoneSet:
        return ZoneSet("", 0, "", ())


class _Memory:
    """Open trades and rests of one symbol."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._until: dict[str, int] = {}
        self._rests: dict[tuple[str, int], Cooldown] = {}

    def blocks(self, t_ms: int) -> Blocks:
        """What stands against a signal at a close."""
        busy = frozenset(strategy for strategy, until in self._until.items() if t_ms < until)
        return Blocks(busy, tuple(self._rests.values()))

    def traded(self, signal: Signal, trade: Trade) -> None:
        """A trade was entered; when it will have ended is known here already, but not before its time."""
        self._until[signal.strategy] = trade.exit_close_ms
        if signal.strategy == StrategyId.ACTION_PRICE:
            rest = cooldown_after_signal(signal, self._rules.settings.action_price.cooldown_bars)
        else:
            until = trade.exit_close_ms + cooldown_bars(trade.reason) * TIMEFRAME_MS[signal.timeframe]
            rest = Cooldown(signal.strategy, signal.side, until, "a stop-out" if trade.reason == "stop" else "an exit")
        self._rests[signal.strategy, signal.side] = rest


def replay(
    history: History, path: PricePath, found: Sequence[Found], rules: Rules, funding: Sequence[tuple[int, float]] = ()
) -> Replayed:
    """Walk the signals of a symbol in the order of time."""
    memory = _Memory(rules)
    trades: list[Trade] = []
    rejected: Counter[str] = Counter()
    for at in found:
        snapshot = MarketSnapshot(
            symbol=history.symbol, t_ms=at.t_ms, bars={}, ind={}, regime=_NOWHERE, source=_NoZones(),
            filters=Filters(history.tick), btc=at.btc,
        )  # fmt: skip
        settled = settle(at.signals, snapshot, rules.settings, memory.blocks(at.t_ms))
        rejected.update(f"{refusal.strategy}|{refusal.reason}" for refusal in settled.refusals)
        for signal in settled.signals:
            entered = enter(signal, path, rules, funding, history.tick)
            if isinstance(entered, str):
                rejected[f"{signal.strategy}|{entered}"] += 1
            else:
                memory.traded(signal, entered)
                trades.append(entered)
    return Replayed(tuple(trades), dict(sorted(rejected.items())))


def enter(
    signal: Signal, path: PricePath, rules: Rules, funding: Sequence[tuple[int, float]] = (), tick: float = 0.0
) -> Trade | str:
    """The trade of one signal, entered at the next open; the reason when its shape does not hold there."""
    first = path.starting_at(signal.bar_time_ms)
    if first is None:
        return "expired:no_bar"  # a hole: the signal has run out before there is a price
    side, fees = signal.side, rules.fees
    entry = path.open[first] * (1 + side * fees.slippage)
    stop = rounded(signal.stop, side, tick)
    exact, exact_stop = decimal(entry), decimal(stop)
    cost_r = 2 * fees.taker * entry / abs(entry - stop) if entry != stop else 0.0
    refusals = geometry_refusals(signal, exact, exact_stop, 0.0, cost_r, rules.risk)
    drift = drift_refusal(signal, exact, exact_stop, None, APPROVAL)
    if refusals or drift is not None:
        return f"guard:{(drift or refusals[0]).name}"
    exits = exit_plan_of(signal, rules.exits)
    terms = terms_of(side, entry, stop, exits, tick)
    outcome = follow(path, first, terms, fees, funding)
    return _trade(signal, path.open_ms[first], terms, outcome)


def terms_of(side: Sign, entry: float, stop: float, exits: ExitPlan, tick: float = 0.0) -> Terms:
    """Targets and shares of a trade whose quantity can be divided freely (section 9.3 of the rules)."""
    r0 = side * (entry - stop)
    tp1 = rounded(entry + side * exits.tp1_r * r0, side, tick)
    second = second_target_r(decimal(entry), decimal(stop), exits, Side(side))
    tp2: float | None = None
    if second is not None:
        at_level = exits.tp2_price is not None and second != exits.tp2_r
        raw = exits.tp2_price if at_level and exits.tp2_price is not None else entry + side * second * r0
        tp2 = rounded(raw, side, tick)
        tp2 = tp2 if side * (tp2 - tp1) > 0 else None
    share2 = exits.tp2_share if tp2 is not None else 0.0
    shares = (exits.tp1_share, share2, 1.0 - exits.tp1_share - share2)
    return Terms(side, entry, stop, tp1, tp2, shares, exits, tick)


def rounded(price: float, side: int, tick: float) -> float:
    """A stop away from the entry, a target toward it: down for a long, up for a short; as it is without a tick."""
    if tick <= 0:
        return price
    steps = price / tick
    nearest = round(steps)
    if abs(steps - nearest) < 1e-6:
        return on_tick(nearest, tick)
    return on_tick(int(steps) if side > 0 else int(steps) + 1, tick)


def _trade(signal: Signal, entry_ms: int, terms: Terms, outcome: Outcome) -> Trade:
    bar_ms = TIMEFRAME_MS[signal.timeframe]
    return Trade(
        symbol=signal.symbol, strategy=signal.strategy, variant=signal.variant, side=signal.side,
        signal_ms=signal.bar_time_ms, entry_ms=entry_ms, exit_ms=outcome.exit_ms, entry=terms.entry, stop=terms.stop,
        exit=outcome.exit, r_net=outcome.net_r, r_gross=outcome.gross_r, costs_r=outcome.costs_r,
        funding_r=outcome.funding_r, reason=outcome.reason, score=signal.score,
        mode=signal.mode.value if signal.mode is not None else "", regime=signal.regime.state.value, atr=signal.atr,
        mfe_r=outcome.mfe_r, mae_r=outcome.mae_r, tp1_ms=outcome.tp1_ms, tp2_ms=outcome.tp2_ms,
        exit_close_ms=(outcome.exit_ms // bar_ms + 1) * bar_ms, timeframe=signal.timeframe, exits=terms.exits,
        flags=signal.flags,
        points=tuple((component.name, component.points) for component in (*signal.components, *signal.modifiers)),
    )  # fmt: skip
