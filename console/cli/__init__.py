"""The command line: turns arguments into calls, and every failure into an exit code of the contract."""

from __future__ import annotations

import difflib
import functools
import json
import sys
from collections.abc import Sequence
from importlib import import_module
from types import TracebackType

import click

from console.cli.failure import CommandFailed, Exit
from console.cli.invocation import Invocation, shared

# command -> (module, function); imported when called, so that `status` starts in a blink.
COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("console.cli.run", "demo"),
    "run": ("console.cli.run", "run"),
    "attach": ("console.cli.run", "attach"),
    "replay": ("console.cli.replay", "replay"),
    "stop": ("console.cli.run", "stop"),
    "status": ("console.cli.run", "status"),
    "config": ("console.cli.settings", "config"),
    "signals": ("console.cli.desk", "signals"),
    "approve": ("console.cli.desk", "approve"),
    "reject": ("console.cli.desk", "reject"),
    "positions": ("console.cli.desk", "positions"),
    "orders": ("console.cli.desk", "orders"),
    "close": ("console.cli.desk", "close"),
    "flatten": ("console.cli.desk", "flatten"),
    "pause": ("console.cli.desk", "pause"),
    "resume": ("console.cli.desk", "resume"),
    "block": ("console.cli.desk", "block"),
    "unblock": ("console.cli.desk", "unblock"),
    "mode": ("console.cli.desk", "mode"),
    "kill": ("console.cli.desk", "kill"),
    "preview": ("console.cli.desk", "preview"),
    "reconcile": ("console.cli.desk", "reconcile"),
    "limits": ("console.cli.desk", "limits"),
    "audit": ("console.cli.records", "audit"),
    "telegram": ("console.cli.telegram", "telegram"),
    "data": ("console.cli.data", "data"),
    "db": ("console.cli.store", "db"),
    "drill": ("console.cli.drills", "drill"),
    "sim": ("console.cli.sim", "sim"),
    "backtest": ("console.cli.research", "backtest"),
    "validate": ("console.cli.validate", "validate"),
    "sweep": ("console.cli.sweep", "sweep"),
    "report": ("console.cli.report", "report"),
    "doctor": ("console.cli.doctor", "doctor"),
    "explain": ("console.cli.explain", "explain"),
    "completion": ("console.cli.completion", "completion"),
    "man": ("console.cli.manual", "man"),
}


class LazyCommands(click.Group):
    """A group whose sub-commands are imported when asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name]
        found: click.Command = getattr(import_module(module), name)
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            if near:
                raise click.UsageError(f"{error.message} Did you mean {near[0]!r}?", ctx) from error
            raise


@click.group(cls=LazyCommands, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="perpdeck", message="perpdeck %(version)s")
@shared
def perpdeck(call: Invocation) -> None:
    """A trading desk for USDT-M perpetual futures in the terminal.

    Without a command: attach to the running engine, else start one as configured.
    """
    context = click.get_current_context()
    if context.invoked_subcommand is None:
        from console.cli.run import default

        default(call)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code. No traceback ever reaches a terminal."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    as_json = "--json" in arguments
    call = Invocation()
    sys.excepthook = functools.partial(_last_word, call, as_json)
    try:
        result = perpdeck.main(args=arguments, prog_name="perpdeck", standalone_mode=False, obj=call)
    except click.exceptions.Exit as error:
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return _told(CommandFailed(Exit.ERROR, "interrupted", name="interrupted"), as_json)
    except click.UsageError as error:
        usage = error.ctx.get_usage() if error.ctx is not None else ""
        return _told(
            CommandFailed(Exit.USAGE, error.format_message(), name="usage", hint=usage.replace("\n", " ")), as_json
        )
    except click.ClickException as error:
        return _told(CommandFailed(Exit.USAGE, error.format_message(), name="usage"), as_json)
    except BrokenPipeError:
        sys.stderr.close()
        return int(Exit.ERROR)
    except CommandFailed as error:
        return _told(error, as_json)
    except _expected() as error:
        return _told(_translated(error), as_json)
    return result if isinstance(result, int) else int(Exit.OK)


def _expected() -> tuple[type[BaseException], ...]:
    """Failures of lower floors that a command may end with; imported only when something failed."""
    from config import ConfigError, SecretExposed
    from engine.errors import StoreError

    return (ConfigError, SecretExposed, StoreError, OSError, TimeoutError)


def _translated(error: BaseException) -> CommandFailed:
    from config import ConfigError, SecretExposed

    if isinstance(error, ConfigError):
        first = error.problems[0]
        return CommandFailed(Exit.USAGE, str(error), name="config", where=first.file, hint="perpdeck config check")
    if isinstance(error, SecretExposed):
        return CommandFailed(Exit.SECRET, str(error), name="secret_exposed", where=str(error.path))
    if isinstance(error, ConnectionError):
        return CommandFailed(Exit.NOT_RUNNING, str(error), name="not_running", hint="perpdeck status")
    if isinstance(error, TimeoutError):
        return CommandFailed(Exit.TIMEOUT, str(error) or "timed out", name="timeout")
    if isinstance(error, OSError):
        return CommandFailed(Exit.ERROR, error.strerror or str(error), name="file", where=str(error.filename or ""))
    return CommandFailed(Exit.ERROR, str(error), name="store")


def _last_word(
    call: Invocation, as_json: bool, kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """What nobody expected: the traceback goes to a file, one line to the person."""
    where = _filed(kind, error, trace, call)
    _told(CommandFailed(Exit.ERROR, f"unexpected {kind.__name__}: {error}", name="unexpected", where=where), as_json)


def _filed(kind: type[BaseException], error: BaseException, trace: TracebackType | None, call: Invocation) -> str:
    import traceback

    from engine.clock import wall_ms

    folder = call.home / "logs"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"crash-{wall_ms()}.txt"
        file.write_text("".join(traceback.format_exception(kind, error, trace)), encoding="utf-8")
    except OSError:
        return ""
    return str(file)


def _told(failure: CommandFailed, as_json: bool) -> int:
    if as_json:
        click.echo(json.dumps(failure.value(), ensure_ascii=False))
    click.echo(failure.line(), err=True)
    return int(failure.code)
