"""Reads the settings: defaults < files < profile < environment < flags, with the place each value came from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from config.layers import DEFAULT_NAME, layers_of
from config.schema import Settings
from config.secrets import Secrets, dotenv_table, secrets_from
from config.source import ConfigError, Placed, Problem
from config.validate import build


@dataclass(frozen=True)
class Loaded:
    """Frozen settings with the provenance of every value, and the secrets beside them."""

    settings: Settings
    origin: dict[str, Placed]
    secrets: Secrets

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the settings, stored with every signal."""
        return fingerprint(self.settings)


def fingerprint(settings: msgspec.Struct) -> str:
    """Hash of a settings struct, independent of where its values came from."""
    return hashlib.sha256(msgspec.json.encode(settings, order="sorted")).hexdigest()[:16]


def load(
    *,
    home: Path,
    files: tuple[Path, ...] = (),
    profile: str | None = None,
    environment: Mapping[str, str] | None = None,
    flags: Mapping[str, Any] | None = None,
    working_dir: Path | None = None,
) -> Loaded:
    """Settings of one run.

    Without `files`, `settings.yaml` in `home` is read when it is there. Raises ConfigError with all problems, and
    `SecretExposed` for a readable `.env`.
    """
    dotenv = dotenv_table(tuple(folder for folder in (working_dir, home) if folder is not None))
    full_environment = {**dotenv, **(environment or {})}
    layers = layers_of(home, files, profile, full_environment, flags or {})
    origin: dict[str, Placed] = {}
    for layer in layers:
        origin.update(layer.leaves)
    problems = [problem for layer in layers for problem in layer.problems]
    settings, found = build(Settings, origin, tuple(layer.leaves for layer in layers))
    problems.extend(found)
    if settings is not None and not problems:
        problems.extend(_together(settings, origin))
    if problems or settings is None:
        raise ConfigError(tuple(problems))
    return Loaded(settings, origin, secrets_from(full_environment))


def _together(settings: Settings, origin: Mapping[str, Placed]) -> list[Problem]:
    """What each key allows alone but not together."""
    problems: list[Problem] = []

    def wrong(key: str, message: str) -> None:
        placed = origin.get(key, Placed(None, DEFAULT_NAME))
        problems.append(Problem(placed.file, placed.line, placed.column, key, message))

    exits, risk = settings.exits, settings.risk
    if exits.tp1_share + exits.tp2_share >= 1:
        wrong(
            "exits.tp2_share",
            f"tiers one and two take {exits.tp1_share + exits.tp2_share:g}; a runner must be left",
        )
    if risk.scalp_risk_pct > risk.risk_pct:
        wrong("risk.scalp_risk_pct", f"above risk.risk_pct ({risk.risk_pct:g})")
    if risk.risk_pct > risk.max_open_risk_pct:
        wrong("risk.risk_pct", f"one trade would exceed risk.max_open_risk_pct ({risk.max_open_risk_pct:g})")
    if risk.max_daily_loss_pct > risk.max_weekly_loss_pct:
        wrong("risk.max_daily_loss_pct", f"above risk.max_weekly_loss_pct ({risk.max_weekly_loss_pct:g})")
    if settings.venue == "live" and settings.strategies.measures.flow.estimate != "off":
        wrong("strategies.measures.flow.estimate", "is for research; on the live venue flow is measured or absent")
    shares = settings.exchange
    lanes = (shares.share_background, shares.share_live, shares.share_interactive, shares.share_trading)
    if list(lanes) != sorted(lanes):
        wrong(
            "exchange.share_trading",
            "lanes must not shrink from background over live and interactive to trading",
        )
    return problems
