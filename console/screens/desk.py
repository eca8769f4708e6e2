"""The six panes: which is where, which has the keyboard, what is selected, and what a key means there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import events
from textual.app import ComposeResult
from textual.containers import Container
from textual.screen import Screen

from console import render
from console.actions import Action, Situation
from console.conduct import Conduct
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
from console.rows import Row, fit, width_of
from console.screens.find import Entry, Finder
from console.screens.help import Help
from console.screens.place import PANES, DeskLayout, form
from engine.port import commands as ask
from engine.port.views import BookView, PositionRow, PositionsView, SignalsView

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


class DeskScreen(Screen[None], inherit_bindings=False):
    """The root screen."""

    AUTO_FOCUS = None

    def __init__(self, app: PerpdeckApp) -> None:
        super().__init__()
        self._compositor = LeanCompositor()
        look = app.options.look
        self.desk_app = app
        self.status = StatusLine(look, id="status")
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
        self.symbol = ""
        self.held_speed = 1.0
        self._told_symbol = ""

    def compose(self) -> ComposeResult:
        with Deck(self.place, id="deck"):
            yield self.status
            yield self.waiting
            yield from self.panes.values()
            yield self.footer

    def on_mount(self) -> None:
        feed = self.desk_app.feed
        for topic in ("health", "signals", "positions", "limits", "book", "regime"):
            feed.watch(topic)
        self.signals.focus(scroll_visible=False)

    # --- painting -------------------------------------------------------------------------------------------------

    def on_beat(self) -> None:
        """Take over the newest views and draw what changed."""
        feed = self.desk_app.feed
        now_ms = feed.now_ms()
        for pane in self.panes.values():
            pane.view = feed.views.get(pane.TOPIC)
        self.limits.health = feed.health
        if self.signals.settle(now_ms):
            self.follow_selection()
        self.positions.settle()
        book = feed.view("book", BookView)
        if not self.symbol and book is not None:
            self.symbol = book.symbol
        self._set_banner()
        for pane in self.panes.values():
            pane.paint(now_ms, feed.age_ms(pane.TOPIC))
        self.status.paint(feed.health, self.desk_app.link_state(), now_ms)
        self.waiting.draw([self._waiting_line(now_ms)])
        self.footer.draw([self._footer_line()])

    def _set_banner(self) -> None:
        wanted = banner(self.desk_app.feed.health, self.app.size.width) is not None
        if wanted != self.place.banner:
            self.place.banner = wanted
            self.query_one("#deck").refresh(layout=True)

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

    def _footer_line(self) -> Row:
        message = self.desk_app.message()
        if message is not None:
            return ((" " + message[0], message[1]),)
        width = self.footer.size.width
        actions = self.desk_app.keymap.here(self.where(), replay=self.desk_app.is_replay())
        hints = sorted((action for action in actions if action.footer), key=lambda action: action.footer)
        if self._form() == "tiny":
            hints = [action for action in actions if action.id in ("kill", "flatten", "quit")]
        row: Row = (("", ""),)
        for action in hints:
            piece: Row = ((" " + self.desk_app.keymap.key_of(action.id), "key"), (f" {action.label} ", "muted"))
            if width_of(row) + width_of(piece) > width:
                break
            row += piece
        return fit(row, width)

    def _form(self) -> str:
        return form(self.app.size.width, self.app.size.height)

    # --- selection ------------------------------------------------------------------------------------------------

    def where(self) -> str:
        """The place the keyboard is in."""
        focused = self.focused
        return focused.id or "signals" if isinstance(focused, Pane) else "signals"

    def situation(self) -> Situation:
        """What the actions may need, as of now."""
        app, health = self.desk_app, self.desk_app.feed.health
        signal = self.signals.row()
        return Situation(
            id=self.next_id(),
            actor=app.options.actor,
            account=health.account if health is not None else "",
            venue=health.venue if health is not None else "",
            mode=health.mode if health is not None else "",
            desk=health.desk if health is not None else "",
            speed=health.speed if health is not None else 1.0,
            symbol=self.symbol,
            signal=signal,
            signal_waits=signal is not None and waiting(signal, app.feed.now_ms()),
            position=self.positions.row(),
        )

    def next_id(self) -> str:
        return self.desk_app.options.next_id()

    def position(self, position_id: str) -> PositionRow | None:
        """The position of an id in the newest view."""
        view = self.desk_app.feed.view("positions", PositionsView)
        return next((row for row in view.rows if row.id == position_id), None) if view is not None else None

    def follow_selection(self) -> None:
        """Why and book show what is selected."""
        signal = self.signals.row()
        feed = self.desk_app.feed
        if signal is None:
            feed.unwatch("breakdown")
            return
        feed.watch("breakdown", {"signal_id": signal.id})
        self.why.top = 0
        self.look_at(signal.symbol)

    def look_at(self, symbol: str) -> None:
        """Put a symbol in focus: its full book is streamed from now on."""
        self.symbol = symbol
        feed = self.desk_app.feed
        feed.watch("book", {"symbol": symbol})
        feed.watch("regime", {"symbol": symbol})
        if symbol != self._told_symbol:
            self._told_symbol = symbol
            app = self.desk_app
            command = ask.FocusSymbol(id=self.next_id(), actor=app.options.actor, symbol=symbol)
            self.run_worker(app.submitter.ask(command), group="focus", exclusive=True)

    def go(self, name: str) -> None:
        """Give a pane the keyboard, and the room where there is only room for one."""
        self.place.use(name)
        self.query_one("#deck").refresh(layout=True)
        self.panes[name].focus(scroll_visible=False)
        self.call_after_refresh(self.on_beat)

    # --- keys -----------------------------------------------------------------------------------------------------

    def on_key(self, event: events.Key) -> None:
        event.stop()
        event.prevent_default()
        key = event.character if event.character and event.is_printable and event.character != " " else event.key
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
        elif hasattr(self.desk_app, f"act_{action.id}"):
            getattr(self.desk_app, f"act_{action.id}")()
        else:
            self.run_worker(self.conduct.run(action), group="conduct")
        self.on_beat()

    def _pane(self) -> Pane:
        return self.panes[self.where()]

    def _move(self, step: int) -> None:
        pane = self._pane() if self._form() != "tiny" else self.positions
        if not pane.move(step):
            return
        if pane is self.signals:
            self.follow_selection()
        elif pane is self.positions and (row := self.positions.row()) is not None:
            self.look_at(row.symbol)

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
        if self.signals.pattern:
            self.signals.pattern = ""
        else:
            self.go("signals")

    def act_explain(self) -> None:
        self.go("why")

    def act_open(self) -> None:
        if self.where() == "signals":
            self.go("why")

    def act_help(self) -> None:
        self.app.push_screen(Help(self.where(), self.desk_app.keymap, replay=self.desk_app.is_replay()))

    def act_find(self) -> None:
        self.run_worker(self._find(), group="conduct")

    async def _find(self) -> None:
        """Symbols are found everywhere; in the signals pane a pattern without a symbol filters the list."""
        finder = Finder("Find symbol", [], hint="symbol, or words to filter the signals by", free="filter:")
        finder.call_later(self._offer_symbols, finder)
        answer = await self.app.push_screen_wait(finder)
        if answer is None:
            return
        if answer.startswith("filter:"):
            self.signals.pattern = answer.removeprefix("filter:")
            self.go("signals")
        else:
            self.look_at(answer)

    async def _offer_symbols(self, finder: Finder) -> None:
        finder.offer(await self.desk_app.symbols())

    def on_resize(self, event: events.Resize) -> None:
        self.call_after_refresh(self.on_beat)

    def on_pane_focused(self, message: Pane.Focused) -> None:
        if message.pane.id:
            self.place.use(message.pane.id)
        self.footer.draw([self._footer_line()])


def symbol_entries(symbols: list[dict[str, object]]) -> list[Entry]:
    """Finder entries of the symbols the engine listed."""
    return [
        Entry(
            id=str(each["symbol"]),
            name=str(each["symbol"]),
            about=str(each.get("about") or each.get("state") or ""),
            mark=render.UNKNOWN if each.get("last") is None else str(each["last"]),
        )
        for each in symbols
    ]
