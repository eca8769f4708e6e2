"""The command line against a running desk: shapes, codes, and decisions that are done once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from tests.support.home import Home

pytestmark = [pytest.mark.walk, pytest.mark.timeout(120)]

DEMO = ("demo", "--headless", "--mode", "approve", "--speed", "30", "--json")
CLIENT_ID = re.compile(r"^pd-[0-9a-z]{12}-(e|s|t1|t2|x)-\d+$")
TEXT, WHOLE, REAL, YES = (str,), (int,), (int, float), (bool,)
NONE = (type(None),)

STATUS = {
    "state": TEXT, "desk": TEXT, "venue": TEXT, "mode": TEXT, "pid": WHOLE, "home": TEXT, "started_ms": WHOLE,
    "now_ms": WHOLE, "heartbeat_age_ms": WHOLE, "loop_lag_p99_ms": REAL, "loop_lag_max_ms_10s": REAL, "seats": WHOLE,
    "positions_open": WHOLE, "signals_pending": WHOLE, "books_synced": WHOLE, "weight_used": WHOLE, "telegram": TEXT,
    "last_error": TEXT + NONE,
}  # fmt: skip
POSITION = {
    "id": TEXT, "signal_id": TEXT, "symbol": TEXT, "side": TEXT, "quantity": TEXT, "entry": TEXT, "mark": TEXT + NONE,
    "stop": TEXT + NONE, "stop_order_id": WHOLE + NONE, "protected": YES, "tiers": (list,), "r_now": REAL + NONE,
    "opened_ms": WHOLE, "state": TEXT,
}  # fmt: skip
TIER = {"r": REAL + NONE, "price": TEXT + NONE, "share": REAL, "state": TEXT}
ORDER = {
    "client_id": TEXT, "order_id": WHOLE + NONE, "algo_id": WHOLE + NONE, "symbol": TEXT, "side": TEXT, "type": TEXT,
    "price": TEXT + NONE, "trigger_price": TEXT + NONE, "quantity": TEXT + NONE, "reduce_only": YES,
    "close_position": YES, "state": TEXT, "signal_id": TEXT, "leg": TEXT,
}  # fmt: skip
SIGNAL = {
    "id": TEXT, "symbol": TEXT, "side": TEXT, "strategy": TEXT, "mode": TEXT + NONE, "timeframe": TEXT,
    "bar_time": WHOLE, "expires_ms": WHOLE, "regime": TEXT + NONE, "score": REAL + NONE, "components": (list,),
    "modifiers": (list,), "entry": TEXT + NONE, "stop": TEXT + NONE, "stop_source": TEXT + NONE, "tp1": TEXT + NONE,
    "tp2": TEXT + NONE, "state": TEXT,
}  # fmt: skip
TERM = {"name": TEXT, "points": REAL}
POOL = {"name": TEXT, "used": WHOLE, "limit": WHOLE, "resets_ms": WHOLE, "lanes": (dict,)}
TIER_STATES = {"waiting", "resting", "filled", "trailing", "merged", "cancelled"}
SIGNAL_STATES = {"pending", "approved", "rejected", "expired", "refused", "closed"}
ELEVEN = [
    "initiator_size", "confirm_depth", "close_position", "slope200", "ema_fan", "gap_to_atr", "ema200_stickiness",
    "confirm_color", "break_and_base", "retest_tag", "initiator_wick",
]  # fmt: skip


def assert_shape(value: dict[str, Any], shape: dict[str, tuple[type, ...]]) -> None:
    """Every key of the contract, of its type; a bool is no number."""
    wrong = {
        name: value.get(name, "missing")
        for name, kinds in shape.items()
        if name not in value
        or not isinstance(value[name], kinds)
        or (isinstance(value[name], bool) and bool not in kinds)
    }
    assert not wrong, wrong


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A desk that waits for a person, with one signal waiting."""
    with Home(tmp_path_factory.mktemp("contract")) as home:
        home.start(*DEMO)
        home.wait("a waiting signal", lambda: home.status().get("signals_pending"), 90)
        home.set_speed(1.0)  # the market waits while commands are started one after another
        yield home


