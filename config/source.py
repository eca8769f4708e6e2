"""Where settings come from, each value with its place: files, the environment, flags.

A source is read into a flat table `dotted.key -> Placed(value, file, line, column)`; files by `config.document`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ENV_PREFIX = "PERPDECK__"


@dataclass(frozen=True)
class Problem:
    """One thing wrong in the settings, at the place where it is to be mended."""

    file: str
    line: int
    column: int
    key: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return "  ".join(part for part in (place, self.key, self.message) if part)


class ConfigError(Exception):
    """All problems of the settings at once, so that one pass mends them."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


@dataclass(frozen=True)
class Placed:
    """A value and where it was written; line 0 where the source has no lines."""

    value: Any
    file: str
    line: int = 0
    column: int = 0

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass
class Layer:
    """One source: leaves by dotted key, named profiles, and what is wrong with it already."""

    name: str
    leaves: dict[str, Placed] = field(default_factory=dict)
    profiles: dict[str, dict[str, Placed]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def read_environment(environment: Mapping[str, str]) -> Layer:
    """`PERPDECK__RISK__RISK_PCT=0.5` becomes `risk.risk_pct`; values are read as YAML scalars."""
    layer = Layer("environment")
    ours = sorted(name for name in environment if name.startswith(ENV_PREFIX))
    if not ours:
        return layer
    import yaml  # noqa: PLC0415 - hardly anybody sets one, and every screen would wait for it

    for name in ours:
        key = name[len(ENV_PREFIX) :].lower().replace("__", ".")
        try:
            value = yaml.safe_load(environment[name])
        except yaml.YAMLError:
            value = environment[name]
        layer.leaves[key] = Placed(value, name)
    return layer


def read_flags(flags: Mapping[str, Any]) -> Layer:
    """Values given on the command line, by dotted key; None means not given."""
    leaves = {key: Placed(value, "flag") for key, value in flags.items() if value is not None}
    return Layer("flags", leaves)
