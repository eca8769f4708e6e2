"""The ways to elsewhere: help, finder, palette, command bar, pages, and out. Nothing here trades.

Pages are imported when they are first opened: the desk is on the screen sooner.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING

import msgspec

from console import bar
from console.actions import BY_ID, Action, Situation
from console.away import digest_rows, missed
from console.keymap import shown
from console.screens.find import Entry, Finder
from console.screens.page import Page
from engine.port import commands as ask

if TYPE_CHECKING:
    from console.app import PerpdeckApp
    from console.screens.bar import CommandBar


class Navigator:
    """Actions that open something, by the ids of the table."""

    def __init__(self, app: PerpdeckApp) -> None:
        self._app = app
        self._symbols: list[Entry] = []

    def _in_background(self, work: Coroutine[None, None, None]) -> None:
        self._app.desk.run_worker(work, group="conduct")

    def _place(self) -> str:
        screen = self._app.screen
        return screen.PLACE if isinstance(screen, Page) else self._app.desk.where()

    # --- help, palette --------------------------------------------------------------------------------------------

    def act_help(self) -> None:
        from console.screens.help import Help

        self._app.desk.toured_help = True
        self._app.push_screen(Help(self._place(), self._app.keymap, replay=self._app.is_replay()))

    def act_palette(self) -> None:
        self._in_background(self._palette())

    async def _palette(self) -> None:
        app, place = self._app, self._place()
        actions = app.keymap.here("signals", replay=app.is_replay())
        here = app.keymap.here(place, replay=app.is_replay())
        both = {action.id: action for action in (*here, *actions) if action.label and action.id != "palette"}
        entries = [
            Entry(each.id, each.label, each.help, " ".join(shown(key) for key in each.key_list))
            for each in both.values()
        ]
        chosen = await app.push_screen_wait(Finder("Actions", entries, hint="what to do"))
        if chosen is not None:
            self._act_anywhere(both[chosen], here)

    def _act_anywhere(self, action: Action, here: list[Action]) -> None:
        """An action of the page one is on happens there, any other on the desk."""
        screen = self._app.screen
        if isinstance(screen, Page) and action in here:
            screen.act(action)
        else:
            self._app.desk.act(action)

    # --- symbols --------------------------------------------------------------------------------------------------

    async def symbols(self) -> list[Entry]:
        """Every symbol the engine knows, the newest answer kept."""
        app = self._app
        reply = await app.submitter.ask(ask.Query(id=app.options.next_id(), actor=app.options.actor, what="directory"))
        if isinstance(reply, ask.Done) and reply.data:
            rows = msgspec.json.decode(reply.data, type=list[str | dict[str, object]])
            self._symbols = [_entry({"symbol": row} if isinstance(row, str) else row) for row in rows]
        return self._symbols

    def act_find(self) -> None:
        self._in_background(self._find())

    async def _find(self) -> None:
        """A symbol goes into focus; words that no symbol has filter the signals."""
        finder = Finder("Find symbol", self._symbols, hint="symbol, or words to filter the signals by", free="filter:")
        finder.call_later(self._offer, finder)
        answer = await self._app.push_screen_wait(finder)
        if answer is None:
            return
        if answer.startswith("filter:"):
            self._app.desk.filter_signals(answer.removeprefix("filter:"))
        else:
            self._look_at(answer)

    async def _offer(self, finder: Finder) -> None:
        finder.offer(await self.symbols())

    def _look_at(self, symbol: str) -> None:
        self._app.desk.subject.look_at(symbol)
        if isinstance(self._app.screen, Page):
            self._app.screen.look_at(symbol)

    # --- command bar ----------------------------------------------------------------------------------------------

    def act_command(self) -> None:
        self._in_background(self._command())

    async def _command(self) -> None:
        from console.screens.bar import CommandBar

        app = self._app
        names = [entry.id for entry in self._symbols]
        line_box = CommandBar(app.options.history, names)
        line_box.call_later(self._offer_names, line_box)
        line = await app.push_screen_wait(line_box)
        if line is None:
            return
        situation = app.desk.subject.situation()
        parsed = bar.parse(line, situation, [entry.id for entry in self._symbols])
        if isinstance(parsed, str):
            app.say(parsed, "warn")
        else:
            await self._obey(parsed, situation)

    async def _offer_names(self, line_box: CommandBar) -> None:
        line_box.offer([entry.id for entry in await self.symbols()])

    async def _obey(self, parsed: bar.Parsed, situation: Situation) -> None:
        app, conduct = self._app, self._app.desk.conduct
        if parsed.action:
            self._act_anywhere(BY_ID[parsed.action], app.keymap.here(self._place()))
        elif parsed.focus:
            self._look_at(parsed.focus)
            if parsed.chart and self._place() != "chart":
                self.act_chart()
        elif parsed.mode:
            if parsed.mode != situation.mode:
                await conduct.set_mode(parsed.mode)
        elif parsed.resume:
            await conduct.resume()
        elif parsed.command is not None and (not parsed.ask or await conduct.confirm(parsed.command, parsed.ask)):
            await app.submitter.send(parsed.command, parsed.done)

    # --- pages ----------------------------------------------------------------------------------------------------

    def _open(self, page: Page) -> None:
        if isinstance(self._app.screen, Page):
            self._app.pop_screen()
        self._app.push_screen(page)

    def act_chart(self) -> None:
        from console.screens.chart import ChartPage

        symbol = self._app.desk.subject.symbol
        if symbol:
            self._open(ChartPage(self._app, symbol))
        else:
            self._app.say("no symbol in focus", "warn")

    def act_shorter(self) -> None:
        self.act_chart()

    def act_longer(self) -> None:
        self.act_chart()

    def act_history(self) -> None:
        from console.screens.history import HistoryPage

        self._open(HistoryPage(self._app))

    def act_log(self) -> None:
        from console.screens.log import LogPage

        self._open(LogPage(self._app))

    def act_digest(self) -> None:
        self.show_digest(self._app.away_after, self._app.feed.now_ms(), always=True)

    def show_digest(self, after: int, until_ms: int, *, always: bool = False) -> None:
        """What was told since notice `after`; nothing is shown when nothing happened, unless asked for."""
        from console.screens.digest import Digest

        rows = digest_rows(missed(list(self._app.notices), after, until_ms), until_ms)
        if rows or always:
            self._app.push_screen(Digest(rows))

    # --- time of a replay -----------------------------------------------------------------------------------------

    def act_earlier(self) -> None:
        self._jump(-1)

    def act_later(self) -> None:
        self._jump(1)

    def _jump(self, steps: int) -> None:
        """To another moment; what is not yet told there is forgotten."""
        jump, told = self._app.options.jump, self._app.notices
        if jump is None:
            return
        at_ms = jump(steps)
        while told and told[-1].at_ms > at_ms:
            told.pop()

    # --- out ------------------------------------------------------------------------------------------------------

    def act_quit(self) -> None:
        """At the root: detach. The engine and everything it looks after stay."""
        self._app.exit()

    def act_hint(self) -> None:
        self._app.say(f"{self._app.keymap.key_of('quit')} leaves the screen; the engine stays", "warn")

    def act_redraw(self) -> None:
        self._app.repaint_all()

    def act_suspend(self) -> None:
        self._app.action_suspend_process()


def _entry(row: dict[str, object]) -> Entry:
    """A finder entry of one symbol as the engine lists it, with how it stands."""
    about = str(row.get("about") or row.get("state") or "")
    last = row.get("last")
    return Entry(id=str(row["symbol"]), name=str(row["symbol"]), about=about, mark="" if last is None else str(last))
