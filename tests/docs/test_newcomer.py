"""The first hour of the README, line by line as it stands there, in an empty home.

Two things are put in its place by default: `make`, whose installation needs a network and minutes (it is asked what it
would do, and the demo it starts is run for a few seconds), and the exchange's address, which is that of a served one.
`make docs` sets DOCS=full and installs in earnest.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.home import clean_environment
from tests.support.served_desk import ServedDesk

ROOT = Path(__file__).parents[2]
FULL = os.environ.get("DOCS") == "full"
MARK = "@@"

pytestmark = [pytest.mark.walk, pytest.mark.timeout(900 if FULL else 180)]

MAKE = """#!/bin/sh
[ "$*" = demo ] || exit 9
PATH=$REAL_PATH make -n demo VENV={venv} | grep -q 'perpdeck demo' || exit 8
mkdir -p .venv/bin && : > .venv/bin/activate
exec perpdeck demo --for 6s
"""
PERPDECK = """#!/bin/sh
PYTHONPATH=$CLONE exec {python} -m console "$@"
"""


def commands() -> list[str]:
    """The lines of the README's block, without comments."""
    (block,) = re.findall(r"^```sh newcomer\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    return [line for line in block.splitlines() if line and not line.startswith("#")]


def script(lines: list[str]) -> str:
    """All lines in one shell, each announced; the first that fails ends it."""
    told = [f"echo '{MARK}' {number}\n{line.replace('URL', str(ROOT), 1)}" for number, line in enumerate(lines)]
    return "\n".join(["set -e", *told])


def test_first_hour_of_the_readme_goes_as_it_is_written(tmp_path: Path) -> None:
    lines = commands()
    home, tools = tmp_path / "home", tmp_path / "bin"
    home.mkdir()
    tools.mkdir()
    if not FULL:
        for name, text in (("make", MAKE), ("perpdeck", PERPDECK)):
            (tools / name).write_text(text.format(python=sys.executable, venv=Path(sys.prefix)))
            (tools / name).chmod(0o755)
    kept = clean_environment(home)
    for name in ("PERPDECK_HOME", "PYTHONPATH", "XDG_STATE_HOME", "VIRTUAL_ENV"):
        kept.pop(name, None)
    with ServedDesk(tmp_path, "BTCUSDT,ETHUSDT", 20.0) as served:
        environment = {
            **kept, "HOME": str(home), "REAL_PATH": kept["PATH"], "PATH": f"{tools}:{kept['PATH']}",
            "CLONE": str(home / "perpdeck"), "PERPDECK__VENUES__PAPER__REST": served.ready["rest"],
        }  # fmt: skip
        done = subprocess.run(
            ["bash", "-c", script(lines)], cwd=home, env=environment, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, check=False, timeout=850 if FULL else 170,
        )  # fmt: skip
    said = {int(part.split("\n", 1)[0]): part.split("\n", 1)[1] for part in done.stdout.split(f"{MARK} ")[1:]}
    assert done.returncode == 0, f"{lines[max(said, default=0)]}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    answers = {line: said.get(number, "") for number, line in enumerate(lines)}

    def of(start: str) -> str:
        return next(text for line, text in answers.items() if line.startswith(start))

    assert re.search(r"regime +BTC [A-Z]+", of("make demo")), "the demo tells its story"
    assert re.search(r"errors +0", of("perpdeck demo"))
    assert re.search(r"bars_closed|bars closed", of("perpdeck demo"))
    assert re.search(r"2 symbols, [\d,]+ bars", of("perpdeck data pull"))
    assert "break_retest" in of("perpdeck backtest")
    assert "ema_pullback" in of("perpdeck backtest")
    assert "<svg" in (home / "perpdeck" / "backtest.html").read_text()
    assert "passed" in of("perpdeck drill run")
    assert "disconnect" in of("perpdeck drill score")
    assert re.search(r"state +RUNNING", of("perpdeck status"))
    assert re.search(r"venue +paper", of("perpdeck status"))
    assert "stopping" in of("perpdeck stop")
    strategies = (home / ".local/state/perpdeck/logs/strategies.log").read_text().splitlines()
    assert not [one for one in map(json.loads, strategies) if "ema_pullback" in json.dumps(one.get("error", ""))]
