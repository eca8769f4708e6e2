"""The action table: one meaning a key in one place, one row a key, hint, help line and button."""

from __future__ import annotations

import msgspec
import pytest

from console.actions import BY_ID, TABLE, Action, Danger
from console.conduct import Conduct
from console.keymap import CHAINS, Keymap, conflicts, shown
from console.navigate import Navigator
from console.screens.desk import DeskScreen


def test_no_key_has_two_meanings_in_one_place() -> None:
    assert conflicts(TABLE) == []


def test_two_meanings_are_named_with_key_place_and_both_actions() -> None:
    rival = Action(id="rival", keys="a", label="rival", help="", contexts=("signals",))
    assert "a in signals: both approve and rival" in conflicts((*TABLE, rival))


def test_remapping_by_id_moves_the_key() -> None:
    keymap = Keymap({"approve": "y", "chart": "T"})
    found = keymap.find("signals", "y")
    assert found is not None
    assert found.id == "approve"
    assert keymap.find("signals", "a") is None
    assert keymap.key_of("approve") == "y"


@pytest.mark.parametrize(
    ("remap", "word"),
    [
        ({"approve": "r"}, "both approve and reject"),
        ({"no_such": "y"}, "no such action"),
        ({"approve": " "}, "one key"),
    ],
)
def test_remapping_into_a_conflict_or_an_unknown_id_is_refused(remap: dict[str, str], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        Keymap(remap)


@pytest.mark.parametrize("action", TABLE, ids=lambda action: action.id)
def test_every_action_is_done_somewhere(action: Action) -> None:
    owners = (DeskScreen, Navigator, Conduct)
    named = any(hasattr(owner, f"{kind}_{action.id}") for owner in owners for kind in ("act", "do"))
    assert named or action.id.startswith("pane_") or (action.danger is Danger.SAFE and action.make is not None)


@pytest.mark.parametrize("action", TABLE, ids=lambda action: action.id)
def test_every_action_explains_itself(action: Action) -> None:
    assert action.help
    assert action.key_list


def test_speed_keys_hold_only_where_the_clock_is_ours() -> None:
    keymap = Keymap()
    assert keymap.find("signals", "+") is None
    found = keymap.find("signals", "+", replay=True)
    assert found is not None
    assert found.id == "faster"


def test_group_keys_of_the_book_give_way_elsewhere() -> None:
    keymap = Keymap()
    names = {place: keymap.find(place, "g") for place in ("book", "signals", "positions")}
    assert {place: action.id if action else None for place, action in names.items()} == {
        "book": "coarser",
        "signals": "top",
        "positions": "top",
    }


def test_what_adds_risk_is_never_one_key() -> None:
    for name in ("approve", "unblock", "close", "stop", "edit"):
        assert BY_ID[name].danger is Danger.RISKY
    for name in ("flatten", "kill"):
        assert BY_ID[name].danger is Danger.GRAVE
    for name in ("reject", "pause", "block", "snooze"):
        assert BY_ID[name].danger is Danger.SAFE


def test_remote_buttons_come_from_the_same_rows() -> None:
    remote = {action.id for action in TABLE if action.remote}
    assert {"approve", "reject", "pause", "block", "close", "flatten", "kill"} <= remote


def test_every_place_can_ask_for_help_and_go_back() -> None:
    keymap = Keymap()
    for place in CHAINS:
        for key, name in (("?", "help"), ("escape", "back"), ("q", "quit"), ("ctrl+c", "hint")):
            found = keymap.find(place, key)
            assert found is not None, (place, key)
            assert found.id == name


def test_printed_keys_are_readable() -> None:
    assert shown("ctrl+p") == "^p"
    assert shown("escape") == "Esc"


def test_table_is_plain_data() -> None:
    assert {action.id for action in TABLE} == set(BY_ID)
    assert msgspec.structs.asdict(BY_ID["approve"])["danger"] is Danger.RISKY
