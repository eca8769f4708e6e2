"""`perpdeck man`: the manual page, from the commands as they are."""

from __future__ import annotations

from collections.abc import Iterator

import click

from console.cli.failure import Exit

EXITS = {
    Exit.OK: "done",
    Exit.ERROR: "failed; standard error says why",
    Exit.USAGE: "a mistake in the command, the settings or an id",
    Exit.NOT_RUNNING: "no engine runs on this home",
    Exit.SECRET: "a secret is missing, exposed or refused",
    Exit.TIMEOUT: "no answer in time, or not yet done",
    Exit.REFUSED: "the desk refuses; the reason has its numbers",
    Exit.CONFIRM: "it asks for a confirmation that was not given",
    Exit.NOT_RECONCILED: "the desk and the exchange do not agree",
    Exit.EXCHANGE: "the exchange is silent or refuses",
    Exit.SAFE_MODE: "something vital failed; stops rest on the exchange, a person has to look",
}


@click.command()
def man() -> None:
    """Print the manual page; keep it as man1/perpdeck.1."""
    from console.cli import perpdeck

    click.echo("\n".join(page(perpdeck)))


def page(root: click.Group) -> Iterator[str]:
    """The page in the language of man(7), line by line."""
    yield '.TH PERPDECK 1 "" "perpdeck" "User Commands"'
    yield from (".SH NAME", "perpdeck \\- a trading desk for USDT-M perpetual futures in the terminal")
    yield from (".SH SYNOPSIS", ".B perpdeck", "[\\fIOPTIONS\\fR] \\fICOMMAND\\fR [\\fIARGS\\fR]...")
    yield from (".SH DESCRIPTION", *_words(root.help or ""))
    yield from (".SH OPTIONS", *_options(root, click.Context(root, info_name="perpdeck")))
    yield ".SH COMMANDS"
    yield from _commands(root, click.Context(root, info_name="perpdeck"), _names(root))
    yield from (".SH EXIT STATUS",)
    for code, meaning in EXITS.items():
        yield from (".TP", f".B {int(code)}", meaning)
    yield from (".SH FILES", ".TP", ".I ~/.local/state/perpdeck", "Everything the desk keeps; PERPDECK_HOME moves it.")
    yield from (".TP", ".I .env", "Secrets, readable by their owner only.")


def _names(root: click.Group) -> set[str]:
    """Options every command takes are told once."""
    context = click.Context(root, help_option_names=["-h", "--help"])
    return {name for param in root.get_params(context) for name in param.opts}


def _commands(group: click.Group, context: click.Context, known: set[str]) -> Iterator[str]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        below = click.Context(command, info_name=name, parent=context)
        if isinstance(command, click.Group):
            yield from _commands(command, below, known)
            continue
        usage = " ".join(part for part in command.collect_usage_pieces(below) if part != "[OPTIONS]")
        yield from (".SS " + _plain(f"{below.command_path} {usage}".strip()), *_words(command.help or ""))
        yield from _options(command, below, known)


def _options(command: click.Command, context: click.Context, known: set[str] | None = None) -> Iterator[str]:
    for param in command.get_params(context):
        told = param.get_help_record(context) if isinstance(param, click.Option) else None
        if told is None or (known is not None and set(param.opts) & known):
            continue
        yield from (".TP", f".B {_plain(told[0])}", _plain(told[1]) or "\\&")


def _words(text: str) -> list[str]:
    return [_plain(line) or ".PP" for line in text.replace("\b", "").splitlines()]


def _plain(text: str) -> str:
    """Text that stands for itself: no escapes, no requests at the start of a line."""
    escaped = text.strip().replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped
