"""What came of it all: performance by strategy, the equity curve in R, and the closed trades."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import msgspec

from console import render
from console.rows import BLANK, Row, wrap
from console.screens.page import Page, table
from engine.port import commands as ask
from engine.port.views import PerformanceRow, PerformanceView

_COLUMNS = (
    ("strategy", 16, False), ("trades", 6, True), ("win/loss/0", 11, True), ("win", 5, True), ("PF", 5, True),
    ("exp", 7, True), ("net", 8, True), ("MFE", 6, True), ("MAE", 6, True),
)  # fmt: skip

_TRADE_COLUMNS = (
    ("closed", 11, False), ("symbol", 13, False), ("side", 5, False), ("by", 4, False), ("net R", 8, True),
    ("net USDT", 10, True), ("held", 7, True), ("reason", 20, False),
)  # fmt: skip

FEW = 30  # fewer trades than this prove nothing, and the page says so


def performance_rows(view: PerformanceView, width: int) -> list[Row]:
    """Totals first, then each strategy; what cannot be computed is `?`."""
    rows = table(_COLUMNS, [_line(row, row is view.total) for row in (view.total, *view.by_strategy)])
    rows += [BLANK, (("max drawdown ", "muted"), (f"-{render.cost(view.max_drawdown_r, 1)}R", "loss"))]
    if view.equity_r:
        last = view.equity_r[-1]
        rows.append(((render.spark(view.equity_r, width), render.tone(last)), (f" {render.result(last, 1)}R", "")))
    if view.total.trades < FEW:
        note = f"{view.total.trades} trades: too few to say anything; {FEW} are the least for a ratio"
        rows += wrap(note, width, "muted")
    return rows


def _line(row: PerformanceRow, total: bool) -> Sequence[tuple[str, str]]:
    win = render.UNKNOWN if row.win_rate is None else f"{row.win_rate * 100:.0f}%"
    return (
        (row.name.replace("_", " "), "title" if total else ""),
        (str(row.trades), ""),
        (f"{row.wins}/{row.losses}/{row.scratches}", "muted"),
        (win, ""),
        (render.ratio(row.profit_factor, 2), ""),
        (_r(row.expectancy_r, 2), render.tone(row.expectancy_r)),
        (_r(row.net_r, 1), render.tone(row.net_r)),
        (_r(row.mfe_r, 1), "muted"),
        (_r(row.mae_r, 1), "muted"),
    )


def trade_rows(trades: Sequence[Mapping[str, Any]], width: int) -> list[Row]:
    """Closed trades as the engine listed them; a field it did not give is `?`."""
    if not trades:
        return wrap("no closed trade yet", width, "muted")
    return table(_TRADE_COLUMNS, [_trade(trade) for trade in trades])


def _trade(trade: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    closed, opened = trade.get("closed_ms"), trade.get("opened_ms")
    net_r, net_usdt = _number(trade.get("net_r")), _number(trade.get("net_usdt"))
    side = str(trade.get("side", render.UNKNOWN))
    strategy = str(trade.get("strategy", ""))
    held = render.span(closed - opened) if closed and opened else render.UNKNOWN
    return (
        (render.day_time(closed) if closed else render.UNKNOWN, "muted"),
        (str(trade.get("symbol", render.UNKNOWN)), ""),
        (side, "up" if side == "long" else "down"),
        (render.STRATEGY_SHORT.get(strategy, strategy[:4]), ""),
        (_r(net_r, 2), render.tone(net_r)),
        (render.result(net_usdt), render.tone(net_usdt)),
        (held, "muted"),
        (f"{trade.get('reason') or ''}{'' if trade.get('taken', True) else ' (shadow)'}", ""),
    )


def _r(value: float | None, digits: int) -> str:
    return render.UNKNOWN if value is None else f"{render.result(value, digits)}R"


def _number(value: object) -> float | None:
    """Money comes as text, ratios as numbers, the unknown as null."""
    return float(value) if isinstance(value, int | float | str) and value != "" else None


class HistoryPage(Page):
    """`h`: performance above, trades below."""

    PLACE = "history"
    TOPICS: ClassVar[tuple[str, ...]] = ("performance",)

    _trades: Sequence[Mapping[str, Any]] | None = None
    _refusal = ""

    def on_mount(self) -> None:
        super().on_mount()
        self.run_worker(self._load())

    async def _load(self) -> None:
        app = self.desk_app
        reply = await app.submitter.ask(
            ask.Query(id=app.options.next_id(), actor=app.options.actor, what="trades", args={"limit": "500"})
        )
        match reply:
            case ask.Done(data=data):
                self._trades = msgspec.json.decode(data or b"[]", type=list[dict[str, Any]])
            case ask.Refused(reason=reason, detail=detail):
                self._refusal = detail or reason
        self.on_beat()

    def heading(self) -> Row:
        return (("History and performance", "title"),)

    def state(self) -> Row:
        return (("net of fees, slippage and funding", "muted"),)

    def rows(self, width: int, height: int) -> Sequence[Row]:
        view = self.desk_app.feed.view("performance", PerformanceView)
        rows = wrap("waiting for the engine", width, "muted") if view is None else performance_rows(view, width)
        rows += [BLANK, (("closed trades, newest first", "title"),)]
        if self._refusal:
            return [*rows, *wrap(f"the engine gave no list: {self._refusal}", width, "warn")]
        if self._trades is None:
            return [*rows, *wrap("loading", width, "muted")]
        return [*rows, *trade_rows(self._trades, width)]
