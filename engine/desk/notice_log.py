"""The numbered, bounded log of what seats are told; resumable from the last number a seat has seen."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable
from typing import Any

import msgspec

from engine.clock import Clock
from engine.port.notices import AnyNotice, Forgotten, Notice

KEPT = 5_000


class NoticeLog:
    """Numbers notices, keeps the newest, wakes followers. `on_notice` stores each before it is told."""

    def __init__(self, clock: Clock, first_seq: int = 1, on_notice: Callable[[AnyNotice], None] | None = None) -> None:
        self._clock = clock
        self._next = first_seq
        self._kept: deque[AnyNotice] = deque(maxlen=KEPT)
        self._on_notice = on_notice
        self._wake = asyncio.Event()

    @property
    def last_seq(self) -> int:
        return self._next - 1

    @property
    def kept(self) -> tuple[AnyNotice, ...]:
        return tuple(self._kept)

    def restore(self, notices: list[AnyNotice]) -> None:
        """Notices of earlier runs, oldest first; numbering goes on behind them."""
        self._kept.extend(notices)
        if notices:
            self._next = notices[-1].seq + 1

    def tell(self, kind: type[Notice], text: str, *, severity: str = "info", symbol: str = "", **facts: Any) -> None:
        """Number, keep and tell a notice."""
        notice: Any = kind(
            seq=self._next, at_ms=self._clock.now_ms(), severity=severity, text=text, symbol=symbol, **facts
        )
        self._next += 1
        if self._on_notice is not None:
            self._on_notice(notice)
        self._kept.append(notice)
        self._wake.set()
        self._wake = asyncio.Event()

    async def follow(self, after: int) -> AsyncGenerator[AnyNotice, None]:
        """Notices with a number above `after`, then live; says first when the log no longer holds some of them."""
        seen = after
        while True:
            wake = self._wake
            fresh = [notice for notice in self._kept if notice.seq > seen]
            if fresh and fresh[0].seq > seen + 1:
                missed = fresh[0].seq - seen - 1
                yield Forgotten(
                    seq=seen + missed, at_ms=fresh[0].at_ms, severity="warn", missed=missed,
                    text=f"{missed} notices are no longer kept",
                )  # fmt: skip
            for notice in fresh:
                seen = notice.seq
                yield notice
            if not fresh:
                await wake.wait()


def to_json(notice: AnyNotice) -> bytes:
    """A notice as stored."""
    return msgspec.json.encode(notice)
