"""Toast, bell and OSC 9: each fires on becoming true, cools down, and counts what it held back."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from engine.port.notices import AnyNotice, DeskStateChanged, Forgotten
from engine.port.views import HealthView

COOL_DOWN_S = {"info": 30.0, "good": 5.0, "warn": 20.0, "danger": 5.0}
_OSC_GAP_S = 10.0
_LOUD = frozenset({"SignalRaised", "EntryFilled", "TradeClosed", "OrderRefused"})


class Alert(msgspec.Struct, frozen=True):
    """Something to bring to a person's notice."""

    text: str
    severity: str
    bell: bool = False
    osc: bool = False


class Alerts:
    """Decides what is worth interrupting for; `mono_s` is machine time in seconds."""

    def __init__(self, mono_s: Callable[[], float]) -> None:
        self._mono_s = mono_s
        self._true: set[str] = set()
        self._fired_s: dict[str, float] = {}
        self._held: dict[str, int] = {}
        self._osc_s = float("-inf")

    def notice(self, notice: AnyNotice) -> Alert | None:
        """The alert of something told, one kind and symbol at a time."""
        kind = type(notice).__name__
        loud = kind in _LOUD or notice.severity == "danger"
        if not loud and notice.severity != "warn" and not isinstance(notice, DeskStateChanged | Forgotten):
            return None
        return self._fire(f"{kind}:{notice.symbol}", notice.text, notice.severity, loud)

    def condition(self, key: str, holds: bool, text: str, severity: str = "danger") -> Alert | None:
        """The alert of a state, on becoming true only."""
        if not holds:
            self._true.discard(key)
            return None
        if key in self._true:
            return None
        self._true.add(key)
        return self._fire(key, text, severity, loud=True)

    def health(self, health: HealthView, now_ms: int) -> list[Alert]:
        """Alerts of the states a trader must not miss."""
        banned = next((s.detail for s in health.services if s.name == "gate" and s.state == "failed"), "")
        private_down = health.links.get("private") == "down"
        trouble = f"degraded: {health.last_error or 'see limits'}"
        found = [
            self.condition("naked", health.naked_ms > 0, "a position has no working stop on the exchange"),
            self.condition("halted", health.desk == "halted", f"desk halted: {health.desk_reason}"),
            self.condition("reducing", health.desk == "reducing", f"exits only: {health.desk_reason}", "warn"),
            self.condition("degraded", health.state == "DEGRADED", trouble, "warn"),
            self.condition("private", private_down, "private stream down: fills are asked for"),
            self.condition("gate", bool(banned), f"exchange gate: {banned}"),
        ]  # fmt: skip
        return [alert for alert in found if alert is not None]

    def _fire(self, key: str, text: str, severity: str, loud: bool) -> Alert | None:
        now_s = self._mono_s()
        if now_s - self._fired_s.get(key, float("-inf")) < COOL_DOWN_S.get(severity, 20.0):
            self._held[key] = self._held.get(key, 0) + 1
            return None
        self._fired_s[key] = now_s
        held = self._held.pop(key, 0)
        osc = loud and now_s - self._osc_s >= _OSC_GAP_S
        if osc:
            self._osc_s = now_s
        return Alert(text + (f" (+{held} held back)" if held else ""), severity, loud, osc)


def osc9(text: str) -> str:
    """A desktop notification for terminals that know it; control characters are taken out of the text."""
    clean = "".join(char for char in text if char.isprintable())[:200]
    return f"\x1b]9;{clean}\x07"
