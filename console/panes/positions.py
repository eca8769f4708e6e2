"""Open positions: tiers, result now, where the stop rests, liquidation, time. A missing stop is an alarm."""

from __future__ import annotations

from console import render
from console.panes.pane import Frame, Pane, Picture, empty
from console.rows import Row, fit, left
from engine.port.views import PositionRow, PositionsView, TierRow

_TIER_GLYPH = {"filled": "●", "resting": "○", "waiting": "◌", "trailing": "◐", "merged": "·", "cancelled": "✗"}
_TIER_ROLE = {"filled": "profit", "resting": "", "waiting": "muted", "trailing": "accent", "merged": "muted"}


def stop_text(row: PositionRow, age_ms: float) -> Row:
    """Where the stop rests, or for how long there has been none."""
    if not row.protected:
        naked_s = (row.naked_ms + age_ms) / 1_000
        return ((f"NAKED {naked_s:.1f}s", "alarm"),)
    beyond = _beyond_entry(row)
    note = " BE" if beyond == 0 else " locked" if beyond > 0 else ""
    return (("stop ", "muted"), (row.stop or render.UNKNOWN, ""), (note, "profit"), (" rests ✓", "good"))


def _beyond_entry(row: PositionRow) -> float:
    """Stop minus entry in the direction of the trade, in price; within a hundredth of a percent counts as zero."""
    if row.stop is None:
        return -1.0
    entry, stop = float(row.entry), float(row.stop)
    gain = (stop - entry) * (1 if row.side == "long" else -1)
    return 0.0 if abs(gain) < entry * 0.0001 else gain


def liquidation_text(row: PositionRow) -> Row:
    if row.liquidation is None:
        return (("liq ", "muted"), (render.UNKNOWN, ""))
    if float(row.liquidation) == 0:
        return (("liq ", "muted"), ("out of reach", ""))
    mark = float(row.mark) if row.mark else 0.0
    away = f" ({(float(row.liquidation) / mark - 1) * 100:+.0f}%)" if mark else ""
    return (("liq ", "muted"), (row.liquidation, ""), (away, "muted"))


def _tiers_short(tiers: tuple[TierRow, ...]) -> Row:
    spans: list[tuple[str, str]] = []
    for tier in tiers:
        role = _TIER_ROLE.get(tier.state, "")
        spans += [(f"{_TIER_GLYPH.get(tier.state, '?')}{tier.share * 100:.0f}", role), (" ", "")]
    return tuple(spans)


def _tiers_long(tiers: tuple[TierRow, ...], width: int) -> Row:
    """Tiers with their prices; their states in words where there is room, else in the glyph alone."""
    spans: list[tuple[str, str]] = []
    for tier in tiers:
        at = "" if tier.r is None else f"{render.number(tier.r)}R"
        target = tier.price or at or "trail"
        at_r = f" {at}" if at and tier.price else ""
        spans += [
            (f"{_TIER_GLYPH.get(tier.state, '?')}{tier.share * 100:.0f}% ", _TIER_ROLE.get(tier.state, "")),
            (f"{target}{at_r}", ""),
            (f" {tier.state}  " if width >= 80 else "  ", "muted"),
        ]
    return tuple(spans)


def time_text(row: PositionRow, now_ms: int) -> str:
    """Time in trade, and of which the time stop."""
    held = render.span(now_ms - row.opened_ms)
    return held if row.time_stop_ms is None else f"{held}/{render.span(row.time_stop_ms - row.opened_ms)}"


def block(row: PositionRow, frame: Frame, *, chosen: bool) -> list[Row]:
    """Three lines for one position."""
    side_role = "up" if row.side == "long" else "down"
    tags: Row = ()
    if row.foreign:
        tags += (("foreign ", "warn"),)
    if row.shadow:
        tags += (("shadow ", "muted"),)
    name_width = max(8, min(len(row.symbol) + 1, 14))
    head: Row = (
        ("▸ " if chosen else "  ", "accent strong"),
        left(row.symbol, name_width, "selected"),
        ("L " if row.side == "long" else "S ", side_role),
        (f"{render.result(row.r_now)}R ", render.tone(row.r_now)),
        *tags,
    )
    # The stop comes first: where room is short the tiers are cut, and they stand below once more.
    head += (*stop_text(row, frame.age_ms or 0.0), ("  ", ""), *_tiers_short(row.tiers))
    middle: Row = (
        ("  ", ""),
        ("mark ", "muted"),
        (row.mark or render.UNKNOWN, ""),
        ("  ", ""),
        *liquidation_text(row),
        (f"  {time_text(row, frame.now_ms)}", ""),
        ("  MFE ", "muted"),
        (f"{render.result(row.mfe_r, 1)}R", ""),
        ("  MAE ", "muted"),
        (f"{render.result(row.mae_r, 1)}R", ""),
    )
    money: Row = (
        ("  entry ", "muted"),
        (row.entry, ""),
        (" ×", "muted"),
        (row.quantity, ""),
        ("  open ", "muted"),
        (render.result(row.open_usdt), render.tone(row.open_usdt)),
        ("  booked ", "muted"),
        (render.result(row.realized_usdt), render.tone(row.realized_usdt)),
        (f" {render.result(row.realized_r)}R", render.tone(row.realized_r)),
    )
    return [
        fit(each, frame.width) for each in (head, middle, (("  ", ""), *_tiers_long(row.tiers, frame.width)), money)
    ]


def picture(view: PositionsView, frame: Frame) -> Picture:
    title: Row = (("Positions", "title"),)
    if not view.rows:
        return Picture(title, (("flat", "muted"),), empty(view.why_empty or "no open positions", frame.width))
    naked = any(not row.protected for row in view.rows)
    state: Row = ((f"{len(view.rows)} open  risk {render.cost(view.open_risk_r, 1)}R", "muted"),)
    if naked:
        state = (("NO STOP", "alarm"), ("  ", ""), *state)
    # All four lines when they fit, else the two that decide.
    lines = 4 if len(view.rows) * 4 <= frame.height else 2
    rows: list[Row] = []
    at: int | None = None
    for row in view.rows:
        if row.id == frame.selected:
            at = len(rows)
        rows += block(row, frame, chosen=row.id == frame.selected)[: 4 if row.id == frame.selected else lines]
    return Picture(title, state, rows, at, 4)


class PositionsPane(Pane):
    TOPIC = "positions"
    TITLE = "Positions"
    CONTEXTS = ("positions", "list", "desk")

    def items(self) -> list[str]:
        return [row.id for row in self.view.rows] if isinstance(self.view, PositionsView) else []

    def row(self, position_id: str = "") -> PositionRow | None:
        """The position of an id, by default the selected one."""
        wanted = position_id or self.selected
        if not isinstance(self.view, PositionsView):
            return None
        return next((row for row in self.view.rows if row.id == wanted), None)

    def settle(self) -> None:
        """Keep the selection on a position that exists."""
        items = self.items()
        if self.selected not in items:
            self.selected = items[0] if items else ""

    def picture_of(self, frame: Frame) -> Picture:
        assert isinstance(self.view, PositionsView)
        return picture(self.view, frame)
