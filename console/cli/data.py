"""`perpdeck data`: history into the store, its holes, its checksums, its end; with or without an engine running."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from console.cli.failure import CommandFailed, Exit
from console.cli.invocation import Invocation, shared
from console.cli.progress import Progress
from console.cli.tables import table

if TYPE_CHECKING:
    from engine.data_room import DataRoom
    from engine.market.history import LoadResult

T = TypeVar("T")
TIMEFRAMES = click.Choice(["1m", "15m", "1h", "4h", "1d"])
SHOWN = 40


@click.group()
def data() -> None:
    """Bring history into the store, look at its holes, check it, drop what is too old."""


@data.command()
@click.argument("symbols", nargs=-1)
@click.option("--days", type=click.IntRange(1, 3000), help="History of every timeframe; default: as the settings say.")
@click.option("--venue", type=click.Choice(["paper", "testnet", "live", "sim"]))
@click.option("--sim-url", metavar="URL", help="An exchange served elsewhere.")
@shared
def pull(call: Invocation, symbols: tuple[str, ...], days: int | None, venue: str | None, sim_url: str | None) -> int:
    """Fetch what is missing, from the archive and over REST; all watched symbols unless some are named."""

    async def work(room: DataRoom) -> int:
        await room.go_online()
        wanted = _known(room, symbols) or await room.universe()
        forecast = await room.forecast(wanted)
        call.say(forecast.text)
        steps = Progress(len(wanted), "symbols", quiet=call.quiet)
        results = await room.pull(wanted, lambda _symbol, _result: steps.step())
        steps.finish()
        return _pulled(call, results, forecast.weight, steps.elapsed_s)

    return _in_room(call, work, {"venue": venue, "sim.url": sim_url}, days)


def _pulled(call: Invocation, results: dict[str, LoadResult], weight: int, wall_s: float) -> int:
    from engine.market.history import Complete, Failed, Partial

    failed = {symbol: one.reason for symbol, one in results.items() if isinstance(one, Failed)}
    partial = {symbol: one for symbol, one in results.items() if isinstance(one, Partial)}
    bars = sum(one.bars for one in results.values() if not isinstance(one, Failed))
    value = {
        "symbols": len(results), "complete": sum(isinstance(one, Complete) for one in results.values()),
        "partial": [{"symbol": symbol, "missing": sum(gap.missing for gap in one.gaps),
                     "completeness_pct": round(one.completeness_pct, 2)} for symbol, one in partial.items()],
        "failed": [{"symbol": symbol, "reason": reason} for symbol, reason in failed.items()],
        "bars": bars, "weight": weight, "wall_s": round(wall_s, 1),
    }  # fmt: skip
    lines = [f"{len(results)} symbols, {bars:,} bars in {wall_s:.0f} s"]
    lines += [f"{symbol}: {sum(gap.missing for gap in one.gaps)} bars missing" for symbol, one in partial.items()]
    lines += [f"{symbol}: failed, {reason}" for symbol, reason in failed.items()]
    call.data(value, "\n".join(lines))
    if not failed:
        return int(Exit.OK)
    return int(Exit.EXCHANGE if len(failed) == len(results) else Exit.ERROR)


@data.command()
@click.option("--symbol", "symbols", multiple=True, metavar="SYMBOL")
@click.option("--tf", type=TIMEFRAMES)
@shared
def gaps(call: Invocation, symbols: tuple[str, ...], tf: str | None) -> None:
    """Holes in what is stored, and what is known of them."""
    from engine.market.stored_check import find_stored_gaps

    names = tuple(symbol.upper() for symbol in symbols)

    async def work(room: DataRoom) -> None:
        found = await find_stored_gaps(room.queries, names, tf)
        value = [gap._asdict() for gap in found]
        rows = [(g.symbol, g.tf, _stamp(g.from_ms), _stamp(g.to_ms), str(g.missing), g.state) for g in found[:SHOWN]]
        more = f"\n… and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        head = ("symbol", "tf", "from", "to", "bars", "state")
        call.data(value, table(head, rows) + more if found else "no holes")

    _in_room(call, work)


@data.command()
@click.option("--symbol", "symbols", multiple=True, metavar="SYMBOL")
@click.option("--tf", type=TIMEFRAMES)
@click.option("--offline", is_flag=True, help="The rules of bars only; the archive is not asked.")
@shared
def verify(call: Invocation, symbols: tuple[str, ...], tf: str | None, offline: bool) -> int:
    """Stored bars against the rules of bars, and against the archive's files with their checksums."""
    from engine.market.stored_check import check_stored

    names = tuple(symbol.upper() for symbol in symbols)

    async def work(room: DataRoom) -> int:
        spans = [span for span in await room.queries.spans() if not names or span.symbol in names]
        spans = [span for span in spans if tf is None or span.tf == tf]
        archive = None if offline else room.archive
        steps = Progress(len(spans), "bars", quiet=call.quiet)
        report = await check_stored(room.queries, archive, spans, lambda span: steps.step(span.bars))
        steps.finish()
        value = {
            "series": len(spans), "bars": report.bars, "files": report.files, "files_missing": report.files_missing,
            "faults": [fault._asdict() for fault in report.faults], "ok": not report.faults,
        }  # fmt: skip
        asked = "" if archive else " (no archive asked)"
        lines = [f"{report.bars:,} bars of {len(spans)} series against {report.files} files{asked}"]
        lines += [f"{one.symbol} {one.tf} {one.where}: {one.what}" for one in report.faults[:SHOWN]]
        lines.append("all is well" if not report.faults else f"{len(report.faults)} faults")
        call.data(value, "\n".join(lines))
        return int(Exit.ERROR if report.faults else Exit.OK)

    return _in_room(call, work)