@pytest.fixture(scope="module")
def ticket(desk: Home) -> dict[str, Any]:
    """What an approval of the waiting signal would do, asked by hand."""
    return _preview(desk, desk.json("signals", "list", "--state", "pending")[0])


def _preview(desk: Home, waiting: dict[str, Any]) -> dict[str, Any]:
    risk = ("--risk", "0.5") if waiting["mode"] == "SCALP" else ()
    value = desk.json("preview", waiting["symbol"], waiting["side"], "--stop", waiting["stop"], *risk)
    assert isinstance(value, dict)
    return value


@pytest.fixture(scope="module")
def position(desk: Home) -> dict[str, Any]:
    """The trade of an approved signal, once its stop and its targets rest."""
    waiting = desk.json("signals", "list", "--state", "pending")[0]
    seen = _preview(desk, waiting)
    done = desk.json("approve", waiting["id"], "--yes")
    assert done["approved"] == waiting["id"]

    def resting() -> Any:
        rows = [row for row in desk.json("positions") if row["signal_id"] == waiting["id"]]
        return rows[0] if rows and rows[0]["protected"] and rows[0]["tiers"][1]["state"] != "waiting" else None

    found = desk.wait("stop and targets at rest", resting, 10)
    assert isinstance(found, dict)
    return {**found, "ticket": seen}


def test_status_answers_in_its_shape(desk: Home) -> None:
    status = desk.json("status")
    assert_shape(status, STATUS)
    assert (status["state"], status["desk"], status["venue"], status["mode"]) == (
        "RUNNING",
        "running",
        "sim",
        "approve",
    )
    assert status["home"] == str(desk.folder)
    assert status["pid"] == desk.engine_pid
    assert 0 < status["now_ms"] - status["started_ms"] < 3_600_000 * 3
    assert status["heartbeat_age_ms"] < 500


def test_preview_sends_nothing(desk: Home, ticket: dict[str, Any]) -> None:
    assert desk.json("positions") == []
    assert desk.json("orders") == []
    assert desk.rows("SELECT client_id FROM intents") == []
    assert Decimal(ticket["quantity"]) > 0
    assert ticket["worst_case_usdt"] >= ticket["risk_usdt"] > 0
    assert ticket["refusals"] == []


def test_position_is_protected_with_three_tiers_and_its_stop_is_an_order(desk: Home, position: dict[str, Any]) -> None:
    assert_shape(position, POSITION)
    assert len(position["tiers"]) == 3
    for tier in position["tiers"]:
        assert_shape(tier, TIER)
        assert tier["state"] in TIER_STATES
    assert sum(tier["share"] for tier in position["tiers"]) == pytest.approx(1.0)
    orders = [row for row in desk.json("orders") if row["signal_id"] == position["signal_id"]]
    for row in orders:
        assert_shape(row, ORDER)
        assert CLIENT_ID.match(row["client_id"]), row["client_id"]
        assert row["reduce_only"] or row["close_position"], "nothing that rests may add"
    stops = [row for row in orders if row["leg"] == "s"]
    assert any(row["algo_id"] == position["stop_order_id"] for row in stops)
    assert all(row["type"] == "STOP_MARKET" and row["order_id"] is None for row in stops)
    assert desk.json("status")["naked_ms"] == 0


def test_entry_is_where_the_ticket_saw_it(desk: Home, position: dict[str, Any]) -> None:
    """Between the two commands the book went on by some updates: what it is walked for differs by a few levels."""
    seen, entry = Decimal(position["ticket"]["entry"]), Decimal(position["entry"])
    assert abs(entry - seen) / seen < Decimal("0.0008")
    filled = desk.rows(
        f"SELECT quantity FROM fills WHERE client_id LIKE 'pd-%-e-%' AND symbol = '{position['symbol']}'"
    )
    size = sum(Decimal(row["quantity"]) for row in filled)
    assert abs(size - Decimal(position["ticket"]["quantity"])) / size < Decimal("0.15")


