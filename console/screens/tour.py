"""Six steps from the first waiting signal to a position under protection; one Esc ends it. It never holds a key.

It holds the clock, once: at twenty times the pace of a market the first signal would be gone before it is read.
"""

from __future__ import annotations

import msgspec

from console import render
from console.keymap import Keymap
from console.look import Look
from console.panes.canvas import Canvas
from console.rows import Row, fit, spread, wrap
from console.screens.place import TOUR_HEIGHT

FAST = 1.5  # times the pace of a market


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What the desk looks like, as far as the tour cares."""

    waiting: bool = False
    at_why: bool = False
    ticket_open: bool = False
    positions: int = 0  # opened since the tour began
    protected: bool = False
    tier_taken: bool = False
    helped: bool = False
    speed: float = 1.0


_STEPS = (
    (
        "A signal waits",
        "Signals come at the close of a bar; {faster} brings it nearer. What waits is pinned on top of Signals with a "
        "countdown: at its end the answer is no. {explain} shows why it is there.{pace}",
    ),
    (
        "Why",
        "Every component with its raw input and its points; the sum is the score. Below: what would flip it, the plan, "
        "and a ticket on the live book. {approve} opens it. A price that has moved too far is refused; {hold} holds "
        "the clock.",
    ),
    (
        "The ticket",
        "Size, fill, costs, liquidation and the worst case, live. `moved` is how far the price has gone since the "
        "signal, and how far it may. Enter approves, Esc leaves. Keys typed before the box appeared were thrown away.",
    ),
    (
        "Approved",
        "The entry goes to market; on its first fill a stop is placed on the exchange. Until it rests the top line "
        "says NAKED with a clock; in Positions `rests ✓` says it does.",
    ),
    (
        "Protected, in three tiers",
        "30 % at the first target, 40 % at the second, the rest trails; after the first the stop goes to break-even. "
        "{faster} makes the demo faster, {hold} holds it.{held}",
    ),
    (
        "Everything else",
        "{help} shows the keys of the place you are in, {palette} finds any action by name, {pause} stops new "
        "entries, {kill} halts. {quit} leaves the screen; the engine goes on.",
    ),
)


def advance(step: int, seen: Seen) -> int:
    """The step to show now; it goes on when what the present one asks for has happened, and never back."""
    done = (
        seen.waiting and (seen.at_why or seen.ticket_open or seen.positions > 0),
        seen.ticket_open or seen.positions > 0,
        not seen.ticket_open and seen.positions > 0,
        seen.protected,
        seen.tier_taken or seen.helped,
    )
    while step < len(done) and done[step]:
        step += 1
    return step


def pace_text(speed: float, hold: str) -> str:
    """What a clock that runs fast does to somebody who reads: the price does not wait."""
    if speed == 0:
        return f" The clock is held while you read; {hold} lets it go on."
    if speed <= FAST:
        return ""
    quarter = render.span(900_000 / speed)
    return (
        f" At {render.pace(speed)} 15 minutes pass in {quarter}: decide soon, or {hold} holds the clock while you read."
    )


class TourBox(Canvas):
    """The box with the present step, over the lower edge of the desk."""

    def __init__(self, look: Look, keymap: Keymap, *, id: str) -> None:
        super().__init__(look, id=id)
        self._keymap = keymap
        self.step = 0
        self._speed = 1.0
        self._held = False

    def holds(self, seen: Seen) -> bool:
        """Whether the clock is to be held now: once, when the first signal waits and time runs fast."""
        if self._held or self.step > 0 or not seen.waiting or seen.speed <= FAST:
            return False
        self._held = True
        return True

    def lets_go(self, speed: float) -> bool:
        """Whether the end of the tour ends its hold."""
        return self._held and speed == 0

    def paint(self, seen: Seen) -> None:
        self.step = advance(self.step, seen)
        self._speed = seen.speed
        self.draw(self._picture(self.size.width))

    def skip(self) -> bool:
        """On to the next step; False after the last."""
        self.step += 1
        if self.step < len(_STEPS):
            return True
        self.step = len(_STEPS) - 1
        return False

    def _picture(self, width: int) -> list[Row]:
        title, text = _STEPS[self.step]
        ids = ("down", "up", "explain", "approve", "faster", "hold", "help", "palette", "pause", "kill", "quit")
        names = {name: self._keymap.key_of(name) for name in ids}
        held = f" It is held: {names['hold']} lets it go on." if self._speed == 0 else ""
        text = text.format(**names, pace=pace_text(self._speed, names["hold"]), held=held)
        inner = max(width - 4, 1)
        head = spread(
            ((f" {self.step + 1} of {len(_STEPS)}  {title} ", "title"),),
            ((" Esc ends the tour, n goes on ", "muted"),),
            max(width - 2, 0),
            "─",
            "accent",
        )
        body = [(("│ ", "accent"), *fit(row, inner), (" │", "accent")) for row in wrap(text, inner)[: TOUR_HEIGHT - 2]]
        body += [(("│ ", "accent"), *fit((), inner), (" │", "accent"))] * (TOUR_HEIGHT - 2 - len(body))
        foot = (("╰" + "─" * max(width - 2, 0) + "╯", "accent"),)
        return [(("╭", "accent"), *head, ("╮", "accent")), *body, foot]
