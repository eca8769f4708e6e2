"""The rows of `make bench`: what was measured, its goal, and what it was the last time on this machine.

A bench calls `note` for each figure; run alone it only prints. Under `python -m tests.bench` the rows of all benches
are gathered through a file whose name is in `BENCH_ROWS`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

ROWS = "BENCH_ROWS"
WORSE = 1.15  # beyond this a figure is called worse than the last time


class Figure(msgspec.Struct, frozen=True):
    """One figure; `goal` is a most, or with `at_least` a least. No goal: only told."""

    name: str
    value: float
    unit: str = "x"
    goal: float | None = None
    at_least: bool = False
    detail: str = ""

    @property
    def met(self) -> bool | None:
        if self.goal is None:
            return None
        return self.value >= self.goal if self.at_least else self.value <= self.goal

    def worse_than(self, before: float) -> bool:
        """Whether it got worse by more than runs differ."""
        if before <= 0 or self.value <= 0:
            return False
        return (before / self.value if self.at_least else self.value / before) > WORSE


class Run(msgspec.Struct, frozen=True):
    """One run of all benches."""

    at: str
    commit: str
    machine: str
    figures: tuple[Figure, ...]


def note(
    name: str, value: float, *, unit: str = "x", goal: float | None = None, at_least: bool = False, detail: str = ""
) -> Figure:
    """Print a figure, and hand it to whoever gathers them."""
    figure = Figure(name, round(value, 4), unit, goal, at_least, detail)
    print(line(figure), flush=True)
    if file := os.environ.get(ROWS):
        with open(file, "ab") as rows:
            rows.write(msgspec.json.encode(figure) + b"\n")
    return figure


def line(figure: Figure, before: Mapping[str, float] | None = None) -> str:
    """One row of the table."""
    sign = ">=" if figure.at_least else "<="
    goal = f"{sign} {figure.goal:g}" if figure.goal is not None else ""
    verdict = {True: "met", False: "MISSED", None: ""}[figure.met]
    was = (before or {}).get(figure.name)
    change = "" if was is None else f"was {was:g}" + ("  WORSE" if figure.worse_than(was) else "")
    return (
        f"{figure.name:<52} {figure.value:>9.3g}{figure.unit:<3} {goal:>10}  {verdict:<6}  {change:<16} {figure.detail}"
    )


def read_rows(file: Path) -> list[Figure]:
    """What was noted so far."""
    if not file.exists():
        return []
    return [msgspec.json.decode(row, type=Figure) for row in file.read_bytes().splitlines()]


def read_history(file: Path, machine: str) -> list[Run]:
    """Earlier runs on this machine, oldest first; lines that cannot be read are of no use and left out."""
    if not file.exists():
        return []
    found = []
    for row in file.read_bytes().splitlines():
        try:
            run = msgspec.json.decode(row, type=Run)
        except msgspec.MsgspecError:
            continue
        if run.machine == machine:
            found.append(run)
    return found


def table(figures: Iterable[Figure], before: Mapping[str, float]) -> str:
    """All rows, with what they were the last time."""
    return "\n".join(line(figure, before) for figure in figures)
