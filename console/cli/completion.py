"""`perpdeck completion SHELL`: the script a shell needs to complete our commands."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of a shell; source it from its start-up file."""
    from console.cli import perpdeck

    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(perpdeck, {}, "perpdeck", "_PERPDECK_COMPLETE").source())
