"""Is what is stored whole and right: holes between bars, the rules of bars, and the archive's word on them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from engine.errors import BadPayload, Transient
from engine.market.archive import Archive, archive_plan
from engine.market.bars import Bar, fault
from engine.market.candles import bars_of
from engine.market.integrity import find_gaps
from engine.store.history_queries import HistoryQueries, SeriesSpan
from strategies.model import TIMEFRAME_MS

FRESH = "new"
PRICE_TOLERANCE, VOLUME_TOLERANCE = 1e-9, 1e-6  # relative; sums of parts differ in their last digits


class StoredGap(NamedTuple):
    """A hole between stored bars; `state` is what the repair knows of it, `new` when it has not met it."""

    symbol: str
    tf: str
    from_ms: int
    to_ms: int
    missing: int
    state: str


class StoredFault(NamedTuple):
    """Something that is not right; `where` is a bar or a file."""

    symbol: str
    tf: str
    where: str
    what: str


@dataclass
class CheckReport:
    """What a check looked at and found."""

    bars: int = 0
    files: int = 0
    files_missing: int = 0
    faults: list[StoredFault] = field(default_factory=list)


async def find_stored_gaps(
    queries: HistoryQueries, symbols: Sequence[str] = (), tf: str | None = None
) -> list[StoredGap]:
    """Holes inside every stored series, by symbol, timeframe and time."""
    states = {(row.symbol, row.tf, row.from_ms): row.state for row in await queries.gaps()}
    found: list[StoredGap] = []
    for span in await queries.spans():
        if (symbols and span.symbol not in symbols) or (tf is not None and span.tf != tf):
            continue
        step = TIMEFRAME_MS[span.tf]
        if span.bars == (span.last_ms - span.first_ms) // step + 1:
            continue
        times = await queries.open_times(span.symbol, span.tf)
        for gap in find_gaps(times, step, span.first_ms, span.last_ms).gaps:
            state = states.get((span.symbol, span.tf, gap.from_ms), FRESH)
            found.append(StoredGap(span.symbol, span.tf, *gap, state))
    return found


async def check_stored(
    queries: HistoryQueries,
    archive: Archive | None,
    spans: Iterable[SeriesSpan],
    told: Callable[[SeriesSpan], None] = lambda _span: None,
) -> CheckReport:
    """Every bar by the rules, and every bar that an archive file holds by that file."""
    report = CheckReport()
    for span in spans:
        stored = {bar.open_ms: bar for bar in bars_of(await queries.candles(span.symbol, span.tf))}
        report.bars += len(stored)
        for bar in stored.values():
            if (what := fault(span.tf, bar)) is not None:
                report.faults.append(StoredFault(span.symbol, span.tf, f"bar of {bar.open_ms}", what))
        if archive is not None:
            await _against(archive, span, stored, report)
        told(span)
    return report


async def _against(archive: Archive, span: SeriesSpan, stored: dict[int, Bar], report: CheckReport) -> None:
    for file in archive_plan(span.symbol, span.tf, span.first_ms, span.last_ms + TIMEFRAME_MS[span.tf]):
        try:
            bars = await archive.check(file)
        except (BadPayload, Transient) as error:
            report.faults.append(StoredFault(span.symbol, span.tf, file.path.rsplit("/", 1)[1], str(error)))
            continue
        if bars is None:
            report.files_missing += 1
            continue
        report.files += 1
        for bar in bars:
            ours = stored.get(bar.open_ms)
            if ours is not None and (what := _difference(ours, bar)):
                report.faults.append(StoredFault(span.symbol, span.tf, f"bar of {bar.open_ms}", what))


def _difference(ours: Bar, theirs: Bar) -> str:
    for name in ("open", "high", "low", "close", "volume"):
        mine, other = getattr(ours, name), getattr(theirs, name)
        tolerance = VOLUME_TOLERANCE if name == "volume" else PRICE_TOLERANCE
        if abs(mine - other) > tolerance * max(abs(mine), abs(other)):
            return f"{name} is {mine}, the archive has {other}"
    return ""
