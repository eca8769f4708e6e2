"""Request parameters as they arrive: text, to be read strictly but not pedantically.

An empty value counts as not sent, words and booleans are read in any case, "60000.0" is a number and an integer
price may be written so; exponents are not numbers here. Unknown parameters are ignored, as the exchange does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any

from engine.sim.codes import refuse

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)")
_INTEGER = re.compile(r"-?\d+(\.0*)?")
_CLIENT_ID = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}")
_CLIENT_ID_RANGE = r"^[\.A-Z\:/a-z0-9_-]{1,36}$"
DAY_MS = 86_400_000
WEEK_MS = 7 * DAY_MS


class Params:
    """One request's parameters. Every reader raises `Refused` for what it cannot read."""

    def __init__(self, raw: Mapping[str, str]) -> None:
        self._raw = raw

    def text(self, name: str) -> str | None:
        value = self._raw.get(name, "")
        return value if value != "" else None

    def required(self, name: str) -> str:
        value = self.text(name)
        if value is None:
            raise refuse(-1102, name=name)
        return value

    def word(self, name: str, allowed: Collection[str], code: int, default: str | None = None) -> str:
        """A word of a closed list; `code` refuses any other. Mandatory when there is no default."""
        value = self.text(name) if default is not None else self.required(name)
        if value is None:
            return default or ""
        if value.upper() not in allowed:
            raise refuse(code, name=name)
        return value.upper()

    def flag(self, name: str) -> bool | None:
        value = self.text(name)
        if value is None:
            return None
        if value.lower() not in {"true", "false"}:
            raise refuse(-1102, name=name)
        return value.lower() == "true"

    def number(self, name: str) -> Decimal | None:
        value = self.text(name)
        if value is None:
            return None
        if not _NUMBER.fullmatch(value):
            raise refuse(-1102, name=name)
        return Decimal(value)

    def required_number(self, name: str) -> Decimal:
        self.required(name)
        value = self.number(name)
        assert value is not None
        return value

    def integer(self, name: str) -> int | None:
        value = self.text(name)
        if value is None:
            return None
        if not _INTEGER.fullmatch(value):
            raise refuse(-1102, name=name)
        return int(Decimal(value))

    def required_integer(self, name: str) -> int:
        self.required(name)
        value = self.integer(name)
        assert value is not None
        return value

    def limit(self, default: int, most: int) -> int:
        """How many rows; too many are cut to the most, nonsense is refused."""
        text = self.text("limit")
        if text is None:
            return default
        if not _INTEGER.fullmatch(text) or int(Decimal(text)) < 1:
            raise refuse(-1130, name="limit")
        return min(int(Decimal(text)), most)

    def window(self, now_ms: int, span_ms: int = WEEK_MS) -> tuple[int, int]:
        """(start, end) of a query by time: the last `span_ms` unless told otherwise, never wider than it."""
        start, end = self.integer("startTime"), self.integer("endTime")
        if start is not None and end is not None:
            if start > end:
                raise refuse(-1023)
            if end - start > span_ms:
                raise refuse(-4165)
            return start, end
        if start is not None:
            return start, start + span_ms
        if end is not None:
            return end - span_ms, end
        return now_ms - span_ms, now_ms

    def client_id(self, name: str) -> str | None:
        """A client's own order id: up to 36 characters of a small alphabet."""
        value = self.text(name)
        if value is None:
            return None
        if len(value) > 36:
            raise refuse(-4015)
        if not _CLIENT_ID.fullmatch(value):
            raise refuse(-1100, name=name, range=_CLIENT_ID_RANGE)
        return value

    def rows(self, name: str) -> list[Any]:
        """A JSON list inside a parameter."""
        try:
            value = json.loads(self.required(name))
        except json.JSONDecodeError:
            raise refuse(-1102, name=name) from None
        if not isinstance(value, list):
            raise refuse(-1102, name=name)
        return value


def spelled(item: Mapping[str, Any]) -> Params:
    """Parameters of one item of a JSON batch, whose values may be numbers and booleans."""
    return Params({name: _spell(value) for name, value in item.items()})


def _spell(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
