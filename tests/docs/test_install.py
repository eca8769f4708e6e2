"""What an installation brings beside the program: manual, completion, service, container."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from console.cli import COMMANDS, perpdeck
from console.cli.failure import Exit
from console.cli.manual import EXITS, page
from engine.runtime import STOP_BUDGET_S
from tests.docs.test_pages import parse

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "deploy" / "perpdeck.service"
IMAGE = ROOT / "Containerfile"


def leaves(group: click.Group, context: click.Context) -> list[tuple[str, click.Command]]:
    """Every command with its whole name."""
    found: list[tuple[str, click.Command]] = []
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        below = click.Context(command, info_name=name, parent=context)
        found += leaves(command, below) if isinstance(command, click.Group) else [(below.command_path, command)]
    return found


def test_manual_tells_every_command_with_every_option() -> None:
    text = "\n".join(page(perpdeck)).replace("\\-", "-").replace("\\e", "\\")
    root = click.Context(perpdeck, info_name="perpdeck")
    everywhere = {name for param in perpdeck.params for name in param.opts}
    for path, command in leaves(perpdeck, root):
        section = re.search(
            rf"^\.SS {re.escape(path)}(?: [^\n]*)?$(.*?)(?=^\.S[SH] |\Z)", text, re.MULTILINE | re.DOTALL
        )
        assert section is not None, path
        for param in command.params:
            if isinstance(param, click.Option) and not param.hidden and not set(param.opts) & everywhere:
                assert param.opts[0] in section[1], (path, param.opts)
    assert {int(code) for code in EXITS} == {int(code) for code in Exit}
    assert all(name in text for name in everywhere)


@pytest.mark.skipif(shutil.which("man") is None, reason="no man on this machine")
def test_manual_is_set_without_a_warning(tmp_path: Path) -> None:
    file = tmp_path / "perpdeck.1"
    file.write_text("\n".join(page(perpdeck)) + "\n")
    done = subprocess.run(["man", "--warnings", "-l", str(file)], capture_output=True, text=True, check=True,
                          env={**os.environ, "LC_ALL": "C.UTF-8", "MANPAGER": "cat"})  # fmt: skip
    assert done.stderr == ""
    assert "EXIT STATUS" in done.stdout


@pytest.mark.parametrize(
    ("typed", "offered"), [("tele", "telegram"), ("telegram pa", "pair"), ("demo --hea", "--headless")]
)
def test_shell_completes_commands_and_options(typed: str, offered: str) -> None:
    words = f"perpdeck {typed}"
    environment = {
        **os.environ, "_PERPDECK_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" ")),
    }  # fmt: skip
    program = "from console.cli import perpdeck; perpdeck.main(prog_name='perpdeck')"
    done = subprocess.run([sys.executable, "-c", program], env=environment, cwd=ROOT, capture_output=True, text=True,
                          check=False)  # fmt: skip
    assert f"plain,{offered}" in done.stdout.splitlines()


def unit() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(UNIT.read_text())
    return parser


def test_service_starts_what_there_is_and_leaves_mistakes_to_a_person() -> None:
    service = unit()["Service"]
    parse(service["ExecStart"].replace("%h/.local/bin/", ""))
    never = {int(code) for code in service["RestartPreventExitStatus"].split()}
    assert never == {Exit.USAGE, Exit.SECRET, Exit.CONFIRM, Exit.SAFE_MODE}
    assert float(service["TimeoutStopSec"]) > STOP_BUDGET_S
    assert service["ReadWritePaths"] == "%h/.local/state/perpdeck"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LimitCORE", "0"), ("NoNewPrivileges", "true"), ("PrivateTmp", "true"), ("ProtectSystem", "strict"),
        ("ProtectHome", "read-only"), ("RestrictSUIDSGID", "true"), ("RestrictNamespaces", "true"), ("UMask", "0077"),
        ("SystemCallFilter", "@system-service"), ("RestrictAddressFamilies", "AF_INET AF_INET6 AF_UNIX"),
    ],
)  # fmt: skip
def test_service_is_hardened(name: str, value: str) -> None:
    assert unit()["Service"][name] == value


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd on this machine")
def test_service_is_read_by_systemd(tmp_path: Path) -> None:
    file = tmp_path / "perpdeck.service"
    file.write_text(UNIT.read_text().replace("%h/.local/bin/perpdeck", "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", str(file)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def instructions() -> list[tuple[str, str]]:
    """Instructions of the container file, continued lines joined."""
    text = re.sub(r"\\\n", " ", IMAGE.read_text())
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in lines]


def test_container_file_is_sound() -> None:
    steps = instructions()
    (base,) = [rest for word, rest in steps if word == "FROM"]
    assert ":" in base
    assert not base.endswith(":latest")
    for word, rest in steps:
        assert word in {"FROM", "RUN", "COPY", "USER", "ENV", "VOLUME", "ENTRYPOINT", "CMD"}, word
        if word == "COPY":
            assert all((ROOT / source).exists() for source in rest.split()[:-1]), rest
    installs = [rest for word, rest in steps if word == "RUN" and "pip install" in rest]
    assert all("--no-cache-dir" in rest and "--require-hashes -r" in rest for rest in installs)
    users = [rest for word, rest in steps if word == "USER"]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[-1]), "not root, and by number"
    at = [word for word, _ in steps]
    assert at.index("USER") < at.index("ENTRYPOINT")
    (start,) = [rest for word, rest in steps if word == "ENTRYPOINT"]
    (default,) = [rest for word, rest in steps if word == "CMD"]
    assert start == '["perpdeck"]'
    assert default.strip('["]') in COMMANDS


def test_container_is_linted_where_a_linter_is() -> None:
    linter = shutil.which("hadolint")
    if linter is None:
        pytest.skip("no hadolint on this machine; the checks above stand alone")
    done = subprocess.run([linter, str(IMAGE)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
