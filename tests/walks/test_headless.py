"""The demo without a screen: the summary of the contract, whoever ends it."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.home import Home

pytestmark = pytest.mark.walk

SUMMARY = {
    "venue": str, "mode": str, "wall_s": float, "symbols": int, "bars_closed": int, "signals": int, "refused": int,
    "approved": int, "orders_sent": int, "fills": int, "trades_closed": int, "positions_open": int,
    "naked_ms_max": float, "book_resyncs": int, "weight_used_max": int, "loop_lag_p99_ms": float, "errors": int,
}  # fmt: skip
NAKED_MOST_MS = 2_000


def finished(process: subprocess.Popen[str], timeout_s: float = 60) -> str:
    """Stdout of a command that ends by itself with success."""
    out, err = process.communicate(timeout=timeout_s)
    assert process.returncode == 0, err
    assert err == ""
    return out


def summary_of(text: str) -> dict[str, object]:
    """The one JSON value, in exactly the shape of the contract."""
    value = json.loads(text)
    assert {name: type(item) for name, item in value.items()} == SUMMARY
    assert list(value) == list(SUMMARY)
    return value


def sound(home: Home, value: dict[str, object]) -> None:
    """What must hold after any demo: orders taken, positions under protection, nothing failed."""
    assert value["errors"] == 0
    assert value["naked_ms_max"] < NAKED_MOST_MS  # type: ignore[operator]
    refused = home.rows("SELECT client_id, leg, outcome FROM intents WHERE state = 'rejected'")
    assert refused == [], "the exchange's filters refused an order of ours"
    assert not home.pids(), "engine or exchange outlived the demo"


@pytest.mark.timeout(120)
def test_demo_trades_ends_by_itself_and_prints_one_summary(home: Home) -> None:
    process = home.start("demo", "--headless", "--mode", "auto", "--for", "15", "--json")
    value = summary_of(finished(process))
    assert (value["venue"], value["mode"], value["symbols"]) == ("sim", "auto", 8)
    assert 15 <= value["wall_s"] < 18  # type: ignore[operator]
    assert value["bars_closed"] > 0  # type: ignore[operator]
    assert value["approved"] > 0  # type: ignore[operator]
    assert value["orders_sent"] >= 2 * value["approved"]  # type: ignore[operator]
    assert value["fills"] > 0  # type: ignore[operator]
    sound(home, value)
    sums = home.rows("SELECT signal_id, evidence FROM signals")
    assert sums
    for row in sums:
        signal_ = json.loads(row["evidence"])
        points = sum(term["points"] for term in (*signal_["components"], *signal_["modifiers"]))
        assert points == pytest.approx(signal_["score"]), row["signal_id"]


@pytest.mark.timeout(120)
def test_signal_ends_the_demo_with_its_summary(tmp_path: Path) -> None:
    """Both at once: each has a home of its own."""
    for folder in ("terminated", "interrupted"):
        (tmp_path / folder).mkdir()
    with Home(tmp_path / "terminated") as one, Home(tmp_path / "interrupted") as other:
        running = []
        for home, number in ((one, signal.SIGTERM), (other, signal.SIGINT)):
            running.append((home, home.start("demo", "--headless", "--mode", "auto", "--json"), number))
        for home, process, number in running:
            home.running()
            process.send_signal(number)
        for home, process, _ in running:
            sound(home, summary_of(finished(process, 40)))
