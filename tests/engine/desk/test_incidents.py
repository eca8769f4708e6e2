"""What endangered a position or held the desk is an incident, not only a sentence that scrolls away."""

from __future__ import annotations

import pytest

from engine.desk.incidents import incident_of, told
from engine.port import notices
from engine.port.notices import AnyNotice
from engine.store.rows import IncidentRow


def degraded(what: str, severity: str = "warn") -> AnyNotice:
    return notices.Degraded(seq=1, at_ms=7, severity=severity, text="so it was", symbol="X", what=what)


def desk(state: str, actor: str) -> AnyNotice:
    return notices.DeskStateChanged(
        seq=1, at_ms=7, severity="info", text="so it was", desk=state, mode="auto", actor=actor
    )


@pytest.mark.parametrize(
    ("notice", "kind"),
    [
        (degraded("stop", "danger"), "naked"),
        (degraded("link", "danger"), "link"),
        (degraded("quantity"), "mismatch"),
        (degraded("limit"), "limit"),
        (degraded("books"), "service"),
        (desk("reducing", "desk"), "hold"),
    ],
)
def test_what_went_wrong_is_kept(notice: AnyNotice, kind: str) -> None:
    row = incident_of(notice)
    assert row is not None
    assert (row.kind, row.at_ms, row.text, row.symbol) == (kind, 7, "so it was", notice.symbol)


@pytest.mark.parametrize(
    "notice",
    [
        degraded("data"),
        degraded("book"),
        desk("running", "desk"),
        desk("reducing", "telegram:1"),
        notices.Recovered(seq=1, at_ms=7, severity="info", text="market link is back", what="link"),
    ],
)
def test_what_people_did_what_passed_and_what_is_kept_elsewhere_is_not(notice: AnyNotice) -> None:
    assert incident_of(notice) is None


def test_hundreds_without_their_bar_do_not_hide_the_one_without_a_stop() -> None:
    rows = [IncidentRow(at_ms=1, kind="naked", severity="danger", text="X without a stop")]
    rows += [IncidentRow(at_ms=n, kind="data_stale", severity="warn", text=f"S{n} no bar") for n in range(2, 302)]
    value = told(rows, 3)
    assert [one["text"] for one in value["incidents"]] == ["X without a stop", "S300 no bar", "S301 no bar"]
    assert value["incident_counts"] == {"data_stale": 300, "naked": 1}
    assert told(rows[:1] * 5, 3)["incidents"] == [{"at_ms": 1, "kind": "naked", "text": "X without a stop"}] * 3
    assert told([], 3) == {"incidents": [], "incident_counts": {}}
