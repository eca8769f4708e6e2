"""Which parameters are tried: every combination of a grid, or some of them drawn at random.

A grid file is a mapping with `parameters` (setting -> values), and optionally `random` (how many to draw) and `seed`.
Beside settings, `own.STRATEGY.PARAMETER` is a parameter of a strategy out of a file.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import msgspec
import numpy as np

from engine.research.backtest import Job

Cell = dict[str, Any]
BLOCKS = {"strategies": "settings", "exits": "exits", "risk": "risk"}


class GridFault(Exception):
    """A grid that cannot be tried; says what is wrong."""


class Grid(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """As read from a file."""

    parameters: dict[str, list[Any]]
    random: int = 0
    seed: int = 7


def grid_of(value: Any) -> Grid:
    """A grid from a decoded file. Raises GridFault."""
    try:
        grid = msgspec.convert(value, Grid)
    except msgspec.ValidationError as error:
        raise GridFault(str(error)) from error
    if not grid.parameters or not all(grid.parameters.values()):
        raise GridFault("parameters: at least one setting with at least one value is needed")
    return grid


def cells_of(grid: Grid) -> list[Cell]:
    """The combinations, in the order of the file; drawn ones without repetition."""
    names = list(grid.parameters)
    every = [dict(zip(names, values, strict=True)) for values in itertools.product(*grid.parameters.values())]
    if not grid.random or grid.random >= len(every):
        return every
    picks = np.random.default_rng(grid.seed).choice(len(every), grid.random, replace=False)
    return [every[int(pick)] for pick in sorted(picks)]


def applied(job: Job, cell: Mapping[str, Any]) -> Job:
    """The job with some settings changed, by the names of the configuration. Raises GridFault."""
    for key, value in cell.items():
        block, _, rest = key.partition(".")
        if block == "own":
            job = _own(job, rest, value, key)
            continue
        if block not in BLOCKS or not rest:
            raise GridFault(f"{key}: settings of {', '.join(BLOCKS)} can be tried, and own.STRATEGY.PARAMETER")
        field = BLOCKS[block]
        job = msgspec.structs.replace(job, **{field: _with(getattr(job, field), rest.split("."), value, key)})
    return job


def _own(job: Job, rest: str, value: Any, key: str) -> Job:
    name, _, param = rest.partition(".")
    if name not in {file.name for file in job.own}:
        asked = ", ".join(file.name for file in job.own) or "none"
        raise GridFault(f"{key}: {name!r} is not among the strategies of your own that are asked ({asked})")
    try:
        own = tuple(file.with_param(param, value) if file.name == name else file for file in job.own)
    except ValueError as error:
        raise GridFault(f"{key}: {error}") from error
    return msgspec.structs.replace(job, own=own)


def cell_id(job: Job, cell: Mapping[str, Any]) -> str:
    """The same for the same question, whoever asks it and wherever the files lie."""
    own = tuple(msgspec.structs.replace(file, path="") for file in job.own)
    funding = "recorded" if job.funding_file else ""
    asked = msgspec.structs.replace(job, folder="", funding_file=funding, own=own)
    text = msgspec.json.encode([msgspec.to_builtins(asked), dict(cell)], order="deterministic")
    return sha256(text).hexdigest()[:16]


def _with(block: msgspec.Struct, names: list[str], value: Any, key: str) -> msgspec.Struct:
    name, rest = names[0], names[1:]
    if name not in block.__struct_fields__:
        raise GridFault(f"{key}: there is no such setting")
    if rest:
        inner = getattr(block, name)
        if not isinstance(inner, msgspec.Struct):
            raise GridFault(f"{key}: there is no such setting")
        return msgspec.structs.replace(block, **{name: _with(inner, rest, value, key)})
    plain = msgspec.to_builtins(block)
    plain[name] = value
    try:
        return msgspec.convert(plain, type(block))
    except msgspec.ValidationError as error:
        raise GridFault(f"{key}: {error}") from error
