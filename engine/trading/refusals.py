"""One reason against a trade: a word for programs and a sentence with the numbers for people."""

from __future__ import annotations

import msgspec


class RiskRefusal(msgspec.Struct, frozen=True):
    """`name` reads as the reason (SpreadTooWide); `detail` holds value and limit."""

    name: str
    detail: str

    def __str__(self) -> str:
        return f"{self.name}: {self.detail}"


# Reasons that may pass by themselves within moments; an automatic approval waits for them, a person may try again.
PASSING = frozenset({"BookNotSynced", "SpreadTooWide", "BookTooThin"})
