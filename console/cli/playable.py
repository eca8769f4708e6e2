"""What the embedded exchange can play, asked before anything starts."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

import click


def refuse_unknown(symbols: Sequence[str] | None, scenario: str | None) -> None:
    """Raises click.UsageError for a scenario or a symbol the embedded exchange does not know; nothing given is fine."""
    if scenario:
        from engine.sim.scenarios import SCENARIOS

        if scenario not in SCENARIOS:
            raise click.UsageError(f"unknown scenario {scenario!r}; perpdeck sim scenarios lists them")
    if not symbols or tuple(symbols) == ("ALL",):
        return
    from engine.sim.symbols import listed_symbols

    listed = listed_symbols()
    unknown = [name for name in symbols if name not in listed]
    if unknown:
        near = difflib.get_close_matches(unknown[0], listed, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise click.UsageError(f"unknown symbol {', '.join(unknown)}{hint}")
