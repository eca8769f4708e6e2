"""What may be set, and how it is read.

Names are imported when they are asked for: a screen reads its own block without the rest of the settings.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from config.layers import default_text
    from config.loading import Loaded, fingerprint, load
    from config.schema import Settings
    from config.seat import load_console
    from config.secrets import SecretExposed, Secrets
    from config.source import ConfigError, Problem

__all__ = [
    "ConfigError", "Loaded", "Problem", "SecretExposed", "Secrets", "Settings", "default_text", "fingerprint", "load",
    "load_console",
]  # fmt: skip

_HOMES = {
    "ConfigError": "source", "Loaded": "loading", "Problem": "source", "SecretExposed": "secrets", "Secrets": "secrets",
    "Settings": "schema", "default_text": "layers", "fingerprint": "loading", "load": "loading", "load_console": "seat",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'config' has no attribute {name!r}")
    return getattr(import_module(f"config.{_HOMES[name]}"), name)
