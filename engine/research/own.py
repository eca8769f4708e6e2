"""Strategies out of the user's own files in the laboratory: named in a job, loaded once by each process that runs it.

They are asked at each close of their timeframe, as on the desk. There is nothing to look ahead with but what a file
keeps between two calls, and `validate lookahead` finds that.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.research.features import History, just_closed
from engine.research.snapshots import BASE
from engine.trading.user_strategies import Param, UserStrategy, UserStrategyFailed, load_user_strategies


class OwnFile(msgspec.Struct, frozen=True):
    """One file, by what stands in it: changed lines are another question, and so are other parameters."""

    name: str
    path: str
    digest: str
    params: tuple[tuple[str, Param], ...] = ()

    def with_param(self, name: str, value: Param) -> OwnFile:
        """The same file with another value of one of its parameters. Raises ValueError for what it does not have."""
        known = dict(self.params)
        if name not in known:
            has = f"it has {', '.join(known)}" if known else "it has none"
            raise ValueError(f"{self.name} has no parameter {name!r}, {has}")
        if not isinstance(value, type(known[name])) and not (type(value) is int and type(known[name]) is float):
            raise ValueError(f"{value!r} is no {type(known[name]).__name__}, as it is in the file")
        return msgspec.structs.replace(self, params=tuple({**known, name: value}.items()))


def own_file(strategy: UserStrategy) -> OwnFile:
    """How a job names a strategy that was loaded. Raises OSError."""
    return OwnFile(strategy.name, strategy.path, _digest(strategy.path), tuple(strategy.params.items()))


def own_strategies(files: Sequence[OwnFile]) -> list[UserStrategy]:
    """The strategies of these files. Raises UserStrategyFailed for one that is gone, broken or changed since."""
    return [_loaded(file) for file in files]


_kept: dict[OwnFile, UserStrategy] = {}


def _loaded(file: OwnFile) -> UserStrategy:
    if file not in _kept:
        found, broken = load_user_strategies([Path(file.path)], logged=False)
        if broken:
            raise broken[0].error
        if _digest(file.path) != file.digest:
            raise UserStrategyFailed(Path(file.path).name, "was changed while it was being measured")
        found[0].params.update(file.params)  # the dict its own code reads, loaded for this question alone
        _kept[file] = found[0]
    return _kept[file]


def _digest(path: str) -> str:
    return sha256(Path(path).read_bytes()).hexdigest()


def asked_at(history: History, strategy: UserStrategy) -> NDArray[np.bool_]:
    """The 15m bars at whose close the strategy is asked about this symbol."""
    base, frame = history.frames[BASE], history.frames[strategy.tf]
    if not len(frame) or (strategy.symbols is not None and history.symbol not in strategy.symbols):
        return np.zeros(len(base), dtype=np.bool_)
    return just_closed(frame, base.open_time + base.tf_ms)[1]
