"""Structured logs of the engine: events with fields, one JSON object a line, secrets masked, rotated daily.

Loggers are named for subsystems (`engine`, `market`, `strategies`, `action_price`, `zones`, `exchange`), each with a
file of its own below `logs/`. Nothing is ever printed on a terminal. Opened by the entry point, never at import.
"""

from __future__ import annotations

import logging
import logging.handlers
import re
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import Any

import structlog

from engine.clock import Clock

SUBSYSTEMS = ("engine", "market", "strategies", "action_price", "zones", "exchange")
MASK = "***"
# Names whose values are secrets, and shapes that are secrets wherever they stand: signed queries and bot tokens.
_SECRET_NAMES = re.compile(r"(api_?key|secret|signature|token|listen_?key|private_key|X-MBX-APIKEY)", re.IGNORECASE)
_SECRET_PAIRS = re.compile(
    r"((?:signature|apiKey|listenKey|secret|token)[\"']?\s*[=:]\s*[\"']?)[^&\s\"',}]+", re.IGNORECASE
)
_BOT_TOKEN = re.compile(r"(?<!\d)\d{6,12}:[A-Za-z0-9_-]{30,}\b")


class Masker:
    """Removes secrets from log events: by field name, by shape, and by the values the desk was started with."""

    def __init__(self, values: tuple[str, ...] = ()) -> None:
        self._values = tuple(value for value in values if len(value) >= 6)

    def __call__(self, _logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        for name, value in event.items():
            event[name] = MASK if _SECRET_NAMES.search(name) and value else self.clean(value)
        return event

    def clean(self, value: Any) -> Any:
        """The value with every secret in it masked; containers are cleaned inside."""
        if isinstance(value, str):
            for secret in self._values:
                value = value.replace(secret, MASK)
            return _BOT_TOKEN.sub(MASK, _SECRET_PAIRS.sub(rf"\g<1>{MASK}", value))
        if isinstance(value, dict):
            return {
                key: MASK if _SECRET_NAMES.search(str(key)) and item else self.clean(item)
                for key, item in value.items()
            }
        if isinstance(value, (list, tuple)):
            return type(value)(self.clean(item) for item in value)
        return value


def open_logs(
    folder: Path, level: str, keep_days: int, clock: Clock, secrets: tuple[str, ...] = ()
) -> Callable[[], None]:
    """Send the desk's loggers to rotating files below `folder`; the returned function closes them."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    masker = Masker(secrets)
    handlers: list[logging.Handler] = []
    for name in SUBSYSTEMS:
        handler = logging.handlers.TimedRotatingFileHandler(
            folder / f"{name}.log", when="midnight", utc=True, backupCount=keep_days, delay=True, encoding="utf-8"
        )
        handler.setFormatter(logging.Formatter("%(message)s"))
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.setLevel(level.upper())
        logger.propagate = False
        handlers.append(handler)
    root = logging.getLogger()
    root.handlers[:] = [handlers[0]]
    root.setLevel(logging.WARNING)

    def stamp(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["ts_ms"] = clock.now_ms()
        return event

    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            stamp,
            structlog.processors.format_exc_info,
            masker,
            structlog.processors.JSONRenderer(default=str),
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        # Not the standard library's wrapper: its `exception` prints the traceback past the masker.
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        cache_logger_on_first_use=False,
    )

    def close() -> None:
        for handler in handlers:
            handler.close()

    return close
