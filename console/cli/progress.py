"""How far long work has come, on stderr: a bar with rate and time left on a terminal, else a line every few seconds."""

from __future__ import annotations

import sys

import click

from engine.clock import SystemClock

_WIDTH = 28
_LINE_EVERY_MS = 5000.0
_DRAW_EVERY_MS = 100.0


class Progress:
    """Counts steps; `unit` names what a step's weight is counted in."""

    def __init__(self, total: int, unit: str, *, quiet: bool = False) -> None:
        self._total, self._unit, self._quiet = max(1, total), unit, quiet
        self._tty = sys.stderr.isatty()
        self._clock = SystemClock()
        self._started = self._told = self._clock.mono_ms()
        self._done, self._weight = 0, 0

    @property
    def elapsed_s(self) -> float:
        return (self._clock.mono_ms() - self._started) / 1000

    def step(self, weight: int = 1) -> None:
        """One of the steps is done."""
        self._done += 1
        self._weight += weight
        now = self._clock.mono_ms()
        due = now - self._told >= (_DRAW_EVERY_MS if self._tty else _LINE_EVERY_MS)
        if self._quiet or not (due or (self._tty and self._done == self._total)):
            return
        self._told = now
        if self._tty:
            filled = _WIDTH * self._done // self._total
            click.echo(f"\r{'#' * filled}{'.' * (_WIDTH - filled)} {self._text()}\x1b[K", err=True, nl=False)
        else:
            click.echo(self._text(), err=True)

    def finish(self) -> None:
        """Leave the line of the bar."""
        if self._tty and not self._quiet and self._done:
            click.echo("", err=True)

    def _text(self) -> str:
        elapsed = max(1e-9, self.elapsed_s)
        left = elapsed / self._done * (self._total - self._done)
        return f"{self._done}/{self._total}  {self._weight / elapsed:,.0f} {self._unit}/s  {left:.0f} s left"
