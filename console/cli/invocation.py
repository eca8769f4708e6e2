"""What every command shares: global flags before or after the sub-command, the home directory, output, settings."""

from __future__ import annotations

import functools
import json
import math
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from console.cli.failure import CommandFailed, Exit

if TYPE_CHECKING:
    from config import Loaded
    from config.seat import ConsoleSettings

F = TypeVar("F", bound=Callable[..., Any])


@dataclass
class Invocation:
    """Global flags of one call."""

    config: tuple[Path, ...] = ()
    profile: str | None = None
    home_flag: Path | None = None
    verbose: int = 0
    quiet: bool = False
    no_color: bool = False
    no_input: bool = False
    json: bool = False
    environment: dict[str, str] = field(default_factory=lambda: dict(os.environ))

    @property
    def home(self) -> Path:
        """State directory: flag, else PERPDECK_HOME, else the user's XDG state directory."""
        if self.home_flag is not None:
            return self.home_flag.expanduser().absolute()
        if given := self.environment.get("PERPDECK_HOME"):
            return Path(given).expanduser().absolute()
        state = self.environment.get("XDG_STATE_HOME")
        base = Path(state) if state else Path.home() / ".local" / "state"
        return base / "perpdeck"

    @property
    def color(self) -> bool:
        return not self.no_color and not self.environment.get("NO_COLOR") and sys.stdout.isatty()

    @property
    def may_ask(self) -> bool:
        """A prompt needs a person at a terminal."""
        return not self.no_input and sys.stdin.isatty() and sys.stderr.isatty()

    def load(self, flags: Mapping[str, Any] | None = None) -> Loaded:
        """Settings of this call. ConfigError and SecretExposed are told by `main`."""
        from config import load

        return load(
            home=self.home, files=self.config, profile=self.profile, environment=self.environment, flags=flags,
            working_dir=Path.cwd(),
        )  # fmt: skip

    def load_console(self, flags: Mapping[str, Any] | None = None) -> ConsoleSettings:
        """What this call says about the screen, read without the rest of the settings."""
        from config.seat import load_console

        return load_console(
            home=self.home, files=self.config, profile=self.profile, environment=self.environment, flags=flags,
            working_dir=Path.cwd(),
        )  # fmt: skip

    def data(self, value: Any, text: str | None = None) -> None:
        """The answer of a command: exactly one JSON value with --json, else text for people."""
        if self.json:
            click.echo(json.dumps(finite(value), ensure_ascii=False))
        elif text is not None:
            click.echo(text)
        else:
            click.echo(json.dumps(finite(value), ensure_ascii=False, indent=2))

    def say(self, message: str) -> None:
        """A message for people, on stderr."""
        if not self.quiet:
            click.echo(message, err=True)


def finite(value: Any) -> Any:
    """The value with non-finite numbers as null."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return value


def shared(command: F) -> F:
    """Adds the global flags to a command; given before or after it, they mean the same."""

    @functools.wraps(command)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        context = click.get_current_context()
        call = context.ensure_object(Invocation)
        _merge(call, kwargs)
        return command(call, *args, **kwargs)

    for option in reversed(_OPTIONS):
        wrapper = option(wrapper)
    return wrapper  # type: ignore[return-value]


def _merge(call: Invocation, kwargs: dict[str, Any]) -> None:
    given = {
        name: kwargs.pop(f"g_{name}")
        for name in ("config", "profile", "home", "verbose", "quiet", "no_color", "no_input", "json")
    }
    call.config = (*call.config, *(Path(file) for file in given["config"]))
    call.profile = given["profile"] or call.profile
    call.home_flag = Path(given["home"]) if given["home"] else call.home_flag
    call.verbose += given["verbose"]
    call.quiet |= given["quiet"]
    call.no_color |= given["no_color"]
    call.no_input |= given["no_input"]
    call.json |= given["json"]


_OPTIONS = [
    click.option(
        "--config", "g_config", multiple=True, metavar="FILE", help="Settings file; repeat to override key by key."
    ),
    click.option("--profile", "g_profile", metavar="NAME", help="Overrides below `profiles:` of a settings file."),
    click.option("--home", "g_home", metavar="DIR", help="State directory (PERPDECK_HOME)."),
    click.option("-v", "--verbose", "g_verbose", count=True, help="Say more; twice for all."),
    click.option("-q", "--quiet", "g_quiet", is_flag=True, help="Messages off."),
    click.option("--no-color", "g_no_color", is_flag=True, help="Plain output (NO_COLOR)."),
    click.option("--no-input", "g_no_input", is_flag=True, help="Never ask; what needs an answer ends with 7."),
    click.option("--json", "g_json", is_flag=True, help="One JSON value on stdout."),
]


def need_terminal(call: Invocation) -> None:
    """A screen was asked for: there must be one."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()) or call.environment.get("TERM", "") in ("dumb", ""):
        raise CommandFailed(Exit.USAGE, "no terminal; use --headless", name="no_terminal")


def confirm_name(call: Invocation, given: str | None, name: str, what: str) -> str:
    """The account name, as given or typed; without a terminal the command ends with 7."""
    if given is not None:
        return given
    if not call.may_ask:
        raise CommandFailed(Exit.CONFIRM, f"{what} needs --confirm {name}", name="needs_confirmation")
    return str(click.prompt(f"{what}. Type the account name to confirm", err=True, default="", show_default=False))
