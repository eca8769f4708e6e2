"""Taking on a size: only the terminal's present one.

Each screen passes the size it is told on to those beneath it, and each of them tells itself again. While two sizes are
under way among two screens they would hand them to each other for ever, drawing everything each time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from textual import events
    from textual.app import App


class _OfApp(Protocol):
    app: App[Any]


class Sized:
    """Mixed into a screen, before it: a size the terminal has no more is dropped."""

    def on_resize(self: _OfApp, event: events.Resize) -> None:
        if event.size != self.app.size:
            event.stop()
            event.prevent_default()
