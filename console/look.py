"""Semantic roles to terminal styles: palettes, red-up markets, and plain ASCII.

Colours are the sixteen of the terminal, so a user's own theme is respected and a change costs few bytes on a
poor link. Meaning never rests on colour alone; every role is also a sign, a letter or a place.
"""

from __future__ import annotations

import msgspec
from rich.cells import cell_len
from rich.style import Style

PALETTES = ("classic", "blue-orange", "mono")

_CLASSIC = {
    "": "",
    "up": "green",
    "down": "red",
    "profit": "green",
    "loss": "red",
    "good": "green",
    "warn": "yellow",
    "danger": "bold red",
    "alarm": "bold white on red",
    "stale": "dim",
    "muted": "dim",
    "accent": "cyan",
    "title": "bold",
    "key": "bold cyan",
    "border": "dim",
    "focus": "cyan",
    "selected": "bold",
    "live": "bold white on red",
    "paper": "bold black on yellow",
    "testnet": "bold white on blue",
    "sim": "bold black on cyan",
    "up_bar": "green dim",
    "down_bar": "red dim",
}

_BLUE_ORANGE = _CLASSIC | {
    "up": "bright_blue",
    "profit": "bright_blue",
    "good": "bright_blue",
    "up_bar": "blue",
    "down": "color(208)",
    "loss": "color(208)",
    "down_bar": "color(130)",
    "accent": "white",
    "key": "bold",
    "focus": "white",
}

_MONO = {
    role: {
        "danger": "bold",
        "alarm": "bold reverse",
        "live": "bold reverse",
        "paper": "reverse",
        "testnet": "reverse",
        "sim": "reverse",
        "warn": "bold",
        "key": "bold",
        "title": "bold",
        "selected": "bold",
        "focus": "bold",
        "up": "bold",
        "profit": "bold",
    }.get(role, "dim" if role in ("stale", "muted", "border", "up_bar", "down_bar") else "")
    for role in _CLASSIC
}

_SWAPPED = {
    "up": "down", "down": "up", "profit": "loss", "loss": "profit", "up_bar": "down_bar", "down_bar": "up_bar",
}  # fmt: skip

_ASCII = str.maketrans(
    {
        "─": "-", "│": "|", "┌": "+", "┐": "+", "└": "+", "┘": "+", "├": "+", "┤": "+", "┬": "+", "┴": "+",
        "═": "=", "║": "|", "╭": "+", "╮": "+", "╰": "+", "╯": "+", "┼": "+",
        "●": "*", "○": "o", "◐": "~", "◌": ".", "▸": ">", "◂": "<", "✓": "y", "✗": "x", "▲": "^", "▼": "v",
        "█": "#", "▉": "#", "▊": "#", "▋": "#", "▌": "=", "▍": "=", "▎": "-", "▏": "-", "▓": "#", "░": ".",
        "▒": ":", "▁": "_", "▂": "_", "▃": ".", "▄": "-", "▅": "-", "▆": "=", "▇": "#", "▀": "^", "╽": "H", "╿": "H",
        "┃": "H", "╹": "H", "╻": "H", "╵": "'", "╷": ".", "╌": "-", "┄": "-", "┈": ".",
        "…": "~", "→": ">", "←": "<", "↑": "^", "↓": "v", "·": ".", "–": "-", "—": "-", "−": "-", "×": "x", "≤": "<",
        "≥": ">", "±": "~", "∞": "8", "µ": "u", "²": "2", "⏎": "^", "≈": "~", "“": '"', "”": '"', "’": "'",
    }
)  # fmt: skip


def to_ascii(text: str) -> str:
    """The same picture cell for cell in ASCII; what has no counterpart becomes `?` of the same width."""
    if text.isascii():
        return text
    text = text.translate(_ASCII)
    if text.isascii():
        return text
    return "".join(char if char.isascii() else "?" * cell_len(char) for char in text)


class Look(msgspec.Struct, frozen=True):
    """How roles are drawn in this terminal."""

    palette: str = "classic"
    ascii: bool = False
    red_up: bool = False

    def style(self, role: str) -> Style:
        """The style of a role such as `up`, or of a role with an emphasis: `up strong`, `muted reverse`."""
        return _style(self.palette, self.red_up, role)

    def text(self, text: str) -> str:
        return to_ascii(text) if self.ascii else text


_TABLES = {"classic": _CLASSIC, "blue-orange": _BLUE_ORANGE, "mono": _MONO}
_EMPHASIS = {"strong": "bold", "reverse": "reverse", "dim": "dim", "under": "underline"}
_styles: dict[tuple[str, bool, str], Style] = {}


def _style(palette: str, red_up: bool, role: str) -> Style:
    found = _styles.get((palette, red_up, role))
    if found is None:
        name, _, emphasis = role.partition(" ")
        if red_up:
            name = _SWAPPED.get(name, name)
        found = Style.parse(_TABLES[palette][name] or "none")
        for word in emphasis.split():
            found += Style.parse(_EMPHASIS[word])
        _styles[palette, red_up, role] = found
    return found
