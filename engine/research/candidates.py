"""Which closes are worth a look, and what every strategy says to them: screens first, exact evaluation after.

The verdicts of a close depend on the market alone. What is open, cooling down or ruled out by size comes later, so one
evaluation of a history serves every question about exits, costs and portfolios.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.research.features import History, joined, just_closed
from engine.research.narrow import narrowed
from engine.research.own import asked_at
from engine.research.snapshots import BASE, Snapshots
from engine.supervise import Failure
from engine.trading.user_strategies import UserStrategy, asked
from strategies.evaluate import evaluate_one
from strategies.model import BtcContext, Signal, StrategyId
from strategies.regime import STATES
from strategies.registry import STRATEGIES
from strategies.settings import StrategySettings

Mask = NDArray[np.bool_]
ALL: Final = tuple(STRATEGIES)


class Found(msgspec.Struct, frozen=True):
    """The signals of one symbol at one close, before filters and conflicts; `bar` is its 15m index."""

    bar: int
    t_ms: int
    signals: tuple[Signal, ...]
    btc: BtcContext | None


class Scan(msgspec.Struct, frozen=True):
    """All that a history had to say, and how often it was asked and refused."""

    found: tuple[Found, ...]
    asked: int
    refusals: dict[str, int]  # strategy|reason -> count
    failed: dict[str, str] = {}  # strategy of one's own -> its first failure


def window_of(history: History, from_ms: int | None, to_ms: int | None) -> tuple[int, int]:
    """Range of 15m bars that are evaluated; those before serve as warm-up."""
    times = history.frames[BASE].open_time
    start = 0 if from_ms is None else int(np.searchsorted(times, from_ms))
    stop = len(times) if to_ms is None else int(np.searchsorted(times, to_ms))
    return start, max(start, stop)


def masks_of(
    history: History, settings: StrategySettings, names: Iterable[StrategyId], narrow: bool = True
) -> dict[StrategyId, Mask]:
    """For each strategy the 15m bars on whose close it could give a signal; without `narrow`, could say anything."""
    base = history.frames[BASE]
    closes_ms = base.open_time + base.tf_ms
    at_4h = joined(history.frames["4h"], closes_ms)
    states = np.where(at_4h >= 0, history.regimes.code[at_4h], 0) if len(history.frames["4h"]) else at_4h * 0
    masks: dict[StrategyId, Mask] = {}
    for name in names:
        strategy = STRATEGIES[name]
        if not strategy.enabled(settings):
            continue
        frame = history.frames[strategy.tf]
        mask = np.zeros(len(base), dtype=np.bool_)
        if len(frame):
            measured = history.ind[strategy.tf]
            screened = strategy.screen(frame, measured, settings)
            if narrow:
                screened = narrowed(name, frame, measured, settings, screened)
            index, due = just_closed(frame, closes_ms)
            mask = due & screened[index]
        if name is not StrategyId.ACTION_PRICE:  # it refuses by itself, with a reason
            allowed = np.array([state in strategy.regimes for state in STATES])
            mask = mask & allowed[states]
        masks[name] = mask
    return masks


def scan(
    history: History,
    snapshots: Snapshots,
    settings: StrategySettings,
    names: Iterable[StrategyId] = ALL,
    window: tuple[int, int] | None = None,
    narrow: bool = True,
    own: Sequence[UserStrategy] = (),
) -> Scan:
    """Evaluate every candidate of the window; with `narrow` off also those that can only be refused.

    A strategy out of a file that fails at a close has said nothing there, as on the desk; it is counted as `error`.
    """
    files = {one.name: one for one in own}
    masks = {name.value: mask for name, mask in masks_of(history, settings, names, narrow).items()}
    masks |= {name: asked_at(history, one) for name, one in files.items()}
    start, stop = window if window is not None else (0, len(history.frames[BASE]))
    found: list[Found] = []
    refused: Counter[str] = Counter()
    failed: dict[str, str] = {}
    count = 0
    for bar, due in _candidates(masks, start, stop):
        snapshot = snapshots.at(bar)
        signals: list[Signal] = []
        for name in due:
            count += 1
            if name in files:
                verdicts = asked(files[name], snapshot, settings, logged=False)
            else:
                verdicts = evaluate_one(StrategyId(name), snapshot, settings)
            if isinstance(verdicts, Failure):
                refused[f"{name}|error"] += 1
                failed.setdefault(name, f"{history.symbol} {_moment(snapshot.t_ms)}: {verdicts.error}")
                continue
            for verdict in verdicts:
                if isinstance(verdict, Signal):
                    signals.append(verdict)
                else:
                    refused[f"{name}|{verdict.reason}"] += 1
        if signals:
            found.append(Found(bar, snapshot.t_ms, tuple(signals), snapshot.btc))
    return Scan(tuple(found), count, dict(sorted(refused.items())), failed)


def _moment(t_ms: int) -> str:
    return datetime.fromtimestamp(t_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")


def _candidates(masks: Mapping[str, Mask], start: int, stop: int) -> Iterator[tuple[int, list[str]]]:
    if not masks:
        return
    some = np.logical_or.reduce(list(masks.values()))[start:stop]
    for bar in (np.flatnonzero(some) + start).tolist():
        yield bar, [name for name, mask in masks.items() if mask[bar]]
