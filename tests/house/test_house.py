"""The house: sizes, walls, words and secrets, measured from the files as they are tracked."""

from __future__ import annotations

import ast
import re
import statistics
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("config", "strategies", "engine", "console")
LARGEST = 350
MEDIAN = 200


def tracked(*patterns: str) -> list[Path]:
    done = subprocess.run(["git", "ls-files", "-z", *patterns], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("not a git checkout: nothing tells which files belong to the product")
    return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


def sources() -> list[Path]:
    return [file for file in tracked("*.py") if file.relative_to(ROOT).parts[0] in PACKAGES]


def test_a_file_does_one_job() -> None:
    # A migration is one long list of columns and is never edited again.
    read = [file for file in sources() if "migrations" not in file.parts]
    sizes = {file: file.read_text(encoding="utf-8").count("\n") for file in read}
    assert statistics.median(sizes.values()) <= MEDIAN
    assert {str(file.relative_to(ROOT)): size for file, size in sizes.items() if size > LARGEST} == {}


def test_top_level_holds_what_it_should_and_nothing_else() -> None:
    tops = {file.relative_to(ROOT).parts[0] for file in tracked() if not file.name.startswith(".")}
    allowed = {
        *PACKAGES, "tests", "docs", "deploy", "pyproject.toml", "README.md", "LICENSE", "Makefile", "requirements.lock",
        "requirements-dev.lock", "CHANGELOG.md", ".ci", "Containerfile",
    }  # fmt: skip
    assert tops <= allowed, tops - allowed


def test_only_supervision_catches_everything() -> None:
    broad = re.compile(r"except\s+(\(?\s*)(Base)?Exception\b|except\s*:")
    guilty = [
        f"{file.relative_to(ROOT)}:{number}"
        for file in sources()
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if broad.search(line) and file.relative_to(ROOT) not in ALLOWED_BROAD
    ]
    assert guilty == []


# A future carries whatever its work raised, and a command id must be free again after any failure.
ALLOWED_BROAD = {Path("engine/supervise.py"), Path("engine/clock.py"), Path("engine/trading/once.py")}


def test_only_the_clock_reads_a_clock_and_nobody_rolls_dice() -> None:
    ambient = re.compile(r"\btime\.time\(|datetime\.(now|utcnow)\(|\brandom\.(random|choice|randint|uniform|shuffle)\(")
    guilty = [
        f"{file.relative_to(ROOT)}:{number}"
        for file in sources()
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if ambient.search(line) and file.name != "clock.py"
    ]
    assert guilty == []


def test_no_word_says_that_something_is_unfinished() -> None:
    unfinished = re.compile(r"\bTODO\b|\bFIXME\b|\bXXX\b|NotImplementedError|\bfor now\b", re.IGNORECASE)
    guilty = [
        f"{file.relative_to(ROOT)}:{number}: {line.strip()}"
        for file in sources()
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if unfinished.search(line)
    ]
    assert guilty == []


def test_every_public_module_class_and_function_of_the_desk_says_what_it_is_for() -> None:
    bare = []
    for file in sources():
        tree = ast.parse(file.read_text(encoding="utf-8"))
        if tree.body and ast.get_docstring(tree) is None:
            bare.append(str(file.relative_to(ROOT)))
    assert bare == []


SECRETS = (
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\s*\n[A-Za-z0-9+/=]{16}"),
    re.compile(r"(?<!\d)\d{8,12}:[A-Za-z0-9_-]{35}\b"),
    re.compile(r"""(?i)(api_?secret|api_?key|token|password)["']?\s*[:=]\s*["'][A-Za-z0-9/+_-]{32,}["']"""),
    re.compile(r"\bghp_[A-Za-z0-9]{36}\b|\bAKIA[0-9A-Z]{16}\b"),
)


def test_no_secret_is_tracked() -> None:
    found = []
    for file in tracked():
        if file.suffix in (".npz", ".gz", ".zst", ".parquet", ".png", ".lock"):
            continue
        text = file.read_text(encoding="utf-8", errors="replace")
        found += [f"{file.relative_to(ROOT)}: {match[0][:40]}" for rule in SECRETS for match in rule.finditer(text)]
    assert found == []


def test_scan_would_find_a_secret() -> None:
    samples = (
        "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIE",
        "bot 1234567890" + ":AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsawX",
        "API_SECRET" + ' = "bUrY5SDe9Ri4dezXgOc1ZPUUQKoCwnG1"',
    )
    for sample in samples:
        assert any(rule.search(sample) for rule in SECRETS), sample


def test_environment_files_stay_out() -> None:
    assert [file.name for file in tracked() if file.name == ".env"] == []
