"""A screen reads its own block of the settings, and only that."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from config import ConfigError, load, load_console

CONSOLE = "console:\n  theme: mono\n  link: slow\n  keys:\n    kill: X\n"


def test_block_is_the_one_of_the_whole_settings(tmp_path: Path) -> None:
    (tmp_path / "settings.yaml").write_text(CONSOLE + "profiles:\n  night:\n    console:\n      red_up: true\n")
    sources = {
        "home": tmp_path, "profile": "night", "environment": {"PERPDECK__CONSOLE__BELL": "false"},
        "flags": {"console.ascii": True},
    }  # fmt: skip
    found = load_console(**sources)  # type: ignore[arg-type]
    assert found == load(**sources).settings.console  # type: ignore[arg-type]
    assert (found.theme, found.red_up, found.bell, found.ascii, found.keys) == (
        "mono",
        True,
        False,
        True,
        {"kill": "X"},
    )


def test_nothing_given_is_the_default_of_the_whole_settings(tmp_path: Path) -> None:
    assert load_console(home=tmp_path) == load(home=tmp_path).settings.console


@pytest.mark.parametrize("text", ["console:\n  theme: pink\n", "console:\n  colour: red\n", "console: 3\n", "a: ["])
def test_what_is_wrong_in_it_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "settings.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"settings\.yaml:\d+:\d+"):
        load_console(home=tmp_path)


def test_mistake_elsewhere_does_not_keep_anybody_from_the_desk(tmp_path: Path) -> None:
    (tmp_path / "settings.yaml").write_text(CONSOLE + "risk:\n  risk_pct: lots\n")
    with pytest.raises(ConfigError):
        load(home=tmp_path)
    assert load_console(home=tmp_path).theme == "mono"


def test_reading_it_imports_no_analysis(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from config.seat import load_console; "
        f"load_console(home=Path({str(tmp_path)!r})); "
        "print([m for m in ('numpy', 'strategies', 'yaml') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path.cwd())
    assert done.stdout == "[]\n"
