"""What `make mutation` reads and counts, and that it names files that are there."""

from __future__ import annotations

import tomllib

from tests.house.mutation import ROOT, read, score

LISTING = """
    engine.trading.risk.x_check__mutmut_1: killed
    engine.trading.risk.x_check__mutmut_2: survived
    engine.trading.risk.x_check__mutmut_3: timeout
    engine.trading.order.x_gone__mutmut_1: no tests
to be left out: killed
"""


def test_what_no_test_notices_counts_against_its_module() -> None:
    outcomes = read(LISTING)
    assert outcomes["engine.trading.risk.x_check__mutmut_2"] == "survived"
    assert score(outcomes) == {"engine.trading.order": (0, 1), "engine.trading.risk": (2, 3)}


def test_the_modules_and_tests_it_names_exist() -> None:
    told = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mutmut"]
    named = [*told["source_paths"], *told["pytest_add_cli_args_test_selection"]]
    assert [name for name in named if not (ROOT / name).is_file()] == []
