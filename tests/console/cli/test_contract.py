"""The command line's promises that need no engine: exit codes, one JSON value, no traceback, messages on stderr."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


def perpdeck(*arguments: str, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PERPDECK")}
    return subprocess.run(
        [sys.executable, "-m", "console", *arguments],
        capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, check=False,
        env={**clean, "PERPDECK_HOME": str(home), **environment},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "code", "name"),
    [
        (("status",), 3, None),
        (("positions",), 3, "not_running"),
        (("signals", "list"), 3, "not_running"),
        (("stop",), 3, "not_running"),
        (("approve", "x", "--yes"), 3, "not_running"),
        (("nonsense",), 2, "usage"),
        (("demo", "--speed", "0"), 2, "usage"),
        (("demo", "--headless", "--speed", "-3"), 2, "usage"),
        (("demo", "--headless", "--for", "soon"), 2, "usage"),
        (("run", "--venue", "mars"), 2, "usage"),
        (("pause", "--for", "-1m"), 2, "usage"),
        (("close", "BTCUSDT", "--pct", "0"), 2, "usage"),
        (("sim", "serve", "--port", "70000"), 2, "usage"),
        (("run",), 2, "no_terminal"),
        (("attach",), 2, "no_terminal"),
        (("config", "show", "--config", "/nowhere.yaml"), 2, "config"),
        (("run", "--venue", "live", "--headless"), 7, "needs_confirmation"),
        (("run", "--venue", "live", "--headless", "--confirm", "wrong"), 6, "not_confirmed"),
        (("completion", "tcsh"), 2, "usage"),
    ],
)
def test_failure_ends_with_its_code_one_json_value_and_one_line_for_people(
    tmp_path: Path, arguments: tuple[str, ...], code: int, name: str | None
) -> None:
    done = perpdeck(*arguments, "--json", home=tmp_path)
    assert done.returncode == code, done.stderr
    value = json.loads(done.stdout)
    if name is None:
        assert value == {"state": "STOPPED"}
    else:
        assert value["error"]["code"] == name
        assert value["error"]["message"]
        assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stdout + done.stderr


def test_global_flags_mean_the_same_before_and_after_the_command(tmp_path: Path) -> None:
    before = perpdeck("--json", "--home", str(tmp_path), "status", home=tmp_path / "other")
    after = perpdeck("status", "--json", "--home", str(tmp_path), home=tmp_path / "other")
    assert (before.stdout, before.returncode) == (after.stdout, after.returncode) == ('{"state": "STOPPED"}\n', 3)


def test_config_check_lists_every_problem_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text("venue: prod\nrisk:\n  risk_pct: -1\n")
    done = perpdeck("config", "check", "--config", str(file), "--json", home=tmp_path)
    value = json.loads(done.stdout)
    assert done.returncode == 2
    assert value["ok"] is False
    assert {(p["file"], p["line"], p["column"], p["key"]) for p in value["problems"]} == {
        (str(file), 1, 1, "venue"),
        (str(file), 3, 3, "risk.risk_pct"),
    }


def test_config_show_tells_where_each_value_came_from_and_hides_secrets(tmp_path: Path) -> None:
    done = perpdeck("config", "show", home=tmp_path, PERPDECK__RISK__RISK_PCT="0.5", PERPDECK_API_KEY="verysecretkey")
    assert done.returncode == 0
    assert "PERPDECK__RISK__RISK_PCT" in done.stdout
    assert "verysecretkey" not in done.stdout + done.stderr
    assert "***" in done.stdout


def test_config_init_writes_a_file_that_changes_nothing_and_never_overwrites(tmp_path: Path) -> None:
    assert perpdeck("config", "init", home=tmp_path).returncode == 0
    assert perpdeck("config", "check", home=tmp_path).returncode == 0
    (tmp_path / "settings.yaml").write_text("mode: auto\n")
    assert perpdeck("config", "init", home=tmp_path).returncode == 1
    assert (tmp_path / "settings.yaml").read_text() == "mode: auto\n"


def test_config_schema_is_a_json_schema(tmp_path: Path) -> None:
    value = json.loads(perpdeck("config", "schema", "--json", home=tmp_path).stdout)
    assert "$defs" in value


def test_exposed_dotenv_ends_with_4_and_the_chmod(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    env.write_text("PERPDECK_API_KEY=x\n")
    env.chmod(0o644)
    done = perpdeck("config", "show", home=tmp_path)
    assert done.returncode == 4
    assert f"chmod 600 {env}" in done.stderr


def test_version_and_help_answer_quickly_and_plainly(tmp_path: Path) -> None:
    assert perpdeck("--version", home=tmp_path).stdout.startswith("perpdeck ")
    assert "demo" in perpdeck("--help", home=tmp_path).stdout


def test_status_loads_neither_the_engine_nor_the_screen(tmp_path: Path) -> None:
    script = (
        "import sys; from console.cli import main; main(['status','--json']); "
        "print([m for m in ('textual','numpy','aiohttp','sqlalchemy','engine.build') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "PERPDECK_HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "[]"
