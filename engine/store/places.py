"""Where the databases of a home are."""

from __future__ import annotations

from pathlib import Path

from config.schema import Settings
from engine.store.database import Which


def database_urls(settings: Settings, home: Path, instance: str = "") -> dict[Which, str]:
    """Trading and history database of a venue; a served exchange keeps nothing, so each instance of it has its own."""
    folder = home / settings.venue / instance if instance else home / settings.venue
    return {
        "trading": settings.store.trading_url or f"sqlite:///{folder / 'trading.sqlite'}",
        "history": settings.store.history_url or f"sqlite:///{folder / 'history.sqlite'}",
    }


def newest_instance(settings: Settings, home: Path) -> str:
    """The instance of a served exchange that was used last; empty where the venue has only one, or none was used."""
    if settings.venue != "sim":
        return ""
    found = sorted((home / "sim").glob("*/history.sqlite"), key=lambda file: file.stat().st_mtime)
    return found[-1].parent.name if found else ""
