"""`perpdeck explain CODE`: what a refusal means and what to do."""

from __future__ import annotations

import difflib

import click
import msgspec

from console.cli.failure import CommandFailed, Exit
from console.cli.invocation import Invocation, shared

EFFECTS = {
    "none": "nothing has happened",
    "unknown": "it may have happened",
    "done": "it is already so",
}


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("code")
@shared
def explain(call: Invocation, code: str) -> None:
    """What an error code of the exchange, or a reason of this desk, means and what to do."""
    from engine.explanations import EXPLANATIONS
    from engine.explanations import explain as look_up

    found = look_up(code)
    if found is None:
        near = difflib.get_close_matches(code.lower(), [name.lower() for name in EXPLANATIONS], n=3)
        names = [name for name in EXPLANATIONS if name.lower() in near]
        hint = f"near: {', '.join(names)}" if names else "a number such as -2021, or a reason such as SpreadTooWide"
        raise CommandFailed(Exit.USAGE, f"nobody knows {code!r}", name="unknown_code", hint=hint)
    text = f"{found.code} ({found.by}): {found.meaning}\n  effect: {EFFECTS[found.effect]}\n  to do: {found.mend}"
    call.data(msgspec.to_builtins(found), text)
