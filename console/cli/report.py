"""`perpdeck report`: what the live journal says of a day, of the last shift, or of each strategy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from console.cli.invocation import Invocation, shared
from console.cli.tables import table

if TYPE_CHECKING:
    from engine.store.queries import TradingQueries

HOUR_MS = 3_600_000
SPANS_H = {"day": 24.0, "handover": 12.0, "strategy": 24.0 * 365 * 10}


@click.command()
@click.argument("kind", type=click.Choice(list(SPANS_H)))
@click.option("--hours", type=click.FloatRange(min=0, min_open=True), help="How far back; default 24, 12 or all.")
@click.option("--html", "html_file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE")
@shared
def report(call: Invocation, kind: str, hours: float | None, html_file: Path | None) -> None:
    """Closed trades, open ones and incidents out of the journal; `strategy` has one row for each."""
    from console.cli.records import read
    from engine.clock import wall_ms
    from engine.research.journal_report import journal, page, text

    now_ms = wall_ms()
    span_ms = round((hours if hours is not None else SPANS_H[kind]) * HOUR_MS)

    async def gather(queries: TradingQueries) -> dict[str, Any]:
        newest = await queries.closed(limit=1)
        # On recorded time the journal's own last moment is "now".
        until_ms = min(now_ms, newest[0].closed_ms or now_ms) + 1 if newest else now_ms
        since_ms = max(0, until_ms - span_ms)
        return journal(
            kind, since_ms, until_ms, await queries.closed(since_ms=since_ms), await queries.open_positions(),
            await queries.incidents(since_ms=since_ms), await queries.operator_log(since_ms=since_ms),
        )  # fmt: skip

    value = read(call, gather)
    if html_file is not None:
        html_file.write_text(page(value), encoding="utf-8")
        call.say(f"report written to {html_file}")
    call.data(value, text(value, table))
