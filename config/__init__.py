"""What may be set, and how it is read."""

from config.load import Loaded, default_text, fingerprint, load
from config.schema import Secrets, Settings
from config.secrets import SecretExposed
from config.source import ConfigError, Problem

__all__ = [
    "ConfigError", "Loaded", "Problem", "SecretExposed", "Secrets", "Settings", "default_text", "fingerprint", "load",
]  # fmt: skip
