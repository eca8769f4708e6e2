"""Messages are split whole and retried with patience."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from console.telegram.outbox import LAST_RETRY_MS, retry_after_ms, split


@given(st.text(alphabet="ab\n", max_size=400), st.integers(5, 60))
def test_parts_join_to_the_whole_and_none_is_longer_than_the_limit(text: str, limit: int) -> None:
    parts = split(text, limit)
    assert all(len(part) <= limit for part in parts)
    assert "".join(parts).replace("\n", "") == text.replace("\n", "")


def test_short_text_is_one_part_cut_only_at_line_ends() -> None:
    assert split("one\ntwo", 4000) == ["one\ntwo"]
    assert split("aaaa\nbbbb\ncccc", 9) == ["aaaa\nbbbb", "cccc"]


def test_pauses_double_up_to_five_minutes() -> None:
    pauses = [retry_after_ms(attempt) for attempt in range(14)]
    assert pauses[:4] == [1_000, 2_000, 4_000, 8_000]
    assert pauses[-1] == LAST_RETRY_MS
