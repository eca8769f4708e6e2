from __future__ import annotations

from pathlib import Path

import msgspec

from engine.errors import Transient
from engine.exchange.instance import instance_name
from engine.exchange.transport import HttpAnswer

URL = "http://127.0.0.1:8777"


class Exchange:
    """Knows some days; `days` None is away."""

    def __init__(self, *days: tuple[int, str]) -> None:
        self.days: tuple[tuple[int, str], ...] | None = days
        self.status = 200

    async def request(self, method: str, url: str, headers: object, timeout_s: float) -> HttpAnswer:
        if self.days is None:
            raise Transient("no route")
        rows = [[at, "1", "2", "0.5", close, "10", at + 1] for at, close in self.days]
        return HttpAnswer(self.status, {}, msgspec.json.encode(rows))

    async def close(self) -> None:
        """Nothing to close."""


async def test_a_name_stays_while_days_are_added_and_differs_for_another_past(tmp_path: Path) -> None:
    first = await instance_name(URL, Exchange((1, "1.5"), (2, "1.6")), tmp_path)
    assert await instance_name(URL, Exchange((1, "1.5"), (2, "1.7"), (3, "1.8")), tmp_path) == first
    assert await instance_name(URL, Exchange((1, "1.4")), tmp_path) != first
    assert await instance_name("http://127.0.0.1:8778", Exchange((1, "1.5")), tmp_path) != first


async def test_while_it_is_away_the_last_name_of_its_address_is_used(tmp_path: Path) -> None:
    away = Exchange()
    away.days = None
    unknown = await instance_name(URL, away, tmp_path)
    known = await instance_name(URL, Exchange((1, "1.5")), tmp_path)
    assert known != unknown
    assert await instance_name(URL, away, tmp_path) == known


async def test_an_exchange_without_that_symbol_still_has_a_name(tmp_path: Path) -> None:
    other = Exchange()
    other.status = 400
    assert (await instance_name(URL, other, tmp_path)).startswith("served-")
    assert await instance_name(URL, Exchange(), tmp_path) == await instance_name(URL, other, tmp_path)
