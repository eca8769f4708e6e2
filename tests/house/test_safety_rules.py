"""The list of safety rules stays true to the code it names."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.house.safety_rules import RULES, SafetyRule

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_the_code_of_a_rule_stands_once_and_its_tests_exist(rule: SafetyRule) -> None:
    text = (ROOT / rule.file).read_text(encoding="utf-8")
    assert text.count(rule.code) == 1
    assert rule.without not in ("", rule.code) or rule.code.endswith("\n")
    for name in rule.tests.split():
        assert (ROOT / name).is_file()