@data.command()
@shared
def prune(call: Invocation) -> None:
    """Drop bars and prints older than the settings keep them."""
    from engine.store.retention import prune_history

    async def work(room: DataRoom) -> None:
        dropped = await prune_history(room.writer, room.settings.store, room.clock.now_ms())
        call.data(dropped, ", ".join(f"{count:,} {kind}" for kind, count in dropped.items()) + " dropped")

    _in_room(call, work)


@data.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--symbol", metavar="SYMBOL", help="Default: as the file is named.")
@click.option("--tf", type=TIMEFRAMES, help="Default: as the file is named, else 15m.")
@shared
def import_(call: Invocation, files: tuple[Path, ...], symbol: str | None, tf: str | None) -> None:
    """Bars of your own, Parquet or CSV; a file that is wrong as a whole stops the command before anything is stored."""
    from engine.market.user_files import UserBars, named

    read: list[tuple[Path, str, str, UserBars]] = []
    for file in files:
        by_name = named(file)
        name, frame = (symbol or by_name[0]).upper(), tf or by_name[1] or "15m"
        if not name:
            raise CommandFailed(Exit.USAGE, "its name does not say the symbol; give --symbol", where=str(file))
        read.append((file, name, frame, _read(file, frame)))

    async def work(room: DataRoom) -> None:
        done = []
        for file, name, frame, found in read:
            stored = await room.fetcher.store(name, frame, found.bars)
            done.append({"file": str(file), "symbol": name, "tf": frame, "bars": stored, "dropped": found.dropped,
                         "faults": list(found.faults)})  # fmt: skip
            for what in found.faults:
                call.say(f"{file}: {what}; left out")
        head = ("file", "symbol", "tf", "bars", "dropped")
        call.data(done, table(head, [tuple(str(one[name]) for name in head) for one in done]))

    _in_room(call, work)


def _read(file: Path, tf: str) -> Any:
    from engine.market.user_files import BadFile, NeedsExtra, read_bars

    try:
        return read_bars(file, tf)
    except BadFile as error:
        where = f"{file}, {error.place}" if error.place else str(file)
        raise CommandFailed(Exit.USAGE, error.what, name="data_file", where=where) from error
    except NeedsExtra as error:
        raise CommandFailed(Exit.USAGE, str(error), name="extra_missing", where=str(file)) from error
    except OSError as error:
        raise CommandFailed(Exit.USAGE, error.strerror or str(error), name="data_file", where=str(file)) from error


def _known(room: DataRoom, symbols: tuple[str, ...]) -> list[str]:
    """The named symbols; one the exchange does not list is a usage error."""
    wanted = [symbol.upper() for symbol in symbols]
    for symbol in wanted:
        if symbol not in room.instruments:
            raise CommandFailed(Exit.USAGE, f"{symbol} is not listed on {room.venue.name}", name="unknown_symbol")
    return wanted


def _in_room(
    call: Invocation,
    work: Callable[[DataRoom], Awaitable[T]],
    flags: dict[str, Any] | None = None,
    days: int | None = None,
) -> T:
    from engine.data_room import opened
    from engine.errors import BadPayload, ExchangeError

    loaded = call.load(flags)

    async def go() -> T:
        async with opened(loaded.settings, call.home, days) as room:
            return await work(room)

    try:
        return asyncio.run(go())
    except (ExchangeError, BadPayload) as error:
        raise CommandFailed(Exit.EXCHANGE, str(error), name="exchange", where=loaded.settings.venue) from error


def _stamp(at_ms: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")
