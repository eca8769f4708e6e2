"""`perpdeck config`: what is set and where it came from, what is wrong and where, a first file, the schema."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click
import msgspec

from console.cli.failure import CommandFailed, Exit
from console.cli.invocation import Invocation, shared

if TYPE_CHECKING:
    from config import Loaded


@click.group()
def config() -> None:
    """Show, check, start or describe the settings."""


@config.command()
@shared
def show(call: Invocation) -> None:
    """Resolved settings with the place each value came from; secrets masked."""
    loaded = call.load()
    rows = _rows(loaded)
    width = max(len(key) for key, _, _ in rows)
    text = "\n".join(
        f"{key:<{width}}  {json.dumps(value, ensure_ascii=False):<24}  {place}" for key, value, place in rows
    )
    call.data({key: {"value": value, "from": place} for key, value, place in rows}, f"{text}\n{loaded.secrets!r}")


@config.command()
@shared
def check(call: Invocation) -> int:
    """All problems with file:line:column; exit 2 when there is one."""
    from config import ConfigError

    try:
        call.load()
    except ConfigError as error:
        problems = [asdict(problem) for problem in error.problems]
        call.data({"ok": False, "problems": problems}, str(error))
        return int(Exit.USAGE)
    call.data({"ok": True, "problems": []}, "the settings are fine")
    return int(Exit.OK)


@config.command()
@shared
def init(call: Invocation) -> None:
    """Write settings.yaml into the home directory, every key commented out."""
    from config import default_text

    file = call.home / "settings.yaml"
    if file.exists():
        raise CommandFailed(Exit.ERROR, "is there already and was left as it is", where=str(file))
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    lines = [line if not line or line.startswith("#") else f"# {line}" for line in default_text().splitlines()]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    call.data({"file": str(file)}, f"wrote {file}; uncomment what you want to change")


@config.command()
@shared
def schema(call: Invocation) -> None:
    """JSON schema of a settings file."""
    from config import Settings

    call.data(msgspec.json.schema(Settings))


def _rows(loaded: Loaded) -> list[tuple[str, Any, str]]:
    from config import Settings
    from config.validate import schema_keys

    rows = []
    for key, _, _ in schema_keys(Settings):
        value: Any = loaded.settings
        for part in key.split("."):
            value = getattr(value, part)
        placed = loaded.origin.get(key)
        rows.append((key, msgspec.to_builtins(value), placed.place if placed else "default"))
    return rows
