"""Strategies out of files of the user's own: loaded by name, asked apart from the loop, judged like the others.

Their code is anybody's: what fails is told with the line it failed on, what is slow is not waited for, and neither
reaches the six strategies, Action Price or the desk. Calls run on a thread, one after another.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

from engine.errors import DeskError
from engine.supervise import Failure, attempt
from engine.trading.user_frames import UserSnapshot
from engine.user import Condition as Asked
from engine.user import Proposal, Refused
from strategies.absent import at, reason_of
from strategies.model import (
    TIMEFRAME_MS,
    ComponentScore,
    Condition,
    Family,
    MarketSnapshot,
    Refusal,
    Sign,
    Signal,
    State,
    StrategyId,
    ZoneSet,
)
from strategies.settings import StrategySettings
from strategies.side import signal_id
from strategies.stops import Unplaced, place_stop

Param = bool | int | float | str
CALLED_ON = ("15m", "1h", "4h", "1d")
CALL_S = 0.5
FAILURES_TO_REST = 5
SIGNS: dict[str, Sign] = {"long": 1, "short": -1}


class UserStrategyFailed(DeskError):
    """Code of the user's own went wrong; says where and how."""

    def __init__(self, place: str, what: str) -> None:
        super().__init__(place, what)
        self.place, self.what = place, what

    def __str__(self) -> str:
        return f"{self.place}: {self.what}"


class UserStrategy(msgspec.Struct, frozen=True, eq=False):
    """One loaded file. `symbols` None: all of them. `params` is the dict its code reads."""

    name: str
    tf: str
    path: str
    symbols: frozenset[str] | None
    run: Callable[[Any], Any]
    params: dict[str, Param] = {}

    def due(self, snapshot: MarketSnapshot) -> bool:
        """Whether its timeframe has just closed with a bar for this symbol."""
        bars = snapshot.bars.get(self.tf)
        mine = self.symbols is None or snapshot.symbol in self.symbols
        return mine and bars is not None and len(bars) > 0 and bars.last_close_ms == snapshot.t_ms


# -- loading ---------------------------------------------------------------------------------------------------------


def load_user_strategies(paths: Iterable[Path], logged: bool = True) -> tuple[list[UserStrategy], list[Failure]]:
    """Strategies of these files in order, and what is wrong with the files that give none."""
    loaded: list[UserStrategy] = []
    broken: list[Failure] = []
    for path in paths:
        work = partial(_load, path, {one.name for one in loaded})
        answer = attempt(f"user strategy {path.name}", work, logged)
        if isinstance(answer, Failure):
            broken.append(_told(answer, str(path)))
        else:
            loaded.append(answer)
    return loaded, broken


