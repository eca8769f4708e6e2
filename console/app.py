"""The screen: theme, feed, beat, screens. It holds no business logic and no truth of its own."""

from __future__ import annotations

import asyncio
from collections import deque
from pathlib import Path
from typing import Literal

from textual import events
from textual.app import App
from textual.driver import Driver
from textual.worker import Worker

from console.actions import Action, Danger
from console.alerts import Alert, Alerts, osc9
from console.beat import Governor, Metered, Reading, metered
from console.feed import Feed
from console.footer import Footer
from console.keymap import Keymap
from console.lean import Shadow
from console.navigate import Navigator
from console.options import ConsoleOptions
from console.panes.status import ENGINE_GONE, LinkState
from console.rows import Row
from console.screens.desk import DeskScreen
from console.screens.dialog import Dialog
from console.screens.page import Page
from console.screens.place import PANES, URGENT_PANES
from console.submit import Submitter
from engine.port.contract import EnginePort
from engine.port.notices import AnyNotice

_KEPT_NOTICES = 2_000
_MARK = {"danger": "✗", "warn": "▲"}
_ARRIVAL_S = 0.5  # the backlog of notices has come by then
_TOAST: dict[str, Literal["error", "warning"]] = {"danger": "error", "warn": "warning"}


class PerpdeckApp(App[None], inherit_bindings=False):
    """One seat at the desk. Leaving it leaves the engine running."""

    CSS_PATH = Path(__file__).with_name("console.tcss")
    ENABLE_COMMAND_PALETTE = False
    TITLE = "perpdeck"

    def __init__(self, port: EnginePort, options: ConsoleOptions, driver_class: type[Driver] | None = None) -> None:
        super().__init__(driver_class=driver_class, ansi_color=True)
        self.options = options
        self.keymap = Keymap(options.keys, recording=options.jump is not None)
        self.mono_s = options.mono_s or _LoopTime()
        self.driver_class = metered(self.driver_class, self.mono_s)
        self.governor = Governor(options.link)
        self.feed = Feed(port, self.mono_s, self.governor.link, options.reconnect)
        self.feed.on_notice = self._on_notice
        self.feed.last_seq = options.notices_after or 0
        self.submitter = Submitter(self.feed, self.say, self.mono_s, read_only=options.read_only)
        self.alerts = Alerts(self.mono_s)
        self.notices: deque[AnyNotice] = deque(maxlen=_KEPT_NOTICES)
        self.meter: Metered | None = None
        self.shadow = Shadow()
        self.foot = Footer(self.keymap, self.mono_s)
        self.navigator = Navigator(self)
        self.desk = DeskScreen(self)
        self.away_after = options.notices_after or 0
        self._arrived_s: float | None = None
        self._arrived = False
        self._digest = options.notices_after is not None
        self._paint_ms = 0.0
        self._hung = False
        self._talk: Worker[None] | None = None
        self._deaf_until_s = 0.0
        self.theme = "ansi-dark"
        self.set_class(options.look.palette == "mono", "mono")

    def show(self) -> None:
        """Run on this terminal, without mouse reporting."""
        self.run(mouse=False)

    def get_default_screen(self) -> DeskScreen:
        """The desk is the root: nothing lies under it."""
        return self.desk

    def on_mount(self) -> None:
        file = getattr(self._driver, "_file", None)
        self.meter = file if isinstance(file, Metered) else None
        self.app_resume_signal.subscribe(self, lambda _: self.repaint_all())
        self.run_worker(self.feed.run(), name="feed", exit_on_error=True)
        self.run_worker(self._beat(), name="beat", exit_on_error=True)

    async def on_event(self, event: events.Event) -> None:
        """Keys that belong to the time before a dialog could be read never reach it."""
        if (
            isinstance(event, events.Key | events.Paste)
            and self.screen_stack
            and isinstance(self.screen, Dialog)
            and self.screen.too_early(event)
        ):
            return
        await super().on_event(event)

    # --- the beat -------------------------------------------------------------------------------------------------

    async def _beat(self) -> None:
        """Paint all when the governor says so or something is seen for the first time; what is urgent at once."""
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while True:
            try:
                async with asyncio.timeout_at(due_s):
                    await self.feed.stir.wait()
            except TimeoutError:
                pass
            self.feed.stir.clear()
            before_s = loop.time()
            if before_s >= due_s:
                self.paint()
                self._paint_ms = (loop.time() - before_s) * 1_000
                self.govern()
                due_s = loop.time() + self.governor.pause_s
            else:
                self.paint(urgent=not self.feed.fresh)
                await asyncio.sleep(0.01)

    def paint(self, urgent: bool = False) -> None:
        """Draw every visible thing from the newest views, or only what cannot wait.

        Nothing is drawn into a terminal that has stopped reading.
        """
        if not self.screen_stack:
            return  # on the way out
        hanging = self.meter is not None and not self.governor.may_paint(self.meter.hanging_ms())
        if hanging:
            self._hung = True
            return
        if self._hung:
            self._hung = False
            self.repaint_all()
        self.feed.changed.clear()
        self.feed.fresh = self.feed.fresh and urgent
        health = self.feed.health
        if health is not None:
            for alert in self.alerts.health(health, self.feed.now_ms()):
                self._raise(alert)
        if (alert_ := self.alerts.condition("link", self.feed.state == "reconnecting", ENGINE_GONE)) is not None:
            self._raise(alert_)
        self._arrive()
        if self.desk.is_mounted and not isinstance(self.screen, Page):
            self.desk.on_beat(URGENT_PANES if urgent else PANES)
        if isinstance(self.screen, Dialog | Page):
            self.screen.on_beat()

    def repaint_all(self) -> None:
        """Write the whole screen again: nobody knows what the terminal shows."""
        self.shadow.forget()
        self.screen.refresh()

    @property
    def terminal_gone(self) -> bool:
        """Whether nobody can see the screen any more."""
        return self.meter is not None and self.meter.gone

    def govern(self) -> None:
        """Read the meter and let the governor choose rate and link class; end where there is no terminal any more."""
        if self.terminal_gone:
            self.exit()
            return
        written = self.meter.written if self.meter is not None else 0
        reading = Reading(
            at_s=self.mono_s(),
            written=written,
            write_ms=self.meter.take_slowest_ms() if self.meter is not None else 0.0,
            hanging_ms=self.meter.hanging_ms() if self.meter is not None else 0.0,
            paint_ms=self._paint_ms,
        )
        if self.governor.read(reading):
            self.feed.set_link(self.governor.link)
            self.say(f"link {self.governor.link}", "muted")

    def link_state(self) -> LinkState:
        return LinkState(self.feed.state, self.feed.age_ms("health"), self.governor.kib_s)

    def is_replay(self) -> bool:
        """Whether the clock of the exchange is ours to turn."""
        health = self.feed.health
        return self.options.demo or (health is not None and health.venue in ("sim", "replay"))

    # --- talking to the person ------------------------------------------------------------------------------------

    def say(self, text: str, role: str = "", seconds: float = 6.0) -> None:
        """A line in the footer for a while."""
        self.foot.say(text, role, seconds)
        if self.desk.is_mounted:
            self.desk.footer.draw([self.desk.footer_row()])

    def footer_line(self, place: str, width: int) -> Row:
        """The footer of a page."""
        return self.foot.line(place, width, replay=self.is_replay())

    def _on_notice(self, notice: AnyNotice) -> None:
        self.notices.append(notice)
        if self.options.seen is not None:
            self.options.seen(notice.seq)
        # What was told before we came is for the digest, not one alarm after another.
        if self._arrived and (alert := self.alerts.notice(notice)) is not None:
            self._raise(alert)

    def _arrive(self) -> None:
        """Shortly after the engine was found, or found again: say what happened meanwhile."""
        if self.feed.state != "up" or self.feed.health is None:
            if self._arrived:
                self._arrived, self._arrived_s, self._digest = False, None, True
                self.away_after = self.feed.last_seq
            return
        if self._arrived_s is None:
            self._arrived_s = self.mono_s()
        if not self._arrived and self.mono_s() - self._arrived_s >= _ARRIVAL_S:
            self._arrived = True
            self.desk.subject.tell()
            if self._digest and self.notices:
                self.navigator.show_digest(self.away_after, self.feed.now_ms())

    def _raise(self, alert: Alert) -> None:
        text = self.options.look.text(f"{_MARK.get(alert.severity, '●')} {alert.text}")
        self.notify(text, severity=_TOAST.get(alert.severity, "information"), markup=False)
        if alert.bell and self.options.bell:
            self.bell()
        if alert.osc and self._driver is not None:
            self._driver.write(osc9(alert.text))

    # --- acting ---------------------------------------------------------------------------------------------------

    def acts_anywhere(self, action: Action) -> bool:
        """Whether an action needs no pane of the desk."""
        return action.make is not None or hasattr(self.navigator, f"act_{action.id}") or action.id == "undo"

    def act(self, action: Action) -> None:
        """An action that no screen answers itself: a way to elsewhere, or a conversation that ends in a command."""
        way = getattr(self.navigator, f"act_{action.id}", None)
        if way is not None:
            way()
        else:
            self._talk = self.desk.run_worker(self.desk.conduct.run(action), group="conduct")
            self._deaf_until_s = 0.0
            if action.danger in (Danger.RISKY, Danger.GRAVE):
                self._deaf_until_s = events.Event().time + self.options.guard_ms / 1_000

    def typed_ahead(self, event: events.Key) -> bool:
        """Whether a key was meant for a dialog that was asked for and does not stand yet."""
        return (
            event.key != "escape"
            and event.time < self._deaf_until_s
            and self._talk is not None
            and not self._talk.is_finished
        )


class _LoopTime:
    """Machine time of the loop this screen runs on; later calls may come from the writer's thread."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None

    def __call__(self) -> float:
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        return self._loop.time()
