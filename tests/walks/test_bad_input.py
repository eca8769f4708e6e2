"""What a person gets wrong ends with its code and its place, before anything starts, and loses nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.home import PERPDECK, Home
from tests.support.terminal import PseudoTerminal

pytestmark = pytest.mark.walk

CORRUPT = b"this is no database" * 100


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("demo", "--headless", "--symbols", "NOSUCHUSDT", "--for", "1"), 2, ("NOSUCHUSDT",)),
        (("demo", "--headless", "--scenario", "armageddon", "--for", "1"), 2, ("armageddon",)),
        (("sim", "serve", "--scenario", "armageddon"), 2, ("armageddon",)),
        (("sim", "serve", "--symbols", "NOSUCHUSDT", "--port", "0"), 2, ("NOSUCHUSDT",)),
    ],
)
def test_unknown_name_ends_with_2_and_says_the_name(
    home: Home, arguments: tuple[str, ...], code: int, words: tuple[str, ...]
) -> None:
    done = home.run(*arguments, "--json")
    assert done.returncode == code, done.stdout + done.stderr
    error = json.loads(done.stdout)["error"]
    assert all(word in error["message"] for word in words), error
    assert "Traceback" not in done.stdout + done.stderr
    assert not home.pids()


def test_every_mistake_in_the_settings_is_told_with_its_place_before_anything_starts(home: Home) -> None:
    home.folder.mkdir(parents=True)
    file = home.folder / "settings.yaml"
    file.write_text("risk:\n  risk_pct: -1\n  colour: blue\n")
    done = home.run("demo", "--headless", "--for", "1", "--json")
    assert done.returncode == 2
    message = json.loads(done.stdout)["error"]["message"]
    assert f"{file}:2:3" in message
    assert f"{file}:3:3" in message
    assert home.exchange is None


@pytest.mark.timeout(120)
def test_corrupt_journal_ends_with_1_naming_the_file_and_the_way_out_and_keeps_it(home: Home, tmp_path: Path) -> None:
    file = home.folder / "paper" / "trading.sqlite"
    file.parent.mkdir(parents=True)
    file.write_bytes(CORRUPT)
    done = home.run("run", "--venue", "paper", "--headless", "--json")
    assert done.returncode == 1, done.stderr
    error = json.loads(done.stdout)["error"]
    assert str(file) in error["message"]
    assert error["hint"] or "move" in error["message"] or "restore" in error["message"]
    assert file.read_bytes() == CORRUPT, "what cannot be read is not touched"


def test_screen_without_a_terminal_worth_the_name_is_refused(home: Home) -> None:
    line = PseudoTerminal([*PERPDECK, "demo"], 80, 24, {**home.environment, "TERM": "dumb"})
    said = b""
    try:
        while not line.ended:
            said += line.read(0.1)
        while more := line.read(0.1):
            said += more
    finally:
        line.close()
    assert b"no terminal; use --headless" in said
    assert not home.pids()
