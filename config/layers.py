"""Which sources there are and which of them wins: bundled file < files < profile < environment < flags."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from config.source import Layer, Problem, read_environment, read_flags

DEFAULT_NAME = "default.yaml"


def default_text() -> str:
    """The bundled file with every key, its default and a comment."""
    return resources.files("config").joinpath(DEFAULT_NAME).read_text(encoding="utf-8")


def layers_of(
    home: Path,
    files: tuple[Path, ...],
    profile: str | None,
    environment: Mapping[str, str],
    flags: Mapping[str, Any],
    *,
    defaults: bool = True,
) -> list[Layer]:
    """Every source of one run, the weakest first; the bundled file among them unless `defaults` is off.

    Without `files`, `settings.yaml` in `home` is read where there is one.
    """
    own = home / "settings.yaml"
    paths = files or ((own,) if own.is_file() else ())
    layers = list[Layer]()
    if paths or defaults:
        from config.document import read_yaml, read_yaml_file  # noqa: PLC0415 - a screen seldom has any to read

        layers = [read_yaml_file(path) for path in paths]
    if profile is not None:
        layers.append(_profile(profile, layers))
    if defaults:
        layers.insert(0, read_yaml(default_text(), DEFAULT_NAME))
    return [*layers, read_environment(environment), read_flags(flags)]


def _profile(name: str, layers: list[Layer]) -> Layer:
    chosen = Layer(f"profile {name}")
    for layer in layers:
        chosen.leaves.update(layer.profiles.get(name, {}))
    known = sorted({profile for layer in layers for profile in layer.profiles})
    if name not in known:
        hint = f"; known: {', '.join(known)}" if known else "; no file defines profiles"
        chosen.problems.append(Problem("--profile", 0, 0, name, f"unknown profile{hint}"))
    return chosen
