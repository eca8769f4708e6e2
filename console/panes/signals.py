"""The queue: waiting signals pinned on top with a countdown, then what became of the others and why."""

from __future__ import annotations

from console import render
from console.panes.pane import Frame, Pane, Picture, empty
from console.rows import Row, fit, left, right
from engine.port.views import SignalRow, SignalsView

_STATE_ROLE = {"approved": "good", "closed": "muted", "rejected": "muted", "expired": "muted", "refused": "warn"}


def waiting(row: SignalRow, now_ms: int) -> bool:
    """Whether a person can still decide it; expiry always means no."""
    return row.state == "pending" and not row.snoozed and row.expires_ms > now_ms


def ordered(view: SignalsView, now_ms: int, pattern: str = "") -> list[SignalRow]:
    """Waiting ones first, each part newest first; `pattern` narrows by symbol, strategy or state."""
    rows = [row for row in view.rows if not row.snoozed and matches(row, pattern)]
    return sorted(rows, key=lambda row: (not waiting(row, now_ms), -row.at_ms, row.symbol, row.id))


def matches(row: SignalRow, pattern: str) -> bool:
    text = f"{row.symbol} {row.side} {row.strategy} {render.STRATEGY_SHORT.get(row.strategy, '')} {row.state}"
    return all(word in text.lower() for word in pattern.lower().split())


def line(row: SignalRow, frame: Frame, symbol_width: int, *, chosen: bool) -> Row:
    """One signal in one line; the end of the line is the countdown or the reason."""
    is_waiting = waiting(row, frame.now_ms)
    side_role = "up" if row.side == "long" else "down"
    body = "" if is_waiting or chosen else "muted"
    head: Row = (
        ("▸ " if chosen else "  ", "accent strong"),
        (render.clock_time(row.at_ms) + " ", body),
        left(row.symbol, symbol_width, "selected" if is_waiting else body),
        (" L " if row.side == "long" else " S ", side_role),
        left(render.STRATEGY_SHORT.get(row.strategy, row.strategy[:3]), 4, body),
        right(render.number(row.score, 1), 5, body),
    )
    if is_waiting:
        left_ms = row.expires_ms - frame.now_ms
        role = "danger" if left_ms < 60_000 else "warn" if left_ms < 180_000 else ""
        tail: Row = (
            ("  R:R ", "muted"),
            (render.ratio(row.reward_risk), ""),
            ("  exp ", "muted"),
            (render.countdown(left_ms), role),
        )
        if row.mode:
            tail += ((f"  {row.mode}", "muted"),)
        if row.flags:
            tail += (("  " + " ".join(row.flags), "warn"),)
        return (*head, *tail)
    state = "expired" if row.state == "pending" else row.state
    tail = (("  ", ""), (state, _STATE_ROLE.get(state, "muted")))
    if row.reason:
        tail += ((f": {row.reason}", body),)
    return (*head, *tail)


def picture(view: SignalsView, frame: Frame, pattern: str = "") -> Picture:
    rows = ordered(view, frame.now_ms, pattern)
    count = sum(waiting(row, frame.now_ms) for row in view.rows)
    snoozed = sum(row.snoozed and row.expires_ms > frame.now_ms for row in view.rows)
    state: Row = ((f"{count} waiting", "warn strong" if count else "muted"),)
    if snoozed:
        state = ((f"{snoozed} snoozed  ", "muted"), *state)
    if pattern:
        state = ((f"/{pattern}  ", "accent"), *state)
    title: Row = (("Signals", "title"),)
    if not rows:
        why = f"nothing matches /{pattern}" if pattern and view.rows else view.why_empty or "no signals yet"
        return Picture(title, state, empty(why, frame.width))
    symbol_width = max(8, min(max(len(row.symbol) for row in rows), 14))
    lines = [fit(line(row, frame, symbol_width, chosen=row.id == frame.selected), frame.width) for row in rows]
    at = next((i for i, row in enumerate(rows) if row.id == frame.selected), None)
    return Picture(title, state, lines, at)


class SignalsPane(Pane):
    TOPIC = "signals"
    TITLE = "Signals"
    CONTEXTS = ("signals", "list", "desk")

    pattern = ""
    _touched = False

    def items(self) -> list[str]:
        if not isinstance(self.view, SignalsView) or self._frame is None:
            return []
        return [row.id for row in ordered(self.view, self._frame.now_ms, self.pattern)]

    def row(self, signal_id: str = "") -> SignalRow | None:
        """The signal of an id, by default the selected one."""
        wanted = signal_id or self.selected
        if not isinstance(self.view, SignalsView):
            return None
        return next((row for row in self.view.rows if row.id == wanted), None)

    def settle(self, now_ms: int) -> bool:
        """Keep a sensible selection when the list changed; True when it moved.

        A selection of the person's own stays where it is. One nobody made goes to the first waiting signal, and stays
        put while none waits: the book does not jump from symbol to symbol with each refusal.
        """
        if not isinstance(self.view, SignalsView):
            return False
        rows = ordered(self.view, now_ms, self.pattern)
        present = self.row()
        urgent = bool(rows) and waiting(rows[0], now_ms)
        if present is not None and (self._touched or waiting(present, now_ms) or not urgent):
            return False
        chosen = rows[0].id if rows else ""
        changed = chosen != self.selected
        self.selected, self._touched = chosen, False
        return changed

    def move(self, step: int) -> bool:
        self._touched = True
        return super().move(step)

    def picture_of(self, frame: Frame) -> Picture:
        assert isinstance(self.view, SignalsView)
        return picture(self.view, frame, self.pattern)
