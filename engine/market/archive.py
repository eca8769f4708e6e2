"""The exchange's public archive of finished days and months: no request weight, every file checked by its checksum.

A file is fetched only where it holds more bars than the cheapest page of the REST interface; below that the page is
quicker. Files may be missing or late, so whatever the archive does not have is simply left to REST.
"""

from __future__ import annotations

import asyncio
import csv
import hashlib
import io
import zipfile
from collections.abc import AsyncIterator, Iterable, Iterator
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

import structlog

from engine.errors import BadPayload, Transient
from engine.market.bars import Bar
from engine.market.pages import PAGE_BARS
from strategies.model import TIMEFRAME_MS

log = structlog.get_logger("market")

DAY_MS = 86_400_000
PARALLEL = 4
ROOT = "/data/futures/um"
YEAR_2001_MS = 10**12  # thirteen digits: milliseconds
YEAR_2286_MS = 10**13


class ArchiveFiles(Protocol):
    """Files by their path below the archive's host; None where there is no such file. Raises Transient."""

    async def get(self, path: str) -> bytes | None: ...


class ArchiveFile(NamedTuple):
    """One file and the bars that open in [start, end) it holds."""

    path: str
    start_ms: int
    end_ms: int


def archive_plan(symbol: str, tf: str, start_ms: int, end_ms: int) -> Iterator[ArchiveFile]:
    """The files that lie wholly in the range and are worth a request: whole months, whole days around them."""
    step = TIMEFRAME_MS[tf]
    at_ms = -(-start_ms // DAY_MS) * DAY_MS
    while at_ms + DAY_MS <= end_ms:
        day = datetime.fromtimestamp(at_ms / 1000.0, UTC)
        month_end_ms = _next_month_ms(day)
        if day.day == 1 and month_end_ms <= end_ms:
            if (month_end_ms - at_ms) // step > PAGE_BARS:
                yield ArchiveFile(_path("monthly", symbol, tf, f"{day:%Y-%m}"), at_ms, month_end_ms)
            at_ms = month_end_ms
            continue
        if DAY_MS // step > PAGE_BARS:
            yield ArchiveFile(_path("daily", symbol, tf, f"{day:%Y-%m-%d}"), at_ms, at_ms + DAY_MS)
        at_ms += DAY_MS


class Archive:
    """Reads bars out of archive files, a few files at a time."""

    def __init__(self, files: ArchiveFiles) -> None:
        self._files = files

    async def parts(self, symbol: str, tf: str, start_ms: int, end_ms: int) -> AsyncIterator[list[Bar]]:
        """What the archive has of the range, oldest first, as the files come; may have holes.

        A damaged file is left out and logged. Whoever keeps each part as it comes can stop and go on later.
        """
        plan = list(archive_plan(symbol, tf, start_ms, end_ms))
        for first in range(0, len(plan), PARALLEL):
            found = await asyncio.gather(*(self._try(wanted) for wanted in plan[first : first + PARALLEL]))
            yield [bar for bars in found for bar in bars]

    async def check(self, wanted: ArchiveFile) -> list[Bar] | None:
        """The bars of one file; None where the archive has no such file. Raises BadPayload or Transient."""
        checksum = await self._files.get(f"{wanted.path}.CHECKSUM")
        if checksum is None:
            return None
        packed = await self._files.get(wanted.path)
        if packed is None:
            return None
        # A month of minutes takes a tenth of a second to read, which a loop that trades does not have.
        bars = await asyncio.get_running_loop().run_in_executor(None, _read, packed, checksum)
        return [bar for bar in bars if wanted.start_ms <= bar.open_ms < wanted.end_ms]

    async def _try(self, wanted: ArchiveFile) -> list[Bar]:
        try:
            return await self.check(wanted) or []
        except (BadPayload, Transient) as error:
            log.warning("archive_file_skipped", path=wanted.path, reason=str(error))
            return []


def _read(packed: bytes, checksum: bytes) -> list[Bar]:
    verify(packed, checksum)
    return unrepeated(parse(packed))


def unrepeated(bars: Iterable[Bar]) -> list[Bar]:
    """Each bar once, by open time; one that is there twice with different values is nobody's to choose and left out."""
    kept: dict[int, Bar] = {}
    disputed: set[int] = set()
    for bar in bars:
        if kept.setdefault(bar.open_ms, bar) != bar:
            disputed.add(bar.open_ms)
    if disputed:
        log.warning("archive_rows_disputed", rows=len(disputed), first_ms=min(disputed))
    return [bar for at, bar in sorted(kept.items()) if at not in disputed]


def verify(packed: bytes, checksum: bytes) -> None:
    """Compare a file with its checksum line, `<sha256>  <name>`. Raises BadPayload."""
    words = checksum.decode("ascii", "replace").split()
    if not words or hashlib.sha256(packed).hexdigest() != words[0].lower():
        raise BadPayload(checksum[:80].decode("ascii", "replace"), "the file does not match its checksum")


def parse(packed: bytes) -> list[Bar]:
    """Bars of a zipped CSV, with or without a header line. Raises BadPayload."""
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as pack:
            text = pack.read(pack.namelist()[0]).decode("ascii")
    except (zipfile.BadZipFile, IndexError, UnicodeDecodeError, OSError) as error:
        raise BadPayload(repr(packed[:20]), f"not an archive file: {error}") from error
    return list(_bars(csv.reader(io.StringIO(text))))


def _bars(lines: Iterable[list[str]]) -> Iterator[Bar]:
    for number, line in enumerate(lines):
        if number == 0 and line and not line[0].isdigit():
            continue
        try:
            open_ms = int(line[0])
            opened, high, low, close, volume, quote, taker, taker_quote = (
                float(line[i]) for i in (1, 2, 3, 4, 5, 7, 9, 10)
            )
            trades = int(line[8])
        except (ValueError, IndexError) as error:
            raise BadPayload(",".join(line)[:80], f"line {number + 1}: {error}") from error
        if not YEAR_2001_MS <= open_ms < YEAR_2286_MS:
            raise BadPayload(line[0], f"line {number + 1}: not a time in milliseconds")
        yield Bar(open_ms, opened, high, low, close, volume, taker, quote, trades, taker_quote)


def _next_month_ms(day: datetime) -> int:
    year, month = (day.year + 1, 1) if day.month == 12 else (day.year, day.month + 1)
    return int(datetime(year, month, 1, tzinfo=UTC).timestamp()) * 1000


def _path(period: str, symbol: str, tf: str, label: str) -> str:
    return f"{ROOT}/{period}/klines/{symbol}/{tf}/{symbol}-{tf}-{label}.zip"
