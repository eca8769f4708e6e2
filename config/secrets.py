"""Keys and tokens: from the environment or an owner-only `.env` file; never from the command line, never printed."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path

import msgspec

NAMES = {
    "api_key": "PERPDECK_API_KEY",
    "api_secret": "PERPDECK_API_SECRET",
    "ed25519_file": "PERPDECK_API_ED25519_FILE",
    "telegram_token": "PERPDECK_TELEGRAM_TOKEN",
}


class Secrets(msgspec.Struct, frozen=True):
    """Keys and tokens; never printed, never written."""

    api_key: str = ""
    api_secret: str = ""
    ed25519_file: str = ""
    telegram_token: str = ""

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={'***' if getattr(self, name) else '(none)'}" for name in self.__struct_fields__)
        return f"Secrets({shown})"


class SecretExposed(Exception):
    """A secrets file that others can read; names the file and the way out."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f"{self.path} can be read by others; mend it with: chmod 600 {self.path}"


def dotenv_table(folders: tuple[Path, ...]) -> dict[str, str]:
    """Variables of the first `.env` found in `folders`; raises SecretExposed when group or world can read it."""
    for folder in folders:
        path = folder / ".env"
        if not path.is_file():
            continue
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise SecretExposed(path)
        from dotenv import dotenv_values  # noqa: PLC0415 - only few have such a file; every screen would wait for it

        return {key: value for key, value in dotenv_values(path).items() if value is not None}
    return {}


def secrets_from(environment: Mapping[str, str]) -> Secrets:
    """The secrets an environment holds; empty where it holds none."""
    return Secrets(**{field: environment.get(name, "") for field, name in NAMES.items()})
