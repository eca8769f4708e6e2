"""Work on a thread of its own: in order, with its errors, and never waited for by the process."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest
import structlog

from engine.errors import InvariantBroken
from engine.trading.apart import Apart


def test_calls_run_in_order_on_one_other_thread() -> None:
    apart, seen = Apart("test"), []
    futures = [apart.submit(lambda n=n: seen.append((n, threading.current_thread().name)) or n) for n in range(5)]
    assert [future.result(5) for future in futures] == list(range(5))
    assert seen == [(n, "test") for n in range(5)]


@pytest.mark.parametrize("error", [ValueError("no"), InvariantBroken("no")])
def test_an_error_comes_back_and_the_thread_goes_on(error: Exception) -> None:
    def fails() -> None:
        raise error

    apart = Apart("test")
    with structlog.testing.capture_logs():
        failed = apart.submit(fails)
        with pytest.raises(type(error)):
            failed.result(5)
    assert apart.submit(lambda: 7).result(5) == 7


def test_a_call_that_hangs_does_not_keep_the_process_alive() -> None:
    program = (
        "import threading\nfrom engine.trading.apart import Apart\n"
        "Apart('stuck').submit(threading.Event().wait)\nprint('over')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "over\n")
