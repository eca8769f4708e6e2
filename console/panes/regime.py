"""The market's state: what decided it for the focus and for BTC, the BTC filter, and breadth over all symbols."""

from __future__ import annotations

from console import render
from console.panes.pane import Frame, Pane, Picture, empty
from console.rows import Row, flow, left
from engine.port.views import RegimeView, SymbolRegime

_ARROW = {1: "▲", -1: "▼", 0: "·"}
_WORD = {1: "up", -1: "down", 0: "flat"}


def picture(view: RegimeView, frame: Frame) -> Picture:
    """Two symbols with their inputs, then the filter, breadth, sparkline and the next possible change."""
    subjects = [regime for regime in (view.focus, view.btc) if regime is not None]
    if len(subjects) == 2 and subjects[0].symbol == subjects[1].symbol:
        subjects = subjects[:1]
    rows: list[Row] = []
    for regime in subjects:
        rows += _subject(regime, frame.width)
    if not subjects:
        rows += empty("no regime yet: it needs 200 closed 4h bars", frame.width)
    rows.append(
        (
            ("btc ", "muted"),
            (f"{render.signed(view.btc_change_pct)}%", render.tone(view.btc_change_pct, "up", "down")),
            (" in 3h  ", "muted"),
            ("reversion blocked", "warn") if view.btc_blocks_reversion else ("reversion free", "muted"),
        )
    )
    total = sum(view.breadth.values())
    if total:
        parts: list[Row] = [
            ((name.lower() + " ", "muted"), (str(count), ""))
            for name, count in sorted(view.breadth.items(), key=lambda item: -item[1])
        ]
        rows += flow([(("breadth", "muted"),), *parts], frame.width)
    if view.closes:
        line = render.spark(view.closes, frame.width)
        rows.append(((line, "up" if view.closes[-1] >= view.closes[0] else "down"),))
    state: Row = ()
    if view.next_close_ms:
        state = (("4h ", "muted"), (render.countdown(view.next_close_ms - frame.now_ms), "muted"))
    return Picture((("Regime", "title"),), state, rows)


def _subject(regime: SymbolRegime, width: int) -> list[Row]:
    role = "up" if regime.direction > 0 else "down" if regime.direction < 0 else ""
    head: Row = (
        left(regime.symbol, min(max(len(regime.symbol), 9), 14), "title"),
        (" ", ""),
        (f"{regime.state} ", "accent strong"),
        (f"{_ARROW[regime.direction]} {_WORD[regime.direction]}", role),
        ("  conf " if width >= 40 else "  ", "muted"),
        (render.number(regime.confidence), ""),
    )
    if regime.adx is None:
        return [head, *empty(regime.reason or "not enough history", width)]
    inputs: list[Row] = [
        (("adx ", "muted"), (render.number(regime.adx, 1), "")),
        (("slope ", "muted"), (render.signed(regime.slope20), render.tone(regime.slope20, "up", "down"))),
        (("width ", "muted"), (render.rank_text(regime.bb_rank), "")),
        ((regime.bias.lower(), "muted"),),
    ]
    if regime.reason:
        inputs.append(((regime.reason, "warn"),))
    return [head, *flow(inputs, width, " ")]


class RegimePane(Pane):
    TOPIC = "regime"
    TITLE = "Regime"
    CONTEXTS = ("regime", "desk")

    def picture_of(self, frame: Frame) -> Picture:
        assert isinstance(self.view, RegimeView)
        return picture(self.view, frame)
