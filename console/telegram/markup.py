"""Long answers in parts a chat takes, each one whole HTML; and the words alone where a chat takes no HTML.

Our own messages know two tags: `<b>` inside a line and `<pre>` over many. A part that ends inside `<pre>` closes it and
the next one opens it again. Lengths are counted as the Bot API counts them, in UTF-16 units.
"""

from __future__ import annotations

import re
from html import unescape

MOST = 4000
CLOSE, OPEN = "</pre>", "<pre>"
_WHOLE = re.compile(r"&[a-z#0-9]{1,8};|</?[a-z]+>|.", re.DOTALL)


def size(text: str) -> int:
    """UTF-16 units."""
    return len(text) + sum(1 for sign in text if ord(sign) > 0xFFFF)


def parts(html: str, most: int = MOST) -> list[str]:
    """Cut at line ends; a line that is too long by itself is cut between signs, never in a tag or an entity."""
    found: list[str] = []
    current, inside = "", False
    room = most - len(CLOSE) - len(OPEN)
    for line in html.split("\n"):
        for piece in _pieces(line, room):
            joined = f"{current}\n{piece}" if current else piece
            if current and size(joined) > most - len(CLOSE):
                found.append(current + CLOSE if inside else current)
                joined = OPEN + piece if inside else piece
            current = joined
            inside = _inside_after(piece, inside)
    return [*found, current] if current or not found else found


def plain_text(html: str) -> str:
    """Without tags and entities."""
    return unescape(re.sub(r"</?(?:b|pre)>", "", html))


def _pieces(line: str, most: int) -> list[str]:
    if size(line) <= most:
        return [line]
    pieces, current = [], ""
    for token in _WHOLE.findall(line):
        if size(current) + size(token) > most:
            pieces.append(current)
            current = ""
        current += token
    return [*pieces, current]


def _inside_after(piece: str, inside: bool) -> bool:
    opened, closed = piece.rfind(OPEN), piece.rfind(CLOSE)
    return inside if opened == closed else opened > closed
