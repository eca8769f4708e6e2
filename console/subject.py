"""What the desk is about at this moment: the selected signal and position, and the symbol in focus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.actions import Situation
from console.panes.positions import PositionsPane
from console.panes.signals import SignalsPane, waiting
from engine.port.commands import FocusSymbol
from engine.port.views import PositionRow, PositionsView

if TYPE_CHECKING:
    from console.app import PerpdeckApp


class Subject:
    """Why, book and regime follow the selection; the engine is told which symbol stands on the screen."""

    def __init__(self, app: PerpdeckApp, signals: SignalsPane, positions: PositionsPane) -> None:
        self._app = app
        self._signals = signals
        self._positions = positions
        self._told = ""
        self._paced = (1.0, -1)  # the speed that was set last, and the picture of the desk then
        self.symbol = ""

    def situation(self) -> Situation:
        """What the actions may need, as of now."""
        app, health, signal = self._app, self._app.feed.health, self._signals.row()
        return Situation(
            id=app.options.next_id(),
            actor=app.options.actor,
            account=health.account if health is not None else "",
            venue=health.venue if health is not None else "",
            mode=health.mode if health is not None else "",
            desk=health.desk if health is not None else "",
            speed=self.speed(),
            symbol=self.symbol,
            signal=signal,
            signal_waits=signal is not None and waiting(signal, app.feed.now_ms()),
            position=self._positions.row(),
        )

    def paced(self, speed: float) -> None:
        """The desk took on a speed; it is what the next key starts from, although no picture shows it yet."""
        health = self._app.feed.health
        self._paced = speed, health.revision if health is not None else -1

    def speed(self) -> float:
        """Exchange seconds per second, 0 when held."""
        health, (speed, seen) = self._app.feed.health, self._paced
        if health is None:
            return 1.0
        return speed if health.revision == seen else health.speed

    def position(self, position_id: str) -> PositionRow | None:
        """The position of an id in the newest view."""
        view = self._app.feed.view("positions", PositionsView)
        return next((row for row in view.rows if row.id == position_id), None) if view is not None else None

    def follow_signal(self) -> None:
        """Everything about the selected signal, and its symbol in focus."""
        signal = self._signals.row()
        if signal is None:
            self._app.feed.unwatch("breakdown")
            return
        self._app.feed.watch("breakdown", {"signal_id": signal.id})
        self.look_at(signal.symbol)

    def follow_position(self) -> None:
        if (row := self._positions.row()) is not None:
            self.look_at(row.symbol)

    def look_at(self, symbol: str) -> None:
        """Put a symbol in focus: its full book is streamed from now on."""
        self.symbol = symbol
        self._app.feed.watch("book", {"symbol": symbol})
        self._app.feed.watch("regime", {"symbol": symbol})
        if symbol != self._told:
            self.tell()

    def tell(self) -> None:
        """Say which symbol is on the screen, also to an engine that has come back."""
        self._told = self.symbol
        if self.symbol:
            command = FocusSymbol(id=self._app.options.next_id(), actor=self._app.options.actor, symbol=self.symbol)
            self._app.run_worker(self._app.submitter.ask(command), group="focus", exclusive=True)
