"""Leaving a screen: once, and only this one.

A second Esc that was on its way when the first one closed a dialog would otherwise close whatever lies beneath, and a
reply that comes while something lies above would close that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from textual.await_complete import AwaitComplete

T = TypeVar("T")

if TYPE_CHECKING:
    from textual.screen import Screen

    class _OfScreen(Screen[T]):
        """What a screen has."""
else:

    class _OfScreen(Generic[T]):
        """Nothing of its own, so that a style sheet sees the kind of screen it is mixed into."""


class Leaving(_OfScreen[T]):
    """Mixed into a screen: it can be left any number of times and is gone after the first."""

    _left = False
    _late: tuple[T | None] | None = None

    def dismiss(self, result: T | None = None) -> AwaitComplete:
        """Close this screen with a result; later, when another one lies over it."""
        if self._left or self not in self.app.screen_stack:
            return AwaitComplete()
        if self.app.screen is not self:
            self._late = (result,)
            return AwaitComplete()
        self._left = True
        return super().dismiss(result)

    def on_screen_resume(self) -> None:
        if self._late is not None:
            self.dismiss(*self._late)
