"""Installs what was built into empty environments and runs it there: `python -m tests.support.try_install DIST`.

Wheel and source archive with the locked packages, and the wheel as a tool of uv. Ends with 1 at the first that does
not run; says how large an installation is.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.home import clean_environment

ROOT = Path(__file__).parents[2]
UV = Path(sys.prefix) / "bin" / "uv"
DEMO = ("demo", "--headless", "--mode", "auto", "--for", "8s", "--json")


def run(*words: str | Path, env: dict[str, str], cwd: Path) -> str:
    """Stdout of a command that succeeds."""
    done = subprocess.run([str(word) for word in words], env=env, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, words))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def environment_of(folder: Path) -> dict[str, str]:
    """An empty home in a folder; the cache of packages stays."""
    home = folder / "home"
    home.mkdir()
    kept = clean_environment(folder / "state", HOME=str(home))
    kept.pop("PYTHONPATH")
    kept.setdefault("UV_CACHE_DIR", os.environ.get("UV_CACHE_DIR", str(Path.home() / ".cache" / "uv")))
    return {**kept, "UV_TOOL_DIR": str(folder / "tools"), "UV_TOOL_BIN_DIR": str(folder / "bin")}


def prove(program: Path, env: dict[str, str], cwd: Path) -> str:
    """What an installation must do: say what it is, complete, explain itself, trade on its own exchange."""
    said = run(program, "--version", env=env, cwd=cwd).strip()
    assert "perpdeck" in run(program, "completion", "bash", env=env, cwd=cwd)
    assert ".TH PERPDECK" in run(program, "man", env=env, cwd=cwd)
    summary = json.loads(run(program, *DEMO, env=env, cwd=cwd))
    assert summary["errors"] == 0, summary
    assert summary["bars_closed"] > 0, summary
    return f"{said}, {summary['bars_closed']} bars, {summary['orders_sent']} orders"


def in_environment(archive: Path, folder: Path) -> str:
    """Install an archive with the locked packages and run it."""
    env, venv = environment_of(folder), folder / "venv"
    run(UV, "venv", "-q", "--python", sys.executable, venv, env=env, cwd=folder)
    python = venv / "bin" / "python"
    lock = ROOT / "requirements.lock"
    run(UV, "pip", "install", "-q", "--python", python, "--require-hashes", "-r", lock, env=env, cwd=folder)
    run(UV, "pip", "install", "-q", "--python", python, "--no-deps", archive, env=env, cwd=folder)
    return f"{prove(venv / 'bin' / 'perpdeck', env, folder)}, {size_mb(venv):.0f} MB"


def size_mb(folder: Path) -> float:
    """What an installation takes on the disk."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file() and not file.is_symlink()) / 2**20


def as_tool(wheel: Path, folder: Path) -> str:
    """Install the wheel as a tool and run it."""
    env = environment_of(folder)
    run(UV, "tool", "install", "-q", "--python", sys.executable, wheel, env=env, cwd=folder)
    return f"{prove(folder / 'bin' / 'perpdeck', env, folder)}, {size_mb(folder / 'tools'):.0f} MB without extras"


def main(dist: Path) -> int:
    """Try everything that was built."""
    (wheel,), (source,) = dist.glob("*.whl"), dist.glob("*.tar.gz")
    for what, install, archive in (
        ("wheel", in_environment, wheel), ("source archive", in_environment, source), ("uv tool", as_tool, wheel),
    ):  # fmt: skip
        with tempfile.TemporaryDirectory() as folder:
            print(f"{what}: {install(archive, Path(folder))}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).absolute()))
