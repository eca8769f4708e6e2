"""Renews what the documentation takes from tables: `python -m tests.support.make_docs`.

The text between `<!-- name -->` and `<!-- /name -->` is made by the function of that name below.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from console.actions import TABLE, Danger
from console.keymap import shown

DOCS = Path(__file__).parents[2] / "docs"
GUARDS = {
    Danger.READ: "looks", Danger.SAFE: "one key", Danger.RISKY: "asks, `Enter`", Danger.GRAVE: "asks for the account",
}  # fmt: skip


def keys() -> str:
    """Every key in the order of the action table."""
    rows = ["| key | name | does | guard |", "|---|---|---|---|"]
    for action in TABLE:
        names = " ".join(f"`{shown(key)}`" for key in action.key_list)
        rows.append(f"| {names} | `{action.id}` | {action.help} | {GUARDS[action.danger]} |")
    return "\n".join(rows)


MADE: Mapping[str, Callable[[], str]] = {"keys": keys}


def renewed(text: str) -> str:
    """A page with its tables as they are now."""
    for name, make in MADE.items():
        part = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        text = part.sub(lambda found, make=make: f"{found[1]}{make()}\n{found[2]}", text)  # type: ignore[misc]
    return text


def main() -> int:
    """Write every page that changed; how many."""
    changed = 0
    for file in sorted(DOCS.glob("*.md")):
        before = file.read_text(encoding="utf-8")
        if (after := renewed(before)) != before:
            file.write_text(after, encoding="utf-8")
            changed += 1
    print(f"{changed} pages renewed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
