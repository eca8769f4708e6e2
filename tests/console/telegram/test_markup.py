"""Long answers are cut into parts that are each whole HTML and lose nothing."""

from __future__ import annotations

import re
from html import escape

from hypothesis import given
from hypothesis import strategies as st

from console.telegram.markup import parts, plain_text, size

BLOCK = st.text(alphabet="ab<&\n😀币", max_size=120)


@given(st.lists(st.tuples(st.booleans(), BLOCK), max_size=6), st.integers(40, 90))
def test_parts_are_whole_and_join_to_what_was_said(blocks: list[tuple[bool, str]], most: int) -> None:
    html = "\n".join(f"<pre>{escape(text)}</pre>" if fixed else escape(text) for fixed, text in blocks)
    found = parts(html, most)
    for part in found:
        assert size(part) <= most
        assert re.findall(r"</?pre>", part) == ["<pre>", "</pre>"] * part.count("<pre>")
        assert re.fullmatch(r"(?:[^&<]|&lt;|&amp;|</?pre>)*", part, re.DOTALL), part
    said = "".join(plain_text(part) for part in found).replace("\n", "")
    assert said == "".join(text for _, text in blocks).replace("\n", "")


def test_short_text_is_one_part_cut_only_at_line_ends() -> None:
    assert parts("one\ntwo", 40) == ["one\ntwo"]
    assert parts("a" * 20 + "\n" + "b" * 10 + "\n" + "c" * 10, 35) == ["a" * 20, "b" * 10 + "\n" + "c" * 10]


def test_emoji_count_twice_as_the_server_counts_them() -> None:
    assert size("a😀") == 3
    assert all(size(part) <= 4000 for part in parts("😀" * 9000))
