"""How a command fails: one exit code for each kind, one line for people, one JSON value for programs."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of every command."""

    OK = 0
    ERROR = 1
    USAGE = 2
    NOT_RUNNING = 3
    SECRET = 4
    TIMEOUT = 5
    REFUSED = 6
    CONFIRM = 7
    NOT_RECONCILED = 8
    EXCHANGE = 9
    SAFE_MODE = 70


class CommandFailed(Exception):
    """Ends a command with a code, a message, the place it is about, and the way out."""

    def __init__(self, code: int, message: str, *, name: str = "", where: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.name = name or (Exit(code).name.lower() if code in Exit._value2member_map_ else "error")
        self.where = where
        self.hint = hint

    def line(self) -> str:
        """One line for people."""
        place = f"{self.where}: " if self.where else ""
        return f"perpdeck: {place}{self.message}" + (f" ({self.hint})" if self.hint else "")

    def value(self) -> dict[str, object]:
        """The JSON value of the contract."""
        return {"error": {"code": self.name, "message": self.message, "where": self.where, "hint": self.hint}}


def not_running() -> CommandFailed:
    return CommandFailed(
        Exit.NOT_RUNNING, "no engine is running", name="not_running", hint="start one: perpdeck run, or perpdeck demo"
    )
