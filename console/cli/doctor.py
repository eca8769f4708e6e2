"""`perpdeck doctor`: what stands between this machine and trading; each red line says how to mend it."""

from __future__ import annotations

import asyncio
import locale
import os
import shutil
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import click
import msgspec

from console.cli.failure import Exit
from console.cli.invocation import Invocation, shared

if TYPE_CHECKING:
    from config import Loaded
    from engine.checkup import Finding

GIB = 1024**3
ROOM_WARN_GIB, ROOM_BAD_GIB = 5.0, 0.5
SIGNS = {"ok": "✓", "warn": "!", "bad": "✗", "not checked": "·"}
COLORS = {"ok": "green", "warn": "yellow", "bad": "red", "not checked": None}
CODES = {"key": Exit.SECRET, "exchange": Exit.EXCHANGE, "machine": Exit.ERROR}


@click.command()
@click.option("--online", is_flag=True, help="Also ask the exchange: clock, key, modes, streams.")
@click.option("--canary", is_flag=True, help="Also place a far conditional order and cancel it (with --online).")
@shared
def doctor(call: Invocation, online: bool, canary: bool) -> int:
    """Look at machine, terminal, databases and, with --online, at the exchange and the key."""
    from engine.checkup import Mark

    if canary and not online:
        raise click.UsageError("--canary asks the exchange: it goes with --online")
    loaded = call.load()
    found = [*_machine(call), *_databases(call, loaded), *_terminal(call)]
    if online:
        found += asyncio.run(_online(call, loaded, canary))
    bad = [one for one in found if one.mark is Mark.BAD]
    call.data({"ok": not bad, "findings": msgspec.to_builtins(found)}, "\n".join(map(_line(call), found)))
    return int(CODES[bad[0].area]) if bad else int(Exit.OK)


def _line(call: Invocation) -> Callable[[Finding], str]:
    plain = "utf" not in (sys.stdout.encoding or "").lower()
    signs = {name: name[:4] for name in SIGNS} if plain else SIGNS

    def line(one: Finding) -> str:
        sign = click.style(signs[one.mark], fg=COLORS[one.mark]) if call.color else signs[one.mark]
        return f"{sign} {one.name:<14} {one.detail}" + (f"\n    to mend: {one.mend}" if one.mend else "")

    return line


def _machine(call: Invocation) -> list[Finding]:
    from engine.checkup import Finding, Mark
    from engine.port.address import engine_pid

    home = call.home
    place = next(folder for folder in (home, *home.parents) if folder.exists())
    free_gib = shutil.disk_usage(place).free / GIB
    mark = Mark.BAD if free_gib < ROOM_BAD_GIB else Mark.WARN if free_gib < ROOM_WARN_GIB else Mark.OK
    mend = "" if mark is Mark.OK else f"make room below {place}, or move the home with --home"
    found = [Finding("disk", mark, f"{free_gib:.1f} GiB free at {place}", mend)]
    if not os.access(place, os.W_OK):
        found.append(Finding("home", Mark.BAD, f"{place} cannot be written", "chown it, or choose another --home"))
    pid = engine_pid(home) if home.exists() else None
    detail = f"an engine runs on this home, pid {pid}; a second one is refused" if pid else "no engine on this home"
    found.append(Finding("instance", Mark.OK, detail))
    return found


def _databases(call: Invocation, loaded: Loaded) -> list[Finding]:
    from engine.checkup import Finding, Mark
    from engine.errors import StoreError
    from engine.store.database import Database
    from engine.store.migrate import HEAD, current
    from engine.store.places import database_urls, newest_instance

    found = []
    urls = database_urls(loaded.settings, call.home, newest_instance(loaded.settings, call.home))
    for which, url in urls.items():
        name = f"{which} store"
        try:
            revision = current(url, which)
        except StoreError as error:
            found.append(Finding(name, Mark.BAD, str(error), "put a backup in its place, or move the file away"))
            continue
        where = Database(url, which).location
        if revision is None:
            found.append(Finding(name, Mark.OK, f"will be made at {where}"))
        elif revision != HEAD[which]:
            found.append(
                Finding(name, Mark.WARN, f"{revision} at {where}, {HEAD[which]} needed", "perpdeck db upgrade")
            )
        else:
            found.append(Finding(name, Mark.OK, f"{revision} at {where}"))
    return found


def _terminal(call: Invocation) -> list[Finding]:
    from engine.checkup import Finding, Mark

    environment = call.environment
    term = environment.get("TERM", "")
    found = []
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        found.append(Finding("terminal", Mark.WARN, "no terminal here", "screens need one; else use --headless"))
    elif term in ("", "dumb"):
        found.append(Finding("terminal", Mark.BAD, f"TERM={term or '(unset)'}", "export TERM=xterm-256color"))
    else:
        size = shutil.get_terminal_size()
        small = size.columns < 80 or size.lines < 24
        mend = "enlarge it to 80 columns and 24 lines at least" if small else ""
        detail = f"{term}, {size.columns} columns, {size.lines} lines"
        found.append(Finding("terminal", Mark.WARN if small else Mark.OK, detail, mend))
    if environment.get("TMUX"):
        rich = term.startswith(("tmux", "screen"))
        mend = 'in tmux.conf: set -g default-terminal "tmux-256color", set -sg escape-time 10'
        found.append(Finding("tmux", Mark.OK if rich else Mark.WARN, f"inside tmux, TERM={term}", "" if rich else mend))
    encoding = locale.getpreferredencoding(False)
    utf8 = "utf" in encoding.lower()
    mend = "" if utf8 else "export LANG=C.UTF-8; without it glyphs are ASCII"
    found.append(Finding("locale", Mark.OK if utf8 else Mark.WARN, encoding, mend))
    return found


async def _online(call: Invocation, loaded: Loaded, canary: bool) -> list[Finding]:
    from engine.checkup import Checkup, Finding, Mark
    from engine.exchange.venue import venue_for

    settings = loaded.settings
    if settings.venue == "sim" and not (settings.sim.url or settings.venues.sim.rest):
        return [Finding("exchange", Mark.SKIPPED, "the embedded exchange is started with the engine")]
    return await Checkup(settings, loaded.secrets, venue_for(settings)).run(canary)
