"""Durations as people type them: 90, 90s, 30m, 4h, 2d."""

from __future__ import annotations

import re

import click

_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_SHAPE = re.compile(r"^(\d+(?:\.\d+)?)([smhd]?)$")


class Duration(click.ParamType[float]):
    """A length of time, in seconds."""

    name = "duration"

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, int | float):
            return float(value)
        found = _SHAPE.match(value.strip().lower())
        if found is None or float(found[1]) <= 0:
            self.fail(f"{value!r} is not a duration such as 90s, 30m, 4h or 2d", param, ctx)
        return float(found[1]) * _UNITS[found[2]]
