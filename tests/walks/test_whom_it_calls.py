"""The desk talks to the exchange, its archive and Telegram, and to nobody else: every look-up is written down."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.exchange.key_rights import SPOT
from engine.exchange.venue import _BUILT_IN
from tests.support.bot_api import TOKEN
from tests.support.hearing import Hearing
from tests.support.home import Home

pytestmark = [pytest.mark.walk, pytest.mark.timeout(120)]

HOSTS = [
    url.split("/")[2] for venue in _BUILT_IN.values() for url in (venue.rest, venue.ws, venue.ws_api, venue.archive)
    if url
]  # fmt: skip
ALLOWED = {*HOSTS, SPOT.split("/")[2], "api.telegram.org"}
KEYS = {"PERPDECK_API_KEY": "k" * 64, "PERPDECK_API_SECRET": "s" * 64, "PERPDECK_TELEGRAM_TOKEN": TOKEN}


@pytest.mark.parametrize(
    ("command", "called"),
    [
        (("doctor", "--online"), {"fapi.binance.com"}),
        (("data", "pull", "BTCUSDT", "--days", "60"), {"fapi.binance.com"}),
        (("telegram", "test"), {"api.telegram.org"}),
        (("config", "check"), set()),
        (("drill", "list"), set()),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_commands_call_only_whom_they_must(tmp_path: Path, command: tuple[str, ...], called: set[str]) -> None:
    hearing = Hearing(tmp_path)
    with Home(tmp_path, **hearing.environment, **KEYS) as home:
        done = home.run(*command, "--json", PERPDECK__EXCHANGE__READ_ATTEMPTS="1", timeout_s=60)
    said = done.stdout + done.stderr
    assert hearing.hosts() <= ALLOWED
    assert called <= hearing.hosts(), said
    assert [value for value in KEYS.values() if value in said] == []


@pytest.mark.parametrize(("venue", "first"), [("paper", "fapi.binance.com"), ("testnet", "demo-fapi.binance.com")])
def test_running_desk_calls_its_exchange_and_nobody_else(tmp_path: Path, venue: str, first: str) -> None:
    hearing = Hearing(tmp_path)
    with Home(tmp_path, **hearing.environment, **KEYS, PERPDECK__TELEGRAM__ENABLED="true") as home:
        process = home.start("run", "--venue", venue, "--headless")
        home.wait("the exchange is called", lambda: first in hearing.hosts(), 30)
        home.wait("it answers meanwhile", lambda: home.status().get("state") == "STARTING", 20)
        process.terminate()
        said = "".join(process.communicate(timeout=30))
        logs = "".join(file.read_text() for file in (home.folder / "logs").glob("*.log"))
    assert hearing.hosts() == {first}
    assert [value for value in KEYS.values() if value in said + logs] == []


def test_hook_would_hear_a_stranger(tmp_path: Path) -> None:
    hearing = Hearing(tmp_path)
    with Home(tmp_path, **hearing.environment) as home:
        url = "http://collector.invalid/"
        home.run("doctor", "--online", PERPDECK__VENUES__PAPER__REST=url, PERPDECK__EXCHANGE__READ_ATTEMPTS="1")
    assert hearing.hosts() - ALLOWED == {"collector.invalid"}
