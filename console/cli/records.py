"""`perpdeck audit`: the operators' log, read from the home directory, with or without an engine."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from console.cli.failure import CommandFailed, Exit
from console.cli.invocation import Invocation, shared
from console.cli.tables import table

if TYPE_CHECKING:
    from engine.store.queries import TradingQueries
    from engine.store.rows import OperatorLogRow

T = TypeVar("T")
TAIL = 20


@click.group()
def audit() -> None:
    """Who decided what: an append-only, hash-chained log."""


@audit.command()
@click.option("-n", "--lines", type=click.IntRange(min=1), default=TAIL, show_default=True)
@shared
def tail(call: Invocation, lines: int) -> None:
    """The newest entries."""
    rows = read(call, lambda queries: queries.operator_log(limit=lines))
    call.data([_json(row) for row in rows], _text(rows) if rows else "nothing has been decided yet")


@audit.command()
@click.argument("trade")
@shared
def show(call: Invocation, trade: str) -> None:
    """Everything about one trade: its signal, the decisions on it, its orders, fills and steps."""

    async def gather(queries: TradingQueries) -> dict[str, Any]:
        signal = await queries.signal(trade)
        if signal is None:
            raise CommandFailed(Exit.USAGE, f"no signal {trade!r}", name="unknown_id")
        log = [row for row in await queries.operator_log() if trade in row.payload.decode(errors="replace")]
        return {
            "signal": {**msgspec.to_builtins(signal), "evidence": json.loads(signal.evidence)},
            "decisions": [_json(row) for row in log],
            "orders": msgspec.to_builtins(await queries.orders(signal_id=trade)),
            "fills": msgspec.to_builtins(await queries.fills(signal_id=trade)),
            "steps": [
                {"at_ms": step.at_ms, "kind": step.kind, "price": str(step.price) if step.price is not None else None}
                for step in await queries.signal_events(trade)
            ],
        }

    call.data(read(call, gather))


@audit.command()
@shared
def verify(call: Invocation) -> int:
    """Check the chain: a changed or removed entry breaks every one after it."""
    broken = read(call, lambda queries: queries.broken_link())
    if broken is None:
        call.data({"intact": True}, "the log is intact")
        return int(Exit.OK)
    call.data(
        {"intact": False, "first_broken": _json(broken)},
        f"the log was changed at or before entry {broken.id}, {_stamp(broken.at_ms)}: {broken.text}",
    )
    return int(Exit.ERROR)


@audit.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), required=False)
@shared
def export(call: Invocation, file: Path | None) -> None:
    """The whole log as JSON lines, to a file or to stdout."""
    rows = read(call, lambda queries: queries.operator_log())
    lines = "".join(json.dumps(_json(row), ensure_ascii=False) + "\n" for row in rows)
    if file is None:
        click.echo(lines, nl=False)
        return
    if file.exists():
        raise CommandFailed(Exit.ERROR, "is there already and was left as it is", where=str(file))
    file.write_text(lines, encoding="utf-8")
    call.data({"file": str(file), "rows": len(rows)}, f"wrote {len(rows)} entries to {file}")


def read(call: Invocation, ask: Callable[[TradingQueries], Awaitable[T]]) -> T:
    """Ask the trading database of this home; ends with 1 when there is none."""
    from engine.store.database import Database
    from engine.store.queries import TradingQueries
    from engine.store.reader import Reader

    url = trading_url(call)

    async def go() -> T:
        return await ask(TradingQueries(Reader(Database(url, "trading"))))

    return asyncio.run(go())


def trading_url(call: Invocation) -> str:
    """The trading database of the configured venue; of the simulator the newest one."""
    settings = call.load().settings
    if settings.store.trading_url:
        return settings.store.trading_url
    own = call.home / settings.venue / "trading.sqlite"
    found = (
        [own] if own.exists() else sorted(call.home.glob("*/**/trading.sqlite"), key=lambda file: file.stat().st_mtime)
    )
    if not found:
        raise CommandFailed(Exit.ERROR, "no engine has run on this home yet", name="no_database", where=str(call.home))
    return f"sqlite:///{found[-1]}"


def _json(row: OperatorLogRow) -> dict[str, Any]:
    value: dict[str, Any] = msgspec.to_builtins(row)
    value["payload"] = json.loads(row.payload)
    return value


def _text(rows: list[OperatorLogRow]) -> str:
    return table(("time", "who", "what", "answer"), [(_stamp(r.at_ms), r.who, r.kind, r.text) for r in rows])


def _stamp(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
