"""Takes each safety rule away, one at a time, in a copy of the tree, and says which loss no test noticed.

python -m tests.house.mutants [part of a rule's name]
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.house.safety_rules import RULES, SafetyRule

ROOT = Path(__file__).parents[2]
PARTS = ("config", "console", "engine", "strategies", "tests", "pyproject.toml")
LIMIT_S = 300


def copy(to: Path) -> None:
    for name in PARTS:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, to / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, to / name)


def noticed(tree: Path, tests: str) -> bool:
    """Whether a test fails; a mutant that hangs the tests is noticed as well. Raises RuntimeError if none could run."""
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests.split()]
    try:
        done = subprocess.run(
            command, cwd=tree, env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return True
    if done.returncode not in (0, 1):
        raise RuntimeError(done.stdout[-2000:] + done.stderr[-2000:])
    return done.returncode == 1


def main(wanted: str = "") -> int:
    """Exit code 0 when every loss was noticed."""
    chosen = [rule for rule in RULES if wanted in rule.name]
    missed: list[SafetyRule] = []
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        tree = Path(folder)
        copy(tree)
        for tests in sorted({rule.tests for rule in chosen}):
            if noticed(tree, tests):
                print(f"these fail without any mutant: {tests}")
                return 2
        for number, rule in enumerate(chosen, 1):
            file = tree / rule.file
            whole = file.read_text(encoding="utf-8")
            file.write_text(whole.replace(rule.code, rule.without), encoding="utf-8")
            seen = noticed(tree, rule.tests)
            file.write_text(whole, encoding="utf-8")
            if not seen:
                missed.append(rule)
            print(f"{number:3}/{len(chosen)}  {'noticed' if seen else 'MISSED '}  {rule.name}", flush=True)
    print(f"{len(chosen) - len(missed)} of {len(chosen)} noticed")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:2]))
