"""Who goes first: while a person's decision is carried out, the analysis of a close waits between two slices.

Orders and analysis share one loop. A decision awaits the journal and the socket a few times, and each time a slice of
a few milliseconds would come in between.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Final

LONGEST_S: Final = 0.25  # an exchange that does not answer must not hold up a close


class Precedence:
    """A context for what goes first, and a wait for what gives way."""

    def __init__(self) -> None:
        self._taken = 0
        self._free = asyncio.Event()
        self._free.set()

    def __enter__(self) -> None:
        self._taken += 1
        self._free.clear()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._taken -= 1
        if not self._taken:
            self._free.set()

    async def give_way(self) -> None:
        """Let everything ready run; wait while somebody goes first, but not for ever."""
        await asyncio.sleep(0)
        if self._taken:
            try:
                async with asyncio.timeout(LONGEST_S):
                    await self._free.wait()
            except TimeoutError:
                return
