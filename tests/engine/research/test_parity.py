"""A stretch that went as the replay says has no difference; each kind of departure is found and named."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from config.schema import ExitSettings, RiskSettings
from engine.money import decimal
from engine.research.candidates import scan
from engine.research.data import Tape
from engine.research.features import history_of
from engine.research.parity import Parity, compare
from engine.research.prices import path_of
from engine.research.replay import Rules, replay
from engine.research.snapshots import Snapshots
from engine.research.walk import Fees
from engine.store.desk_rows import IncidentRow
from engine.store.trade_rows import SignalRow
from engine.trading.records import signal_row
from strategies.model import ComponentScore
from strategies.settings import StrategySettings
from tests.support.series import walk

PLAIN = StrategySettings()
SETTINGS = msgspec.structs.replace(PLAIN, action_price=msgspec.structs.replace(PLAIN.action_price, room_r=0.0))
RULES = Rules(SETTINGS, ExitSettings(), RiskSettings(), Fees(0.0005, 0.0002, 0.0001))
TAPE = Tape("AAAUSDT", walk(3, 6000, price=400.0, step=40.0))
END_MS = TAPE.bars.last_close_ms + 1


@pytest.fixture(scope="module")
def lived() -> list[SignalRow]:
    """The journal of a desk that did exactly what the rules say."""
    history = history_of(TAPE, SETTINGS)
    found = scan(history, Snapshots(history, SETTINGS), SETTINGS).found
    trades = replay(history, path_of(history.frames["15m"]), found, RULES).trades
    signals = {(one.strategy, one.side, one.bar_time_ms): one for at in found for one in at.signals}
    rows = []
    for trade in trades:
        row = signal_row(signals[trade.strategy, trade.side, trade.signal_ms], "closed", 0, taken=True)
        rows.append(
            msgspec.structs.replace(
                row, entry=decimal(trade.entry), result_net_r=trade.r_net, exit_reason=trade.reason,
                closed_ms=trade.exit_ms,
            )
        )  # fmt: skip
    return rows


def compared(rows: list[SignalRow], incidents: tuple[IncidentRow, ...] = ()) -> Parity:
    return compare(rows, incidents, {"AAAUSDT": TAPE}, RULES, 0, END_MS)


def changed(row: SignalRow, **changes: Any) -> SignalRow:
    return msgspec.structs.replace(row, **changes)


def test_a_desk_that_kept_to_the_rules_has_no_difference(lived: list[SignalRow]) -> None:
    found = compared(lived)
    assert len(lived) >= 10
    assert (found.live, found.replayed, found.same) == (len(lived),) * 3
    assert found.differences == ()
    assert found.median_slippage_bps == pytest.approx(0.0, abs=1e-6)


def test_a_veto_a_hole_and_an_incident_are_told_apart(lived: list[SignalRow]) -> None:
    vetoed, missing, noted, *rest = lived
    rows = [changed(vetoed, status="refused", exit_reason="SpreadTooWide"), *rest]
    incident = IncidentRow(at_ms=noted.decided_ms, kind="data_gap", severity="warn", text="", symbol="AAAUSDT")
    why = {one.id: one.why for one in compared(rows, (incident,)).differences}
    assert why[vetoed.signal_id] == "veto: SpreadTooWide"
    assert why[noted.signal_id] == "incident: data_gap"
    assert why[missing.signal_id].startswith("late candle or outage")
    assert len(why) == 3


def test_what_only_the_desk_could_know_is_said(lived: list[SignalRow]) -> None:
    signal = msgspec.json.decode(lived[0].evidence)
    signal["id"], signal["modifiers"] = "other", [msgspec.to_builtins(ComponentScore("book", 0.4, 1.0))]
    extra = changed(lived[0], signal_id="other", evidence=msgspec.json.encode(signal))
    (only,) = compared([*lived, extra]).differences
    assert (only.what, only.id) == ("only_live", "other")
    assert "book" in only.why


def test_a_dear_fill_explains_another_result(lived: list[SignalRow]) -> None:
    row = lived[0]
    side = 1 if row.side == "long" else -1
    assert row.entry is not None
    assert row.result_net_r is not None
    dear = changed(row, entry=row.entry * decimal(1 + side * 0.002), result_net_r=row.result_net_r - 0.4)
    (found,) = compared([dear, *lived[1:]]).differences
    assert (found.what, found.why) == ("result", "slippage")
