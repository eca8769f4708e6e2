"""What a screen needs of the settings, read without the rest.

Attaching to a running desk must not wait until the analysis is imported, and a mistake elsewhere in the settings must
not keep anybody from the desk.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from config.layers import layers_of
from config.secrets import dotenv_table
from config.source import ConfigError
from config.validate import build


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A block of settings; unknown keys are refused."""


class ConsoleSettings(Section, frozen=True):
    theme: Literal["classic", "blue-orange", "mono"] = "classic"
    red_up: bool = False
    ascii: bool = False
    link: Literal["auto", "fast", "slow"] = "auto"
    bell: bool = True
    keys: dict[str, str] = {}  # action id -> key


class _Seat(Section, frozen=True):
    console: ConsoleSettings = ConsoleSettings()


def load_console(
    *,
    home: Path,
    files: tuple[Path, ...] = (),
    profile: str | None = None,
    environment: Mapping[str, str] | None = None,
    flags: Mapping[str, Any] | None = None,
    working_dir: Path | None = None,
) -> ConsoleSettings:
    """The `console` block of what `load` reads, from the same sources; raises ConfigError for what is wrong in it."""
    dotenv = dotenv_table(tuple(folder for folder in (working_dir, home) if folder is not None))
    layers = layers_of(home, files, profile, {**dotenv, **(environment or {})}, flags or {}, defaults=False)
    ours = tuple(
        {key: placed for key, placed in layer.leaves.items() if key == "console" or key.startswith("console.")}
        for layer in layers
    )
    problems = [problem for layer in layers for problem in layer.problems]
    seat, found = build(_Seat, {key: placed for leaves in ours for key, placed in leaves.items()}, ours)
    if seat is None or problems:
        raise ConfigError((*problems, *found))
    return seat.console
