"""Changes the code of the safety modules in a thousand small ways, one at a time, and says which no test notices.

python -m tests.house.mutation [jobs]

Which modules and which tests is said in `pyproject.toml`; what survives and why is in `docs/mutation.md`. The named
rules of `tests.house.mutants` are taken away whole, across all modules; here it is each word of six.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[2]
LEAST_PCT = 90.0
NOTICED = ("killed", "timeout")


def mutmut(*arguments: str, quiet: bool = True) -> str:
    """Raises CalledProcessError when it could not do it."""
    command = [sys.executable, "-m", "mutmut", *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, text=True, stdout=subprocess.PIPE if quiet else None).stdout


def read(results: str) -> dict[str, str]:
    """Mutant to what became of it, from the listing of mutmut."""
    rows = (line.strip().rpartition(": ") for line in results.splitlines())
    return {name: outcome for name, colon, outcome in rows if colon and "__mutmut_" in name}


def score(outcomes: dict[str, str]) -> dict[str, tuple[int, int]]:
    """Module to how many of its mutants were noticed, and how many there are."""
    counts: dict[str, Counter[bool]] = defaultdict(Counter)
    for name, outcome in outcomes.items():
        counts[name.rpartition(".")[0]][outcome in NOTICED] += 1
    return {module: (count[True], count.total()) for module, count in sorted(counts.items())}


def change(name: str) -> str:
    """The lines a mutant takes out and puts in."""
    lines = mutmut("show", name).splitlines()
    return "\n".join(f"      {line}" for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---"))


def main(jobs: str = "1") -> int:
    """Exit code 0 when enough was noticed in each module."""
    shutil.rmtree(ROOT / "mutants", ignore_errors=True)  # results of other tests say nothing about these
    mutmut("run", "--max-children", jobs, quiet=False)
    outcomes = read(mutmut("results", "--all", "true"))
    for name, outcome in outcomes.items():
        if outcome not in NOTICED:
            print(f"{outcome}: {name}\n{change(name)}")
    table = score(outcomes)
    table["all"] = (sum(noticed for noticed, _ in table.values()), sum(total for _, total in table.values()))
    short = []
    for module, (noticed, total) in table.items():
        pct = 100 * noticed / total if total else 0.0
        print(f"{module:32} {noticed:5} of {total:5} noticed  {pct:5.1f} %")
        short += [module] if pct < LEAST_PCT else []
    if short:
        print(f"below {LEAST_PCT:g} %: {', '.join(short)}")
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
