"""Numbers and names the exchange gives out: plausible, growing, and the same for the same seed."""

from __future__ import annotations

import string
from random import Random

_LETTERS = string.ascii_lowercase + string.digits


class Ids:
    """One sequence for each kind of number; steps vary as on a busy exchange."""

    def __init__(self, seed: int) -> None:
        self._random = Random(f"account ids {seed}")
        self._order = 283_194_212_000
        self._auto_close = 6_071_832_800
        self._trade = 7_234_567_800
        self._algo = 4_000_001_910_058_300
        self._transfer = 9_689_322_300
        self._amendment = 5_300
        self._priority = 0

    def order(self) -> int:
        self._order += self._random.randrange(1, 40)
        return self._order

    def auto_close(self) -> int:
        """Orders the exchange places for an account live in a range of their own."""
        self._auto_close += self._random.randrange(1, 40)
        return self._auto_close

    def trade(self) -> int:
        self._trade += self._random.randrange(1, 9)
        return self._trade

    def algo(self) -> int:
        self._algo += self._random.randrange(1, 9)
        return self._algo

    def transfer(self) -> int:
        self._transfer += self._random.randrange(1, 9)
        return self._transfer

    def amendment(self) -> int:
        self._amendment += 1
        return self._amendment

    def priority(self) -> int:
        """Rank in time of a resting order at one price."""
        self._priority += 1
        return self._priority

    def client_id(self) -> str:
        """A name for an order whose client gave none."""
        return "".join(self._random.choices(_LETTERS, k=22))

    def listen_key(self) -> str:
        return "".join(self._random.choices(_LETTERS, k=64))
