"""Keys to actions: where a key holds, the user's remapping, and the refusal of conflicts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from console.actions import TABLE, Action

# Where a key is looked up, nearest first, for each place the keyboard can be.
CHAINS: Mapping[str, tuple[str, ...]] = {
    "book": ("book", "desk", "replay", "recording"),
    "regime": ("regime", "desk", "replay", "recording"),
    "signals": ("signals", "list", "desk", "replay", "recording"),
    "why": ("why", "desk", "replay", "recording"),
    "positions": ("positions", "list", "desk", "replay", "recording"),
    "limits": ("limits", "desk", "replay", "recording"),
    "explain": ("explain", "desk", "replay", "recording"),
    "chart": ("chart", "desk", "replay", "recording"),
    "history": ("history",),
    "log": ("log",),
}


class Keymap:
    """Keys to actions, after the user's remapping. Raises `ValueError` naming each conflict or unknown id.

    `recording` says whether a recorded session is on the screen.
    """

    def __init__(
        self, remap: Mapping[str, str] | None = None, table: Iterable[Action] = TABLE, *, recording: bool = False
    ) -> None:
        actions = {action.id: action for action in table}
        problems = [f"keys.{name}: no such action" for name in remap or {} if name not in actions]
        for name, keys in (remap or {}).items():
            if name in actions:
                if not keys.split():
                    problems.append(f"keys.{name}: needs at least one key")
                actions[name] = msgspec.structs.replace(actions[name], keys=keys)
        self.table = tuple(actions.values())
        self._recording = recording
        problems += conflicts(self.table)
        if problems:
            raise ValueError("; ".join(problems))

    def find(self, place: str, key: str, *, replay: bool = False) -> Action | None:
        """The action of a key in a place (a pane's or screen's context)."""
        for context in self._chain(place, replay):
            for action in self.table:
                if context in action.contexts and key in action.key_list:
                    return action
        return None

    def here(self, place: str, *, replay: bool = False) -> list[Action]:
        """All actions that hold in a place, in table order."""
        chain = self._chain(place, replay)
        return [action for action in self.table if any(context in action.contexts for context in chain)]

    def key_of(self, action_id: str) -> str:
        """The first key of an action as it is printed."""
        action = next(action for action in self.table if action.id == action_id)
        return shown(action.key_list[0])

    def _chain(self, place: str, replay: bool) -> tuple[str, ...]:
        """Keys of the pace hold where the clock is ours, keys that jump only in a recording."""
        absent = {name for name, here in (("replay", replay), ("recording", self._recording)) if not here}
        chain = CHAINS.get(place, ("desk", "replay", "recording"))
        return tuple(context for context in chain if context not in absent)


def conflicts(table: Iterable[Action]) -> list[str]:
    """Every key with two meanings in one place."""
    actions = list(table)
    found: list[str] = []
    for place, chain in CHAINS.items():
        owner: dict[str, str] = {}
        for action in actions:
            if not any(context in action.contexts for context in chain):
                continue
            for key in action.key_list:
                first = owner.setdefault(key, action.id)
                if first != action.id:
                    found.append(f"{shown(key)} in {place}: both {first} and {action.id}")
    return found


_SHOWN = {
    "escape": "Esc", "enter": "Enter", "tab": "Tab", "shift+tab": "S-Tab", "space": "space", "pagedown": "PgDn",
    "pageup": "PgUp", "home": "Home", "end": "End", "up": "↑", "down": "↓",
}  # fmt: skip


def shown(key: str) -> str:
    """A key as it is printed."""
    return _SHOWN.get(key, key.replace("ctrl+", "^"))


def typed(key: str, character: str | None) -> str:
    """How the table spells a key press: the character where there is a visible one, else the terminal's key name."""
    return character if character and character.isprintable() and character != " " else key
