"""A push says in few lines what happened, what is protected, and what to do next."""

from __future__ import annotations

import pytest

from console.telegram.cards import daily, notice_text
from console.telegram.markup import size
from engine.port import notices
from engine.port.notices import AnyNotice
from tests.console.telegram.test_bot import ANSWERS


def degraded(what: str, text: str, severity: str = "warn") -> AnyNotice:
    return notices.Degraded(seq=1, at_ms=0, severity=severity, text=text, what=what)


def desk(state: str, actor: str) -> AnyNotice:
    text = f"desk {state}, mode auto, by {actor}: <why>"
    return notices.DeskStateChanged(seq=1, at_ms=0, severity="info", text=text, desk=state, mode="auto", actor=actor)


MISSED = notices.Forgotten(seq=1, at_ms=0, severity="warn", text="9 notices are no longer kept", missed=9)
STOPPED = notices.EngineStarted(seq=1, at_ms=0, severity="warn", text="engine stopped: asked; open with stops: X long")


@pytest.mark.parametrize(
    ("notice", "head", "parts"),
    [
        (
            desk("reducing", "desk"),
            "▲ desk reducing, mode auto, by desk: &lt;why&gt;",
            ["stops and exits", "by itself"],
        ),
        (desk("reducing", "tui:a"), "▲ desk reducing", ["no new entries", "stops and exits go on", "/resume"]),
        (desk("paused", "tui:a"), "▲ desk paused", ["no new entries", "stops and exits go on", "/resume"]),
        (desk("halted", "tui:a"), "▲ desk halted", ["missing stops", "stand still", "/resume with the account"]),
        (degraded("stop", "X without a stop", "danger"), "■ X without", ["close it on the exchange"]),
        (degraded("link", "market link down", "danger"), "■ market link", ["no bars", "nothing to do unless"]),
        (degraded("link", "public link late", "danger"), "■ public link", ["no books", "nothing to do unless"]),
        (degraded("link", "private link down", "danger"), "■ private link", ["fills", "nothing to do unless"]),
        (degraded("link", "rest link down", "danger"), "■ rest link", ["orders may not", "nothing to do unless"]),
        (degraded("quantity", "X holds 1"), "▲ X holds 1", ["stop and targets follow", "not you"]),
        (degraded("pipeline", "pipeline: OSError: x"), "▲ pipeline", ["by itself", "stops rest on the exchange"]),
        (degraded("limit", "loss today 3 %"), "▲ loss today", ["stops and exits go on", "/flatten"]),
        (MISSED, "▲ 9 notices", ["/closed", "/report 1"]),
        (STOPPED, "▲ engine stopped", ["nothing trails", "on the exchange"]),
        (degraded("recorder", "disk full"), "▲ disk full", ["trading goes on"]),
    ],
)
def test_alarm_says_what_is_protected_and_what_comes_next(notice: AnyNotice, head: str, parts: list[str]) -> None:
    first, second = notice_text(notice).split("\n")
    assert first.startswith(head)
    assert [part for part in parts if part not in second] == []
    assert len(second) <= 120


@pytest.mark.parametrize(
    "notice", [desk("running", "tui:a"), degraded("data", "data: 3"), degraded("book", "book lost")]
)
def test_news_that_asks_for_nothing_is_one_line(notice: AnyNotice) -> None:
    assert "\n" not in notice_text(notice)


def test_day_of_trouble_stays_a_short_message() -> None:
    told = [{"at_ms": n, "kind": "naked", "text": f"X{n} <without a stop>"} for n in range(20)]
    period = {**ANSWERS["period"], "incidents": told, "incident_counts": {"data_stale": 800, "naked": 20}}  # type: ignore[dict-item]
    text = daily(period, ANSWERS["vitals"])  # type: ignore[arg-type]
    assert "incidents: 800 data stale, 20 naked" in text
    assert "X19 &lt;without" in text
    assert text.count("\n") < 10
    assert size(text) < 1000
