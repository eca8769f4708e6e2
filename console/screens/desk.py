"""The six panes: which is where, which has the keyboard, what is selected, and what a key means there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual import events
from textual.app import ComposeResult
from textual.containers import Container
from textual.screen import Screen

from console.actions import Action
from console.conduct import Conduct
from console.keymap import typed
from console.lean import LeanCompositor
from console.panes.book import BookPane
from console.panes.breakdown import BreakdownPane
from console.panes.canvas import Canvas
from console.panes.limits import LimitsPane
from console.panes.pane import Pane
from console.panes.positions import PositionsPane
from console.panes.regime import RegimePane
from console.panes.signals import SignalsPane, line, ordered, waiting
from console.panes.status import StatusLine, banner
from console.rows import Row
from console.screens.explain import ExplainPage
from console.screens.place import PANES, DeskLayout, form
from console.screens.sized import Sized
from console.screens.ticket import TicketDialog
from console.screens.tour import Seen, TourBox
from console.subject import Subject
from engine.port.views import BookView, PositionsView, SignalsView

if TYPE_CHECKING:
    from console.app import PerpdeckApp

_TINY = frozenset({"kill", "flatten", "quit", "undo", "redraw", "hint", "suspend", "up", "down"})


class Deck(Container):
    """The container of all parts, arranged by `place`."""

    def __init__(self, place: DeskLayout, *, id: str) -> None:
        super().__init__(id=id)
        self._place = place

    @property
    def layout(self) -> DeskLayout:
        return self._place

    def rearrange(self) -> None:
        """Ask `place` again. An arrangement is remembered until one of the parts asks for room anew."""
        self.children[0].refresh(layout=True)


class DeskScreen(Sized, Screen[None], inherit_bindings=False):
    """The root screen."""

    AUTO_FOCUS = ""

    def __init__(self, app: PerpdeckApp) -> None:
        super().__init__()
        self._compositor = LeanCompositor(lambda: app.shadow)
        look = app.options.look
        self.desk_app = app
        self.status = StatusLine(look, id="status")
        self.status.demo = app.options.demo
        self.waiting = Canvas(look, id="waiting")
        self.footer = Canvas(look, id="footer")
        self.book = BookPane(look, id="book")
        self.regime = RegimePane(look, id="regime")
        self.signals = SignalsPane(look, id="signals")
        self.why = BreakdownPane(look, id="why")
        self.positions = PositionsPane(look, id="positions")
        self.limits = LimitsPane(look, id="limits")
        self.panes: dict[str, Pane] = {
            "book": self.book,
            "regime": self.regime,
            "signals": self.signals,
            "why": self.why,
            "positions": self.positions,
            "limits": self.limits,
        }
        self.place = DeskLayout()
        self.conduct = Conduct(self)
        self.subject = Subject(app, self.signals, self.positions)
        self.held_speed = 1.0
        self.toured_help = False
        self._known_positions: frozenset[str] | None = None
        self.tour: TourBox | None = TourBox(look, app.keymap, id="tour") if app.options.tour else None
        self.place.tour = self.tour is not None

    def compose(self) -> ComposeResult:
        with Deck(self.place, id="deck"):
            yield self.status
            yield self.waiting
            yield from self.panes.values()
            yield self.footer
            if self.tour is not None:
                yield self.tour

    def on_mount(self) -> None:
        feed = self.desk_app.feed
        for topic in ("health", "signals", "positions", "limits", "book", "regime"):
            feed.watch(topic)
        self.signals.focus(scroll_visible=False)

    # --- painting -------------------------------------------------------------------------------------------------

    def on_beat(self, names: Sequence[str] = PANES) -> None:
        """Take over the newest views and draw what changed in the panes of these names."""
        feed = self.desk_app.feed
        now_ms = feed.now_ms()
        for pane in self.panes.values():
            pane.view = feed.views.get(pane.TOPIC)
        self.limits.health = feed.health
        if self.signals.settle(now_ms):
            self._follow_signal()
        self.positions.settle()
        book = feed.view("book", BookView)
        if not self.subject.symbol and book is not None:
            self.subject.symbol = book.symbol
        self._set_banner()
        for name in names:
            self.panes[name].paint(now_ms, feed.age_ms(self.panes[name].TOPIC))
        self.status.paint(feed.health, self.desk_app.link_state(), now_ms)
        self.waiting.draw([self._waiting_line(now_ms)])
        self.footer.draw([self.footer_row()])
        if self.tour is not None:
            seen = self._seen()
            if self.tour.holds(seen):
                self.run_worker(self.conduct.do_hold(), group="tour")
            self.tour.paint(seen)

    def _seen(self) -> Seen:
        """What the tour waits for."""
        view = self.desk_app.feed.view("positions", PositionsView)
        rows = view.rows if view is not None else ()
        if self._known_positions is None and view is not None:
            self._known_positions = frozenset(row.id for row in rows)
        rows = tuple(row for row in rows if row.id not in (self._known_positions or ()))
        return Seen(
            waiting=self.subject.situation().signal_waits,
            at_why=self.where() == "why",
            ticket_open=isinstance(self.app.screen, TicketDialog),
            positions=len(rows),
            protected=any(row.protected for row in rows),
            tier_taken=any(tier.state == "filled" for row in rows for tier in row.tiers),
            helped=self.toured_help,
            speed=self.subject.speed(),
        )

    def _set_banner(self) -> None:
        link = self.desk_app.link_state()
        wanted = banner(self.desk_app.feed.health, link, self.app.size.width, self.status.demo) is not None
        if wanted != self.place.banner:
            self.place.banner = wanted
            self.query_one(Deck).rearrange()

    def _waiting_line(self, now_ms: int) -> Row:
        """On narrow screens: the selected waiting signal, and how many more there are."""
        view = self.desk_app.feed.view("signals", SignalsView)
        rows = [row for row in ordered(view, now_ms) if waiting(row, now_ms)] if view is not None else []
        if not rows:
            return ((" no signal waits", "muted"),)
        row = next((each for each in rows if each.id == self.signals.selected), rows[0])
        frame = self.signals._frame
        if frame is None:
            return ()
        more: Row = ((f"  +{len(rows) - 1} more", "warn"),) if len(rows) > 1 else ()
        return (*line(row, frame, max(len(row.symbol), 8), chosen=row.id == self.signals.selected), *more)

    def footer_row(self) -> Row:
        only = ("kill", "flatten", "quit") if self._form() == "tiny" else ()
        return self.desk_app.foot.line(
            self.where(), self.footer.size.width, replay=self.desk_app.is_replay(), only=only
        )

    def _form(self) -> str:
        return form(self.app.size.width, self.app.size.height)

    # --- selection ------------------------------------------------------------------------------------------------

    def where(self) -> str:
        """The place the keyboard is in."""
        focused = self.focused
        return focused.id or "signals" if isinstance(focused, Pane) else "signals"

    def go(self, name: str) -> None:
        """Give a pane the keyboard, and the room where there is only room for one."""
        if self.place.use(name):
            self.query_one(Deck).rearrange()
            self.call_after_refresh(self.on_beat)
        self.panes[name].focus(scroll_visible=False)

    # --- keys -----------------------------------------------------------------------------------------------------

    def on_key(self, event: events.Key) -> None:
        event.stop()
        event.prevent_default()
        if self.desk_app.typed_ahead(event):
            return
        key = typed(event.key, event.character)
        action = self.desk_app.keymap.find(self.where(), key, replay=self.desk_app.is_replay())
        if action is not None:
            self.act(action)

    def act(self, action: Action) -> None:
        """Do an action of the table here."""
        if self._form() == "tiny" and action.id not in _TINY:
            return
        local = getattr(self, f"act_{action.id}", None)
        if local is not None:
            local()
        elif action.id.startswith("pane_"):
            self.go(PANES[int(action.id[-1]) - 1])
        else:
            self.desk_app.act(action)
        self.on_beat()

    def _pane(self) -> Pane:
        return self.panes[self.where()]

    def _move(self, step: int) -> None:
        pane = self._pane() if self._form() != "tiny" else self.positions
        if not pane.move(step):
            return
        if pane is self.signals:
            self._follow_signal()
        elif pane is self.positions:
            self.subject.follow_position()

    def _follow_signal(self) -> None:
        self.why.top = 0
        self.subject.follow_signal()

    def act_down(self) -> None:
        self._move(1)

    def act_up(self) -> None:
        self._move(-1)

    def act_page_down(self) -> None:
        self._move(self._pane().page())

    def act_page_up(self) -> None:
        self._move(-self._pane().page())

    def act_top(self) -> None:
        self._move(-100_000)

    def act_bottom(self) -> None:
        self._move(100_000)

    def act_next_pane(self, step: int = 1) -> None:
        shown = [name for name in PANES if self._form() == "one" or self.panes[name].region.area]
        here = self.where()
        at = shown.index(here) if here in shown else 0
        self.go(shown[(at + step) % len(shown)])

    def act_previous_pane(self) -> None:
        self.act_next_pane(-1)

    def act_coarser(self) -> None:
        self.desk_app.say(f"book grouped by {self.book.regroup(1)} ticks", "muted")

    def act_finer(self) -> None:
        self.desk_app.say(f"book grouped by {self.book.regroup(-1)} ticks", "muted")

    def act_back(self) -> None:
        if self.tour is not None:
            self._end_tour()
        elif self.signals.pattern:
            self.filter_signals("")
        else:
            self.go("signals")

    def act_tour_next(self) -> None:
        if self.tour is not None and not self.tour.skip():
            self._end_tour()

    def _end_tour(self) -> None:
        if self.tour is not None:
            if self.tour.lets_go(self.subject.speed()):
                self.run_worker(self.conduct.do_hold(), group="tour")
            self.tour.remove()
            self.tour, self.place.tour = None, False

    def filter_signals(self, pattern: str) -> None:
        """Narrow the signals to those that match; nothing shows all."""
        self.signals.pattern = pattern
        self.go("signals")

    def act_explain(self) -> None:
        self.go("why")

    def act_open(self) -> None:
        """What is selected, full screen: a signal's reasons, else the chart."""
        if self.where() in ("signals", "why"):
            self.app.push_screen(ExplainPage(self.desk_app))
        else:
            self.desk_app.navigator.act_chart()

    def on_resize(self, event: events.Resize) -> None:
        self.call_after_refresh(self.on_beat)

    def on_pane_focused(self, message: Pane.Focused) -> None:
        if message.pane.id:
            self.place.use(message.pane.id)
        self.footer.draw([self.footer_row()])