def _load(path: Path, taken: set[str]) -> UserStrategy:
    spec = spec_from_file_location(f"user_strategy_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise UserStrategyFailed(path.name, "not a Python file")
    module = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except SystemExit as error:
        raise UserStrategyFailed(_place(error, str(path)), "leaves the program") from error
    return _described(module, path, taken)


def _described(module: ModuleType, path: Path, taken: set[str]) -> UserStrategy:
    name, tf = getattr(module, "NAME", None), getattr(module, "TIMEFRAME", "15m")
    symbols, run = getattr(module, "SYMBOLS", None), getattr(module, "evaluate", None)
    params = getattr(module, "PARAMS", {})

    def wrong(what: str) -> UserStrategyFailed:
        return UserStrategyFailed(path.name, what)

    if not isinstance(name, str) or not name.isidentifier() or name != name.lower() or len(name) > 32:
        raise wrong("NAME must be a lower-case word of at most 32 letters, digits and underscores")
    if name in taken or name in set(StrategyId):
        raise wrong(f"NAME {name} is taken")
    if tf not in CALLED_ON:
        raise wrong(f"TIMEFRAME must be one of {', '.join(CALLED_ON)}")
    if symbols is not None and (isinstance(symbols, str) or not all(isinstance(one, str) for one in symbols)):
        raise wrong("SYMBOLS must be a list of symbols")
    if not isinstance(params, dict) or not all(
        isinstance(key, str) and key.isidentifier() and isinstance(value, Param) for key, value in params.items()
    ):
        raise wrong("PARAMS must be a dict of words to numbers, texts or truths")
    if not callable(run):
        raise wrong("evaluate(snapshot) is missing")
    return UserStrategy(name, tf, str(path), None if symbols is None else frozenset(symbols), run, params)


# -- asking ----------------------------------------------------------------------------------------------------------


@dataclass
class _Standing:
    """How a strategy does at the present close."""

    close_ms: int = 0
    in_a_row: int = 0  # failures
    running: asyncio.Future[Any] | None = None


class UserStrategies:
    """Asks the user's strategies. One that keeps failing, or hangs, is left out until the next close."""

    def __init__(
        self, strategies: Sequence[UserStrategy] = (), executor: Executor | None = None, call_s: float = CALL_S
    ) -> None:
        self._strategies = tuple(strategies)
        self._executor = executor
        self._call_s = call_s
        self._standing = {one.name: _Standing() for one in self._strategies}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(one.name for one in self._strategies)

    def due(self, snapshot: MarketSnapshot) -> tuple[UserStrategy, ...]:
        """Those to be asked about this symbol at this close."""
        return tuple(one for one in self._strategies if one.due(snapshot) and not self._resting(one, snapshot.t_ms))

    async def ask(
        self, strategy: UserStrategy, snapshot: MarketSnapshot, settings: StrategySettings
    ) -> tuple[Signal | Refusal, ...] | Failure:
        """The verdict of one strategy, or why there is none."""
        standing, name = self._standing[strategy.name], f"{strategy.name} on {snapshot.symbol}"
        work = partial(asked, strategy, snapshot, settings)
        standing.running = asyncio.get_running_loop().run_in_executor(self._executor, work)
        done, _ = await asyncio.wait((standing.running,), timeout=self._call_s)
        if not done:
            slow = UserStrategyFailed(Path(strategy.path).name, f"no answer within {self._call_s:g} s")
            return Failure(name, slow)
        answer: tuple[Signal | Refusal, ...] | Failure = standing.running.result()
        if isinstance(answer, Failure):
            standing.in_a_row += 1
            return answer
        standing.in_a_row = 0
        return answer

    def _resting(self, strategy: UserStrategy, close_ms: int) -> bool:
        standing = self._standing[strategy.name]
        if standing.running is not None and not standing.running.done():
            return True
        if standing.close_ms != close_ms:
            standing.close_ms, standing.in_a_row = close_ms, 0
        return standing.in_a_row >= FAILURES_TO_REST


def asked(
    strategy: UserStrategy, snapshot: MarketSnapshot, settings: StrategySettings, logged: bool = True
) -> tuple[Signal | Refusal, ...] | Failure:
    """The verdict of the user's function, or the failure with its place in the file."""
    name = f"{strategy.name} on {snapshot.symbol}"
    answer = attempt(name, partial(judge, strategy, snapshot, settings), logged)
    return _told(answer, strategy.path) if isinstance(answer, Failure) else answer


def judge(strategy: UserStrategy, snapshot: MarketSnapshot, settings: StrategySettings) -> tuple[Signal | Refusal, ...]:
    """What the user's function says, in the desk's words. Raises UserStrategyFailed for an answer that is none."""
    try:
        answer = strategy.run(UserSnapshot(snapshot))
    except SystemExit as error:
        raise UserStrategyFailed(_place(error, strategy.path), "leaves the program") from error
    if answer is None:
        return ()
    if not isinstance(answer, Proposal | Refused):
        what = f"evaluate answered {type(answer).__name__}, not a Proposal, Refused or None"
        raise UserStrategyFailed(Path(strategy.path).name, what)
    # The types of the answer are checked here, because a user's file is not: a price that is a text stops here.
    checked = msgspec.convert(msgspec.to_builtins(answer), type(answer))
    if isinstance(checked, Refused):
        conditions = _conditions(checked.conditions)
        return (_refusal(strategy, snapshot, checked, f"own:{checked.reason}", checked.reason, conditions),)
    return (_proposed(strategy, snapshot, checked, settings),)


def _proposed(
    strategy: UserStrategy, snapshot: MarketSnapshot, proposal: Proposal, settings: StrategySettings
) -> Signal | Refusal:
    side, tf = SIGNS[proposal.side], strategy.tf
    candles, conditions = snapshot.bars[tf], _conditions(proposal.conditions)
    close, atr = float(candles.close[-1]), at(snapshot.ind[tf].atr, len(candles) - 1)
    failed = next((condition for condition in conditions if condition.state is not State.PASSED), None)
    if failed is not None:
        detail = f"{failed.name} does not hold, {failed.need or 'it'} needed"
        return _refusal(strategy, snapshot, proposal, reason_of(failed), detail, conditions)
    if atr is None:
        return _refusal(strategy, snapshot, proposal, "absent:atr", "ATR is absent", conditions)
    nothing = ZoneSet(snapshot.symbol, snapshot.t_ms, "none", ())
    placed = place_stop(
        close, side, proposal.stop, nothing, atr, tf=tf, spread=snapshot.spread, params=settings.judge.stops
    )
    if isinstance(placed, Unplaced):
        return _refusal(strategy, snapshot, proposal, placed.reason, placed.detail, conditions)
    return Signal(
        id=_id(strategy, snapshot, side), symbol=snapshot.symbol, side=side, strategy=strategy.name,
        variant=proposal.kind, family=Family(proposal.kind), timeframe=tf, bar_time_ms=candles.last_close_ms,
        ref_close=close, stop=placed.price, stop_source="structural", tp_r=proposal.targets_r, tp2_price=None, atr=atr,
        regime=snapshot.regime, score=proposal.score,
        components=(ComponentScore("base", proposal.score, proposal.score, "its own"),), modifiers=(),
        conditions=conditions, evidence=dict(proposal.notes),
    )  # fmt: skip


def _refusal(
    strategy: UserStrategy, snapshot: MarketSnapshot, answer: Proposal | Refused, reason: str, detail: str,
    conditions: tuple[Condition, ...],
) -> Refusal:  # fmt: skip
    side, candles = SIGNS[answer.side], snapshot.bars[strategy.tf]
    return Refusal(
        id=_id(strategy, snapshot, side), symbol=snapshot.symbol, side=side, strategy=strategy.name, variant="own",
        timeframe=strategy.tf, bar_time_ms=candles.last_close_ms, reason=reason, detail=detail, score=answer.score,
        conditions=conditions, ref_close=float(candles.close[-1]),
        stop=answer.stop if isinstance(answer, Proposal) else None, evidence=dict(answer.notes),
    )  # fmt: skip


def _conditions(asked: tuple[Asked, ...]) -> tuple[Condition, ...]:
    states = {None: State.ABSENT, True: State.PASSED, False: State.FAILED}
    return tuple(Condition(one.name, states[one.holds], one.value, one.need) for one in asked)


def _id(strategy: UserStrategy, snapshot: MarketSnapshot, side: Sign) -> str:
    opened = snapshot.bars[strategy.tf].last_close_ms - TIMEFRAME_MS[strategy.tf]
    return signal_id(strategy.name, snapshot.symbol, strategy.tf, side, opened)


# -- telling ---------------------------------------------------------------------------------------------------------


def _told(failure: Failure, path: str) -> Failure:
    """The failure with the line of the user's file it happened on."""
    error = failure.error
    if isinstance(error, UserStrategyFailed):
        return failure
    return Failure(failure.name, UserStrategyFailed(_place(error, path), f"{type(error).__name__}: {error}"))


def _place(error: BaseException, path: str) -> str:
    """`file:line` of the innermost frame in the user's file, or of the syntax error that kept it from loading."""
    line = error.lineno if isinstance(error, SyntaxError) else None
    frames = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
    line = frames[-1] if frames else line
    return f"{Path(path).name}:{line}" if line else Path(path).name
