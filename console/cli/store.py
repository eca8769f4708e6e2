"""`perpdeck db`: versions of the databases, upgrades, and a copy while everything runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from console.cli.failure import CommandFailed, Exit
from console.cli.invocation import Invocation, shared
from console.cli.tables import table

if TYPE_CHECKING:
    from engine.store.database import Which


@click.group()
def db() -> None:
    """The databases of this home: which version, upgrade, backup."""


@db.command()
@shared
def current(call: Invocation) -> None:
    """The version of each database and the one this program needs."""
    from engine.store.database import Database
    from engine.store.migrate import HEAD
    from engine.store.migrate import current as current_revision

    value = {
        which: {"location": Database(url, which).location, "revision": current_revision(url, which),
                "head": HEAD[which]}
        for which, url in _urls(call).items()
    }  # fmt: skip
    rows = [(which, one["revision"] or "(none)", one["head"], one["location"]) for which, one in value.items()]
    call.data(value, table(("database", "version", "needed", "where"), [tuple(map(str, row)) for row in rows]))


@db.command()
@shared
def upgrade(call: Invocation) -> None:
    """Bring both databases to the version this program needs; each is copied before it changes."""
    from engine.port.address import engine_pid
    from engine.store.migrate import current as current_revision
    from engine.store.migrate import migrate

    pid = engine_pid(call.home) if call.home.exists() else None
    if pid is not None:
        raise CommandFailed(
            Exit.ERROR, f"an engine is running on this home, pid {pid}", name="already_running", where=str(call.home),
            hint="perpdeck stop",
        )  # fmt: skip
    value = {}
    for which, url in _urls(call).items():
        before = current_revision(url, which)
        value[which] = {"from": before, "to": migrate(url, which)}
    lines = [
        f"{which}: {one['to']}, as before"
        if one["from"] == one["to"]
        else f"{which}: {one['from'] or 'new'} → {one['to']}"
        for which, one in value.items()
    ]
    call.data(value, "\n".join(lines))


@db.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@shared
def backup(call: Invocation, folder: Path) -> None:
    """Copy the databases as they are now; an engine may be running."""
    from engine.clock import wall_ms
    from engine.store.backup import back_up
    from engine.store.database import Database

    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    value, stamp = {}, wall_ms()
    for which, url in _urls(call).items():
        database = Database(url, which)
        if database.path is None:
            raise CommandFailed(
                Exit.USAGE, "a server's database is copied with pg_dump", name="not_a_file", where=database.location
            )
        if database.path.exists():
            value[which] = str(back_up(database, folder / f"{which}-{stamp}.sqlite"))
    if not value:
        raise CommandFailed(Exit.ERROR, "no engine has run on this home yet", name="no_database", where=str(call.home))
    call.data(value, "\n".join(f"wrote {file}" for file in value.values()))


def _urls(call: Invocation) -> dict[Which, str]:
    from engine.store.places import database_urls, newest_instance

    settings = call.load().settings
    return database_urls(settings, call.home, newest_instance(settings, call.home))
