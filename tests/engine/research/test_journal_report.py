"""A stretch of the journal: real trades and shadows apart, and the page needs nothing from elsewhere."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from console.cli.tables import table
from engine.research.journal_report import journal, page, text
from engine.store.desk_rows import IncidentRow, OperatorLogRow
from engine.store.trade_rows import PositionRow, SignalRow
from tests.support.stored import signal

DAY = 86_400_000


def closed(name: str, net_r: float, **changes: Any) -> SignalRow:
    given = {
        "status": "closed", "taken": True, "result_net_r": net_r, "closed_ms": DAY, "opened_ms": DAY // 2,
        "exit_reason": "trail", "entry": Decimal(1), "exit_price": Decimal(2),
    }  # fmt: skip
    return signal(name, **{**given, **changes})


def value(kind: str = "handover") -> dict[str, Any]:
    rows = [closed("a", 1.5), closed("b", -1.0), closed("c", 2.0, taken=False, strategy_id="pullback")]
    open_ = [
        PositionRow(position_id="p", signal_id="s", symbol="XUSDT", side="short", state="open", quantity=Decimal(1))
    ]
    incidents = [IncidentRow(at_ms=DAY, kind="ban", severity="error", text="<banned>")]
    decisions = [OperatorLogRow(at_ms=DAY, kind="pause", who="kim", text="paused")]
    return journal(kind, 0, 2 * DAY, rows, open_, incidents, decisions)


def test_real_trades_and_shadows_are_told_apart() -> None:
    found = value()
    assert (found["total"]["trades"], found["total"]["net_r"]) == (2, 0.5)
    assert (found["shadows"]["trades"], found["shadows"]["wins"]) == (1, 1)
    assert [one["name"] for one in found["by_strategy"]] == ["order_flow", "pullback"]
    assert len(found["trades"]) == 2


def test_a_handover_tells_what_the_next_shift_must_know() -> None:
    said = text(value(), table)
    assert "XUSDT short" in said
    assert "ban" in said
    assert "kim: paused" in said
    assert "kim" not in text(value("day"), table)


def test_the_page_stands_alone_and_quotes_what_it_shows() -> None:
    written = page(value())
    assert "&lt;banned&gt;" in written
    assert "<banned>" not in written
    assert "http" not in written
