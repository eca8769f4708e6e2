from __future__ import annotations

import asyncio
import hashlib
import io
import zipfile
from datetime import UTC, datetime

import pytest

from engine.errors import BadPayload, Transient
from engine.market.archive import Archive, archive_plan, parse, verify

HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
)


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1000


def line(open_ms: int, close: str = "1.5") -> str:
    return f"{open_ms},1.0,2.0,0.5,{close},10,{open_ms + 59_999},15,7,4,6,0"


def pack(*lines: str) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("bars.csv", "\n".join(lines) + "\n")
    return held.getvalue()


def checksum(packed: bytes) -> bytes:
    return f"{hashlib.sha256(packed).hexdigest()}  file.zip\n".encode()


class Shelf:
    def __init__(self, **files: bytes) -> None:
        self.files = files
        self.asked: list[str] = []
        self.error: Exception | None = None

    async def get(self, path: str) -> bytes | None:
        self.asked.append(path)
        if self.error:
            raise self.error
        return self.files.get(path.rsplit("/", 1)[1].replace("-", "_").replace(".", "_"))


@pytest.mark.parametrize(
    ("tf", "start", "end", "names"),
    [
        ("15m", "2026-01-10", "2026-04-05", ["monthly/2026-02", "monthly/2026-03"]),
        ("15m", "2026-02-01", "2026-03-01", ["monthly/2026-02"]),
        ("15m", "2026-02-01T00:15", "2026-03-01", []),
        ("15m", "2026-02-01", "2026-02-28T23:45", []),
        ("1h", "2025-12-01", "2026-01-01", ["monthly/2025-12"]),
        ("4h", "2025-12-01", "2026-02-01", []),
        (
            "1m",
            "2026-01-30",
            "2026-03-02",
            ["daily/2026-01-30", "daily/2026-01-31", "monthly/2026-02", "daily/2026-03-01"],
        ),
    ],
)
def test_whole_months_and_days_are_fetched_where_a_file_beats_a_page(
    tf: str, start: str, end: str, names: list[str]
) -> None:
    planned = list(archive_plan("BTCUSDT", tf, ms(start), ms(end)))
    found = [
        f"{file.path.split('/')[4]}/{file.path.rsplit(f'BTCUSDT-{tf}-', 1)[1].removesuffix('.zip')}" for file in planned
    ]
    assert found == names


def test_the_path_is_the_archives_own() -> None:
    (file,) = archive_plan("BTCUSDT", "1m", ms("2026-11-20"), ms("2026-11-21"))
    assert file.path == "/data/futures/um/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2026-11-20.zip"


@pytest.mark.parametrize("header", [[], [HEADER]])
def test_files_with_and_without_a_header_are_read(header: list[str]) -> None:
    (first, second) = parse(pack(*header, line(ms("2026-01-01")), line(ms("2026-01-01") + 60_000, "0.00001")))
    assert (first.open_ms, first.open, first.high, first.low, first.close) == (ms("2026-01-01"), 1.0, 2.0, 0.5, 1.5)
    assert (first.volume, first.quote_volume, first.trades, first.taker_buy, first.taker_buy_quote) == (10, 15, 7, 4, 6)
    assert second.close == 0.00001


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<html>not found</html>", "not an archive file"),
        (pack(line(ms("2026-01-01") * 1000)), "milliseconds"),
        (pack(line(ms("2026-01-01")), "1767225600000,1.0,x"), "line 2"),
    ],
)
def test_what_is_no_archive_file_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(BadPayload, match=words):
        parse(content)


def test_a_checksum_must_fit() -> None:
    verify(b"abc", checksum(b"abc"))
    for wrong in (checksum(b"abd"), b"", b"\n"):
        with pytest.raises(BadPayload, match="checksum"):
            verify(b"abc", wrong)


def bars(shelf: Shelf) -> list[int]:
    async def read() -> list[int]:
        parts = Archive(shelf).parts("BTCUSDT", "1m", ms("2026-01-02"), ms("2026-01-04"))
        return [bar.open_ms async for part in parts for bar in part]

    return asyncio.run(read())


def test_a_damaged_or_missing_file_costs_its_own_bars_only() -> None:
    good = pack(line(ms("2026-01-03")))
    assert bars(
        Shelf(
            BTCUSDT_1m_2026_01_02_zip=good + b"x",
            BTCUSDT_1m_2026_01_02_zip_CHECKSUM=checksum(good),
            BTCUSDT_1m_2026_01_03_zip=good,
            BTCUSDT_1m_2026_01_03_zip_CHECKSUM=checksum(good),
        )
    ) == [ms("2026-01-03")]
    assert bars(Shelf()) == []
    unreachable = Shelf()
    unreachable.error = Transient("no route")
    assert bars(unreachable) == []
    assert len(unreachable.asked) == 2


def test_bars_outside_their_file_are_left_out() -> None:
    strange = pack(line(ms("2026-01-02")), line(ms("2026-01-05")))
    shelf = Shelf(BTCUSDT_1m_2026_01_02_zip=strange, BTCUSDT_1m_2026_01_02_zip_CHECKSUM=checksum(strange))
    assert bars(shelf) == [ms("2026-01-02")]


def test_a_row_that_is_there_twice_counts_once_and_a_disputed_one_not_at_all() -> None:
    first, second = ms("2026-01-02"), ms("2026-01-02") + 60_000
    twice = pack(line(first), line(first), line(second), line(second, "1.7"))
    shelf = Shelf(BTCUSDT_1m_2026_01_02_zip=twice, BTCUSDT_1m_2026_01_02_zip_CHECKSUM=checksum(twice))
    assert bars(shelf) == [first]
