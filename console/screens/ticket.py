"""The ticket: what an approval would do at this moment, a countdown, and Enter. Expiry always means no."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from textual.widget import Widget

from console import render
from console.panes.breakdown import ticket_rows
from console.panes.signals import waiting
from console.rows import Row, fit, spread, wrap
from console.screens.dialog import Dialog, Field, hints
from engine.port import commands as ask
from engine.port.views import BreakdownView, SignalRow, SignalsView, Ticket


class TicketDialog(Dialog[ask.Reply]):
    """Approve one signal. It follows the living signal by id and sends the revision that stood on the screen.

    With `edit`, risk and stop can be changed inside policy; the first Enter asks the engine for the new ticket, the
    next one approves it.
    """

    def __init__(self, signal: SignalRow, *, edit: bool = False) -> None:
        super().__init__(f"Ticket {signal.symbol} {signal.side}", tone="warn")
        self._signal = signal
        self._edit = edit
        self._drawn_revision = signal.revision
        self._preview: Ticket | None = None
        self._asked: tuple[str, str] = ("", "")
        self._command_id = ""

    def fields(self) -> Iterable[Widget]:
        if self._edit:
            yield Field(placeholder="risk % (empty: as configured)", id="risk")
            yield Field(placeholder=f"stop (empty: {self._signal.stop or 'as planned'})", id="stop")

    def _now(self) -> SignalRow | None:
        view = self.desk_app.feed.view("signals", SignalsView)
        rows = view.rows if view is not None else ()
        return next((row for row in rows if row.id == self._signal.id), None)

    def _ticket(self) -> Ticket | None:
        if self._edit and self._asked != ("", ""):
            return self._preview
        view = self.desk_app.feed.view("breakdown", BreakdownView)
        same = view is not None and view.signal is not None and view.signal.id == self._signal.id
        return view.ticket if view is not None and same else None

    def _obstacle(self) -> str:
        """Why Enter would not approve at this moment, or nothing."""
        app = self.desk_app
        if app.feed.state != "up":
            return "engine gone: nothing can be sent"
        row = self._now()
        if row is None:
            return "the signal is no longer listed"
        if not waiting(row, app.feed.now_ms()):
            state = "expired" if row.state == "pending" else row.state
            return f"{state}{f': {row.reason}' if row.reason else ''}: nothing will be sent"
        ticket = self._ticket()
        if ticket is not None and ticket.refusals:
            return f"would be refused: {ticket.refusals[0]}"
        return ""

    def on_beat(self) -> None:
        row = self._now()
        if row is not None and row.revision != self._drawn_revision and not self.busy:
            self._drawn_revision = row.revision
            self.note = ("the signal changed while you looked; read again", "warn")
            self.guard_again()
            return
        super().on_beat()

    def rows(self, width: int) -> list[Row]:
        row = self._now() or self._signal
        left_ms = row.expires_ms - self.desk_app.feed.now_ms()
        obstacle = self._obstacle()
        role = "danger strong" if left_ms < 60_000 else "warn strong" if left_ms < 180_000 else "title"
        head = spread(
            (
                (row.symbol, "title"),
                (" LONG ▲ " if row.side == "long" else " SHORT ▼ ", "up" if row.side == "long" else "down"),
                (f"{render.STRATEGY_SHORT.get(row.strategy, row.strategy)} {row.mode or ''}  ", ""),
                (f"score {render.number(row.score, 1)}", ""),
            ),
            (("expires ", "muted"), (render.countdown(left_ms), role)),
            width,
        )
        rows: list[Row] = [head, ()]
        ticket = self._ticket()
        if ticket is None:
            rows += wrap("the ticket is being worked out; the engine prices again on approval", width, "muted")
            if row.stop is not None:
                plan = (("entry ", "muted"), (row.entry or "market", ""), ("  stop ", "muted"), (row.stop, "loss"))
                rows.append(plan)
        else:
            # Refusals are told once, below, where Enter would be.
            shown = msgspec.structs.replace(ticket, refusals=ticket.refusals[1:] if obstacle else ())
            rows += [fit(each, width) for each in ticket_rows(shown, width)]
        if obstacle:
            rows += [(), *wrap(obstacle, width, "danger strong")]
        return rows

    def foot(self) -> Row:
        if self.busy:
            return (("sending… ", "warn strong"),)
        if self._obstacle():
            return hints(("Esc", "back"))
        verb = "preview" if self._edit and self._fields() != self._asked else "approve"
        return hints(("Enter", verb), ("Esc", "back"), lit=self.armed)

    def _fields(self) -> tuple[str, str]:
        if not self._edit:
            return ("", "")
        return (self.field("risk").value.strip(), self.field("stop").value.strip())

    def key(self, event: object) -> None:
        if self._edit and getattr(event, "key", "") in ("tab", "shift+tab", "up", "down"):
            risk, stop = self.field("risk"), self.field("stop")
            (stop if risk.has_focus else risk).focus()

    def enter(self) -> None:
        if self._obstacle() and not (self._edit and self._fields() != self._asked):
            return
        self.busy = True
        if self._edit and self._fields() != self._asked:
            self.run_worker(self._ask_preview(), exclusive=True)
        else:
            self.run_worker(self._approve(), exclusive=True)

    async def _ask_preview(self) -> None:
        risk, stop = self._fields()
        try:
            risk_pct = float(risk) if risk else None
            _ = float(stop) if stop else None
        except ValueError:
            self.note, self.busy = (f"not a number: {risk or stop}", "danger"), False
            self.on_beat()
            return
        app = self.desk_app
        reply = await app.submitter.ask(
            ask.PreviewTicket(
                id=app.options.next_id(),
                actor=app.options.actor,
                signal_id=self._signal.id,
                stop=stop or None,
                risk_pct=risk_pct,
            )
        )
        self.busy = False
        match reply:
            case ask.Done(data=data) if data:
                self._asked = (risk, stop)
                self._preview = msgspec.json.decode(data, type=Ticket)
                self.note = ("", "")
            case ask.Done():
                self._asked, self._preview = (risk, stop), None
            case ask.Refused(reason=reason, detail=detail):
                self.note = (f"refused: {detail or reason}", "danger")
        self.guard_again()

    async def _approve(self) -> None:
        app = self.desk_app
        risk, stop = self._asked
        # One id for the life of this dialog: however often it is sent, it is done once.
        self._command_id = self._command_id or app.options.next_id()
        reply = await app.submitter.send(
            ask.ApproveSignal(
                id=self._command_id,
                actor=app.options.actor,
                signal_id=self._signal.id,
                revision=self._drawn_revision,
                risk_pct=float(risk) if risk else None,
                stop=stop or None,
            ),
            done=f"{self._signal.symbol} {self._signal.side} approved",
        )
        self.dismiss(reply)
