"""Secrets never reach a log file."""

from __future__ import annotations

from pathlib import Path

import pytest
import structlog

from engine.clock import SystemClock
from engine.log import Masker, open_logs

KEY = "kkkkkkkkkkkkkkkkkkkkkk"
BOT = "123456789:AAH-abcdefghijklmnopqrstuvwxyz0123"


@pytest.mark.parametrize(
    "value",
    [
        f"GET /fapi/v1/order?symbol=X&signature={KEY}&a=1",
        {"apiKey": KEY, "nested": [{"secret": KEY}]},
        f"https://bot.example/bot{BOT}/getMe",
        f'{{"listenKey":"{KEY}"}}',
        (f"token={KEY}",),
    ],
)
def test_secret_is_masked_wherever_it_stands(value: object) -> None:
    cleaned = repr(Masker((KEY,)).clean(value))
    assert KEY not in cleaned
    assert BOT not in cleaned
    assert "***" in cleaned


def test_harmless_values_pass_unchanged() -> None:
    for value in ("BTCUSDT", 3, 1.5, None, ["a"], {"symbol": "X"}):
        assert Masker((KEY,)).clean(value) == value


def test_log_file_holds_the_event_with_its_fields_and_no_secret(tmp_path: Path) -> None:
    close = open_logs(tmp_path, "info", 3, SystemClock(), (KEY,))
    try:
        structlog.get_logger("exchange").info("asked", url=f"?x=1&signature={KEY}", api_key=KEY, symbol="BTCUSDT")
        try:
            raise ValueError(f"refused {KEY}")
        except ValueError:
            structlog.get_logger("engine").exception("failed")
    finally:
        close()
        structlog.reset_defaults()
    text = "".join(path.read_text() for path in tmp_path.iterdir())
    assert KEY not in text
    assert '"symbol": "BTCUSDT"' in text
    assert "ValueError" in text
