"""Who may talk to the desk: operators command, readers look, strangers are counted and get no answer.

Pairing: a code shown on the owner's screen, good once and for a few minutes, makes its sender a reader or an operator.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Literal

import msgspec

Role = Literal["operator", "reader"]
CODE_LIFE_MS = 300_000
MOST_GUESSES = 5


class Guest(msgspec.Struct, frozen=True):
    """One person who was let in."""

    user: int
    chat: int
    role: Role
    name: str = ""


class _Book(msgspec.Struct):
    guests: dict[int, Guest] = {}
    code: str = ""
    code_role: Role = "reader"
    code_until_ms: int = 0
    guesses: int = 0


class Guests:
    """The list, with `save` called on every change. Users named in the settings need no pairing."""

    def __init__(
        self,
        operators: tuple[int, ...],
        readers: tuple[int, ...],
        stored: bytes,
        save: Callable[[bytes], None],
        now_ms: Callable[[], int],
    ) -> None:
        self._named: dict[int, Role] = {**dict.fromkeys(readers, "reader"), **dict.fromkeys(operators, "operator")}
        self._book = msgspec.json.decode(stored, type=_Book) if stored else _Book()
        self._save = save
        self._now_ms = now_ms
        self.strangers = 0

    def role(self, user: int) -> Role | None:
        """What a user may do; None for strangers."""
        known = self._book.guests.get(user)
        return self._named.get(user) or (known.role if known is not None else None)

    def role_in(self, chat: int, user: int) -> Role | None:
        """What a user may do in a chat; None outside the chats that are told, where others could read along."""
        return self.role(user) if chat in self.chats() else None

    def chats(self) -> dict[int, Role]:
        """Chats that are told what happens; a named user's private chat has the user's number."""
        told: dict[int, Role] = dict(self._named)
        told.update({guest.chat: guest.role for guest in self._book.guests.values()})
        return told

    def guests(self) -> list[Guest]:
        return list(self._book.guests.values())

    def new_code(self, role: Role) -> str:
        """A code for one person; an earlier one ends."""
        code = f"{secrets.randbelow(10**8):08d}"
        self._book.code, self._book.code_role = code, role
        self._book.code_until_ms, self._book.guesses = self._now_ms() + CODE_LIFE_MS, 0
        self._keep()
        return code

    def pair(self, user: int, chat: int, name: str, code: str) -> Role | None:
        """Let a person in by the code; None when it is wrong, old or guessed at too often."""
        book = self._book
        if not book.code or self._now_ms() > book.code_until_ms or book.guesses >= MOST_GUESSES:
            return None
        if not secrets.compare_digest(code.strip().encode(), book.code.encode()):
            book.guesses += 1
            self._keep()
            return None
        guest = Guest(user, chat, book.code_role, name)
        book.guests[user] = guest
        book.code = ""
        self._keep()
        return guest.role

    def revoke(self, user: int) -> bool:
        """Take the right away again; named users are revoked in the settings."""
        if self._book.guests.pop(user, None) is None:
            return False
        self._keep()
        return True

    def _keep(self) -> None:
        self._save(msgspec.json.encode(self._book))