def test_decided_signal_is_decided_once_and_unknown_ones_are_named(desk: Home, position: dict[str, Any]) -> None:
    taken = position["signal_id"]
    for arguments, code, name in (
        (("approve", taken, "--yes"), 6, "AlreadyDecided"),
        (("reject", taken), 6, "AlreadyDecided"),
        (("approve", taken), 7, "needs_confirmation"),
        (("approve", "nosuch", "--yes"), 2, "UnknownSignal"),
        (("reject", "nosuch"), 2, "UnknownSignal"),
        (("signals", "show", "nosuch"), 2, "unknown_id"),
        (("close", "NOSUCHUSDT"), 2, "UnknownPosition"),
        (("preview", "NOSUCHUSDT", "long", "--stop", "1"), 2, "UnknownSymbol"),
        (("flatten",), 7, "needs_confirmation"),
        (("kill",), 7, "needs_confirmation"),
        (("flatten", "--confirm", "wrong"), 7, "NeedsConfirmation"),
        (("kill", "--confirm", "wrong"), 7, "NeedsConfirmation"),
    ):
        error = desk.json(*arguments, code=code)["error"]
        assert error["code"] == name, (arguments, error)
    assert len([row for row in desk.json("positions") if row["signal_id"] == taken]) <= 1


def test_every_stored_signal_adds_up_to_its_score(desk: Home, position: dict[str, Any]) -> None:
    rows = desk.json("signals", "list")
    assert {row["state"] for row in rows} <= SIGNAL_STATES
    assert {"approved", "refused"} <= {row["state"] for row in rows}
    assert position["signal_id"] in {row["id"] for row in rows}
    for row in rows:
        assert_shape(row, SIGNAL)
        terms = [*row["components"], *row["modifiers"]]
        for term in terms:
            assert_shape(term, TERM)
        if row["score"] is not None:
            assert sum(term["points"] for term in terms) == pytest.approx(row["score"], abs=1e-9), row["id"]
        if row["strategy"] == "action_price" and row["score"] is not None:
            assert sorted(term["name"] for term in row["components"]) == sorted(ELEVEN)
        assert desk.json("signals", "show", row["id"])["bar_time"] == row["bar_time"]
    told = desk.run("signals", "explain", position["signal_id"])
    assert told.returncode == 0
    assert re.search(r"(?m)^sum \S+ = score \S+$", told.stdout)
    assert all(name in told.stdout for name in ELEVEN)


def test_budgets_stand_in_the_exchange_s_own_windows(desk: Home) -> None:
    limits = desk.json("limits")
    assert isinstance(limits["banned_until_ms"], int)
    now_ms = desk.json("status")["now_ms"]
    for pool in limits["pools"]:
        assert_shape(pool, POOL)
        assert 0 <= pool["used"] <= pool["limit"]
        assert pool["resets_ms"] - now_ms < 400_000, "a window ends on the exchange's clock"
    weight = next(pool for pool in limits["pools"] if pool["name"] == "weight")
    assert weight["limit"] == 2_400


def test_desk_obeys_and_says_so_and_is_gone_when_told_to_stop(desk: Home, position: dict[str, Any]) -> None:
    """Last of the file: it stops the desk."""
    assert desk.json("pause", "--for", "4h", "--reason", "walk")["desk"] == "paused"
    assert desk.json("status")["desk"] == "paused"
    assert desk.json("resume")["desk"] == "running"
    assert desk.json("mode", "nonsense", code=2)["error"]["code"] == "usage"
    assert desk.json("mode", "signals")["mode"] == "signals"
    assert desk.json("status")["mode"] == "signals"
    assert desk.json("block", "ETHUSDT", "--side", "short", "--for", "8h")["blocked"] == "ETHUSDT"
    assert desk.json("unblock", "ETHUSDT", "--side", "short")["unblocked"] == "ETHUSDT"
    assert desk.json("unblock", "ETHUSDT", "--side", "short", code=2)["error"]["code"] == "NotBlocked"
    assert desk.json("stop")["state"] == "STOPPED"
    desk.wait("both processes gone", lambda: not desk.pids(), 15)
    assert desk.run("status", "--json").returncode == 3
    assert desk.json("positions", code=3)["error"]["code"] == "not_running"
