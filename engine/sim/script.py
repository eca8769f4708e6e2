"""Scripted trouble of the account side: the next request of a kind is refused, the next fill is a part of it."""

from __future__ import annotations

from collections import deque
from decimal import Decimal

from engine.sim.codes import refuse

KINDS = frozenset({"order", "conditional", "trigger", "cancel", "modify", "leverage", "listen_key"})


class Script:
    """What a scenario has announced and not happened yet."""

    def __init__(self) -> None:
        self._refusals: dict[str, deque[int]] = {kind: deque() for kind in KINDS}
        self._shares: deque[Decimal] = deque()

    def reject(self, kind: str, code: int, count: int) -> None:
        self._refusals[kind].extend([code] * count)

    def obey(self, kind: str) -> None:
        """Raise the refusal announced for this kind of request, if there is one."""
        if self._refusals[kind]:
            raise refuse(self._refusals[kind].popleft())

    def fill_part(self, share: Decimal) -> None:
        self._shares.append(share)

    def share(self) -> Decimal | None:
        """The share announced for the next fill of a resting order."""
        return self._shares.popleft() if self._shares else None
