"""The archive over real HTTP, with everything that can be wrong with its files."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from engine.clock import SystemClock
from engine.errors import Transient
from engine.exchange import archive_files
from engine.exchange.archive_files import ArchiveFiles
from engine.exchange.transport import AiohttpTransport
from engine.market.archive import Archive, archive_plan
from engine.market.bars import Bar
from tests.support.archive_server import DAMAGES, ArchiveServer, serving

M15 = 900_000
START_MS = int(datetime(2026, 3, 1, tzinfo=UTC).timestamp()) * 1000
MID_MS = int(datetime(2026, 4, 1, tzinfo=UTC).timestamp()) * 1000
END_MS = int(datetime(2026, 5, 1, tzinfo=UTC).timestamp()) * 1000
BARS = [Bar(at, 10.0, 12.0, 9.0, 11.0 + at % 7 * 0.01, 5.0, 2.0) for at in range(START_MS, END_MS, M15)]
MARCH, APRIL = archive_plan("BTCUSDT", "15m", START_MS, END_MS)


@pytest.fixture
async def shelf(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[ArchiveServer, Archive, ArchiveFiles]]:
    monkeypatch.setattr(archive_files, "RETRY_S", (0.01, 0.01))
    transport = AiohttpTransport(2.0, proxied=False)
    try:
        async with serving() as server:
            files = ArchiveFiles(server.url, transport, SystemClock())
            yield server, Archive(files), files
    finally:
        await transport.close()


async def read(archive: Archive) -> list[Bar]:
    return [bar async for part in archive.parts("BTCUSDT", "15m", START_MS, END_MS) for bar in part]


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("damage", DAMAGES)
async def test_each_damage_costs_what_it_must_and_the_next_file_is_read(
    shelf: tuple[ArchiveServer, Archive, ArchiveFiles], damage: str, header: bool
) -> None:
    server, archive, _ = shelf
    server.put(MARCH, "15m", BARS, header, damage)
    server.put(APRIL, "15m", BARS, not header)
    found = [bar.open_ms for bar in await read(archive)]
    whole = list(range(START_MS, END_MS, M15))
    expected = {"": whole, "rows twice": whole, "rows disputed": whole[1:]}
    assert found == expected.get(damage, list(range(MID_MS, END_MS, M15)))


async def test_values_come_as_they_were_written(shelf: tuple[ArchiveServer, Archive, ArchiveFiles]) -> None:
    server, archive, _ = shelf
    server.put_range("BTCUSDT", "15m", START_MS, END_MS, BARS)
    found = await read(archive)
    assert [(b.open, b.high, b.low, b.close, b.volume, b.taker_buy) for b in found] == [
        (b.open, b.high, b.low, b.close, b.volume, b.taker_buy) for b in BARS
    ]


async def test_a_server_in_trouble_is_asked_three_times(
    shelf: tuple[ArchiveServer, Archive, ArchiveFiles],
) -> None:
    server, _, files = shelf
    server.files["/a"] = b"content"
    server.failures["/a"] = 2
    assert await files.get("/a") == b"content"
    server.failures["/a"] = 3
    with pytest.raises(Transient, match="503"):
        await files.get("/a")
    assert await files.get("/nothing") is None
    assert server.asked == ["/a"] * 6 + ["/nothing"]
