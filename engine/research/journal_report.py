"""A stretch of the live journal in the style of the laboratory: what was traded, what is open, what went wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any

import msgspec

from engine.research import charts
from engine.research.html import STYLE
from engine.research.terminal import curve
from engine.store.desk_rows import IncidentRow, OperatorLogRow
from engine.store.trade_rows import PositionRow, SignalRow
from engine.trading.performance import closed_trades, equity_curve, max_drawdown_r, summary

HEAD = ("", "trades", "wins", "win rate", "PF", "expectancy R", "net R")


def journal(
    kind: str, since_ms: int, until_ms: int, closed: Sequence[SignalRow], open_: Sequence[PositionRow],
    incidents: Sequence[IncidentRow], decisions: Sequence[OperatorLogRow],
) -> dict[str, Any]:  # fmt: skip
    """Figures of real trades and of shadows apart, by strategy, with what needs a person's eye."""
    taken = [row for row in closed if row.taken]
    shadows = [row for row in closed if not row.taken]
    trades = closed_trades(taken)
    names = sorted({row.strategy_id for row in closed})
    return {
        "kind": kind, "from_ms": since_ms, "to_ms": until_ms,
        "total": _figures("all", taken), "shadows": _figures("not taken", shadows),
        "by_strategy": [
            _figures(name, [row for row in taken if row.strategy_id == name]) for name in names
        ],
        "shadows_by_strategy": [
            _figures(name, [row for row in shadows if row.strategy_id == name]) for name in names
        ],
        "equity_r": list(equity_curve(trades)), "max_drawdown_r": max_drawdown_r(equity_curve(trades)),
        "trades": [_trade(row) for row in taken],
        "open": [{"symbol": row.symbol, "side": row.side, "opened_ms": row.opened_ms} for row in open_],
        "incidents": [{"at_ms": row.at_ms, "kind": row.kind, "text": row.text} for row in incidents],
        "decisions": [{"at_ms": row.at_ms, "who": row.who, "text": row.text} for row in decisions],
    }  # fmt: skip


def text(value: dict[str, Any], table: Callable[[Sequence[str], Sequence[Sequence[str]]], str]) -> str:
    """For a terminal; `table` lays out columns."""
    lines = [
        f"{_time(value['from_ms'])} to {_time(value['to_ms'])} UTC",
        table(HEAD, [_cells(one) for one in (value["total"], *value["by_strategy"], value["shadows"])]),
        f"equity, net R  {curve(value['equity_r'])}   deepest fall {value['max_drawdown_r']:.2f} R",
        f"open: {', '.join(one['symbol'] + ' ' + one['side'] for one in value['open']) or 'nothing'}",
        *(f"incident {_time(one['at_ms'])} {one['kind']}: {one['text']}" for one in value["incidents"][-20:]),
    ]
    if value["kind"] == "handover":
        lines += [f"decision {_time(one['at_ms'])} {one['who']}: {one['text']}" for one in value["decisions"][-20:]]
    return "\n".join(lines)


def page(value: dict[str, Any]) -> str:
    """One self-contained page."""
    trades = [
        (_time(one["closed_ms"] or 0), one["symbol"], one["side"], one["strategy"], f"{one['net_r'] or 0.0:+.2f}",
         one["reason"]) for one in value["trades"]
    ]  # fmt: skip
    notes = [f"{_time(one['at_ms'])} {one['kind']}: {one['text']}" for one in value["incidents"]]
    notes += [f"{_time(one['at_ms'])} {one['who']}: {one['text']}" for one in value["decisions"]]
    still = [f"{one['symbol']} {one['side']}" for one in value["open"]]
    figures = [_cells(one) for one in (value["total"], *value["by_strategy"], value["shadows"])]
    body = (
        f"<h1>Journal, {escape(value['kind'])}</h1><p>{_time(value['from_ms'])} to {_time(value['to_ms'])} UTC</p>"
        + _table(HEAD, figures) + f"<h2>Equity, net R</h2>{charts.curve(value['equity_r'])}"
        + f"<h2>Open</h2><p>{escape(', '.join(still) or 'nothing')}</p>"
        + "<h2>Trades</h2>" + _table(("closed (UTC)", "symbol", "side", "strategy", "net R", "end"), trades)
        + "<h2>Incidents and decisions</h2><ul>" + "".join(f"<li>{escape(note)}</li>" for note in notes) + "</ul>"
    )  # fmt: skip
    return (
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>Journal</title><style>{STYLE}</style>"
        f"</head><body>{body}</body></html>\n"
    )


def _figures(name: str, rows: Sequence[SignalRow]) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(summary(name, closed_trades(rows)))
    return found


def _cells(one: dict[str, Any]) -> tuple[str, ...]:
    def number(value: float | None, form: str) -> str:
        return "-" if value is None else format(value, form)

    return (
        one["name"], str(one["trades"]), str(one["wins"]), number(one["win_rate"], ".1%"),
        number(one["profit_factor"], ".2f"), number(one["expectancy_r"], "+.3f"), f"{one['net_r']:+.2f}",
    )  # fmt: skip


def _trade(row: SignalRow) -> dict[str, Any]:
    return {
        "symbol": row.symbol, "side": row.side, "strategy": row.strategy_id, "score": row.final_score,
        "regime": row.regime, "entry": str(row.entry), "exit": str(row.exit_price), "net_r": row.result_net_r,
        "reason": row.exit_reason, "opened_ms": row.opened_ms, "closed_ms": row.closed_ms,
    }  # fmt: skip


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    top = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{top}</tr>{body}</table>"


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")
