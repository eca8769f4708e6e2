"""Messages are retried with patience."""

from __future__ import annotations

from console.telegram.outbox import LAST_RETRY_MS, retry_after_ms


def test_pauses_double_up_to_five_minutes() -> None:
    pauses = [retry_after_ms(attempt) for attempt in range(14)]
    assert pauses[:4] == [1_000, 2_000, 4_000, 8_000]
    assert pauses[-1] == LAST_RETRY_MS
