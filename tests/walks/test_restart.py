"""The engine dies and comes back: the same exchange, the same positions, their stops; and nobody else's home."""

from __future__ import annotations

import os
import signal

import pytest

from tests.support.home import Home

pytestmark = pytest.mark.walk

DEMO = ("demo", "--headless", "--mode", "auto", "--speed", "300", "--json")
RUN = ("run", "--venue", "sim", "--headless", "--mode", "auto")


def start(home: Home, *arguments: str) -> int:
    """An engine that trades; its pid."""
    home.start(*arguments)
    home.running()
    pid = home.engine_pid
    assert pid is not None
    return pid


@pytest.mark.timeout(240)
def test_engine_that_died_finds_its_position_its_stop_and_its_decisions_again(home: Home) -> None:
    pid = start(home, *DEMO)
    _second_engine_is_refused(home, pid)
    _hang_up_is_nothing(home, pid)
    held = home.wait("a protected position", lambda: _protected(home), 60)
    home.set_speed(1.0)  # what is open stays open while engines come and go
    home.json("pause", "--reason", "walk")
    home.json("block", "BTCUSDT", "--side", "long")
    exchange = home.exchange
    os.kill(pid, signal.SIGKILL)
    home.wait("engine gone", lambda: home.engine_pid is None, 10)
    assert home.status() == {"state": "STOPPED"}

    again = start(home, *RUN)
    assert again != pid
    assert home.exchange == exchange, "the embedded exchange was adopted, not replaced"
    status = home.status()
    assert (status["desk"], status["reconciled"]) == ("paused", True)
    _still_held_or_closed(home, held)
    home.wait("nothing left without a position", lambda: not _orphans(home), 20)
    assert home.json("reconcile")["reconciled"] is True
    _told_to_stop_it_remembers(home, again)
    assert home.json("stop")["state"] == "STOPPED"
    home.wait("both processes gone", lambda: not home.pids(), 15)


def _told_to_stop_it_remembers(home: Home, pid: int) -> None:
    """Pause, mode and block outlive an engine that was ended in good order, too."""
    assert home.json("mode", "approve")["mode"] == "approve"
    os.kill(pid, signal.SIGTERM)
    home.wait("engine gone", lambda: home.engine_pid is None, 30)
    start(home, *RUN[:-2])
    status = home.status()
    assert (status["desk"], status["mode"]) == ("paused", "approve")
    assert home.json("unblock", "BTCUSDT", "--side", "long")["unblocked"] == "BTCUSDT"
    assert home.json("resume")["desk"] == "running"
    assert home.status()["desk"] == "running"


def _second_engine_is_refused(home: Home, pid: int) -> None:
    done = home.run("run", "--venue", "sim", "--headless", "--json")
    assert done.returncode == 1
    assert str(pid) in done.stdout
    assert '"already_running"' in done.stdout
    assert home.engine_pid == pid


def _hang_up_is_nothing(home: Home, pid: int) -> None:
    os.kill(pid, signal.SIGHUP)
    assert home.json("status")["pid"] == pid


def _protected(home: Home) -> list[dict[str, object]]:
    return [row for row in home.json("positions") if row["protected"] and row["state"] == "open"]


def _still_held_or_closed(home: Home, held: list[dict[str, object]]) -> None:
    """A trade of before is there again under its own id and protected, or it has come to its end meanwhile."""
    for before in held:
        rows = {row["id"]: row for row in home.json("positions")}
        if before["id"] in rows:
            home.wait("its stop", lambda: all(r["protected"] for r in home.json("positions")), 5)
        else:
            ended = home.rows(f"SELECT closed_ms FROM signals WHERE signal_id = '{before['signal_id']}'")
            assert len(ended) == 1
            assert ended[0]["closed_ms"], f"{before['symbol']} vanished"


def _orphans(home: Home) -> list[dict[str, object]]:
    """Working orders that take something off where there is nothing."""
    open_symbols = {row["symbol"] for row in home.json("positions")}
    return [row for row in home.json("orders") if row["leg"] != "e" and row["symbol"] not in open_symbols]
