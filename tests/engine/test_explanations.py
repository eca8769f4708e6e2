"""Every refusal a person can meet is explained."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from engine.exchange.refusals import ALREADY_SO, Kind, judge
from engine.exchange.transport import HttpAnswer
from engine.explanations import EXPLANATIONS, explain
from engine.sim.codes import refuse

ROOT = Path(__file__).parents[2]
WIRE = ROOT / "../shared/spec/binance-usdm.md"
REFUSAL = re.compile(r'(?:Refused|RiskRefusal|_no|_refused)\(\s*"([A-Za-z_]+)"')


def test_every_reason_in_the_source_is_explained() -> None:
    source = "\n".join(
        file.read_text() for folder in ("trading", "desk", "port") for file in (ROOT / "engine" / folder).glob("*.py")
    )
    used = set(REFUSAL.findall(source))
    assert len(used) > 40
    assert used - set(EXPLANATIONS) == set()


def test_every_code_the_simulator_knows_is_explained() -> None:
    from engine.sim.codes import _TEXT

    assert {str(code) for code in _TEXT} - set(EXPLANATIONS) == set()


@pytest.mark.skipif(not WIRE.is_file(), reason="the wire reference is not beside this checkout")
def test_every_single_code_of_the_wire_reference_is_explained() -> None:
    section = WIRE.read_text().partition("## 8.")[2].partition("## 9.")[0]
    cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| -")]
    listed = {code for cell in cells if ".." not in cell for code in re.findall(r"-\d{4}", cell)}
    optional = {"-1114", "-4142", "-4172", "-4210", "-4211", "-4408", "-5043"}
    assert listed - optional - set(EXPLANATIONS) == set()


@pytest.mark.parametrize("asked", ["-2021", "2021", " -2021 "])
def test_a_number_is_found_with_and_without_its_sign(asked: str) -> None:
    found = explain(asked)
    assert found is not None
    assert (found.code, found.by) == ("-2021", "exchange")


def test_words_are_found_in_any_case_and_nonsense_is_not() -> None:
    found = explain("spreadtoowide")
    assert found is not None
    assert found.by == "desk"
    assert explain("SpreadTooWise") is None


def test_what_is_said_of_the_effect_is_what_the_client_acts_on() -> None:
    for found in EXPLANATIONS.values():
        if found.by != "exchange" or not found.code.startswith("-"):
            continue
        code = int(found.code)
        refusal = refuse(code)
        body = b'{"code":%d,"msg":"%s"}' % (code, refusal.text.encode())
        judged = judge(HttpAnswer(refusal.status, {}, body)).kind
        assert (judged is Kind.UNKNOWN) == (found.effect == "unknown"), found.code
        if code in ALREADY_SO:
            assert found.effect == "done"
