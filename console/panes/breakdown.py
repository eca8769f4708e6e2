"""Why: every component with its raw input, its points and the running sum; what would flip it; plan; ticket.

The sum on screen is added up here from the points shown, so that it can be held against the stored score.
"""

from __future__ import annotations

from collections.abc import Sequence

from console import render
from console.panes.pane import Frame, Pane, Picture, empty
from console.rows import Row, left, right, spread, wrap
from engine.port.views import BreakdownView, Check, SignalRow, Term, Ticket

_CHECK_GLYPH = {"passed": "✓", "failed": "✗", "absent": "·"}
_CHECK_ROLE = {"passed": "good", "failed": "danger", "absent": "muted"}


def title_of(signal: SignalRow | None) -> Row:
    if signal is None:
        return (("Why", "title"),)
    short = render.STRATEGY_SHORT.get(signal.strategy, signal.strategy)
    kind = f" {short} {signal.mode}" if signal.mode else f" {short}"
    side_role = "up" if signal.side == "long" else "down"
    return (("Why ", "title"), (signal.symbol, "title"), (f" {signal.side}", side_role), (kind, ""))


def total_of(view: BreakdownView) -> float:
    """Sum of all points shown."""
    return sum(term.points for term in (*view.components, *view.modifiers))


def score_rows(view: BreakdownView, width: int) -> list[Row]:
    """The table of terms: name, input, points as a signed bar, running sum."""
    terms = (*view.components, *view.modifiers)
    if not terms:
        return []
    name_width = min(max((len(term.name) for term in terms), default=8), 18, max(width - 24, 6))
    bar_half = max(min((width - name_width - 7 - 5 - 5 - 2) // 2, 4), 0)
    rows: list[Row] = [
        (
            left("component", name_width, "muted"),
            right("input", 7, "muted"),
            right("pts", 5, "muted"),
            (" " * (2 * bar_half + 2), ""),
            right("sum", 5, "muted"),
        )
    ]
    running = 0.0
    for index, term in enumerate(terms):
        if index == len(view.components):
            rows.append((("modifiers", "muted"),))
        running += term.points
        rows.append(_term(term, running, name_width, bar_half))
        if term.note:
            rows += wrap(term.note, width - 2, "muted", "  ")
    score = view.signal.score if view.signal is not None else None
    agrees = score is None or abs(score - running) < 1e-6
    closing: Row = (("score ", "muted"), (render.number(score, 2), "title"))
    if not agrees:
        closing = (*closing, (f"  but the points sum to {running:.2f}", "alarm"))
    rows.append(spread(closing, (("sum ", "muted"), (f"{running:.2f}", "title")), width))
    return rows


def _term(term: Term, running: float, name_width: int, bar_half: int) -> Row:
    role = render.tone(term.points)
    absent = term.input is None and term.points == 0
    cells = min(round(abs(term.points) * 2), bar_half) if term.points else 0
    before = (" " * (bar_half - cells) + "█" * cells) if term.points < 0 else " " * bar_half
    after = ("█" * cells + " " * (bar_half - cells)) if term.points > 0 else " " * bar_half
    return (
        left(term.name, name_width, "muted" if absent else ""),
        right("absent" if absent else "" if term.input is None else f"{term.input:.3g}", 7, "muted"),
        right(f"{term.points:+.1f}" if term.points else "0", 5, role),
        (f" {before}{after} " if bar_half else "  ", role),
        right(f"{running:.1f}", 5),
    )


def check_rows(checks: Sequence[Check], width: int) -> list[Row]:
    """Conditions as passed, failed or absent."""
    rows: list[Row] = []
    for check in checks:
        value = "" if check.value is None else f" {check.value:.3g}"
        text = f"{check.name}{value}" + (f"  need {check.need}" if check.need else "")
        glyph = _CHECK_GLYPH.get(check.state, "?")
        role = _CHECK_ROLE.get(check.state, "warn")
        body = wrap(text, max(width - 2, 1), "" if check.state == "failed" else "muted")
        rows += [((f"{glyph} " if i == 0 else "  ", role), *row) for i, row in enumerate(body)]
    return rows


def plan_rows(view: BreakdownView, width: int) -> list[Row]:
    """Entry, stop with its source, targets, and the trail."""
    signal = view.signal
    if signal is None or signal.stop is None:
        return []
    rows: list[Row] = [
        (
            ("plan  ", "muted"),
            ("entry ", "muted"),
            (signal.entry or "market", ""),
            ("  stop ", "muted"),
            (signal.stop, "loss"),
            (f" {view.stop_source}" if view.stop_source else "", "muted"),
        )
    ]
    if view.targets:
        spans: list[tuple[str, str]] = [("      ", "")]
        for index, (price, r) in enumerate(view.targets, 1):
            spans += [(f"tp{index} ", "muted"), (price, "profit"), (f" {r:g}R  ", "muted")]
        rows.append(tuple(spans))
    return rows


def ticket_rows(ticket: Ticket, width: int) -> list[Row]:
    """What an approval would do at this moment; costs are rounded up."""
    beyond = ticket.liquidation_beyond_stop_pct
    if ticket.liquidation is None:
        liquidation = render.UNKNOWN if beyond is None else "out of reach"
    else:
        liquidation = ticket.liquidation + ("" if beyond is None else f" ({render.result(beyond, 1)}% beyond stop)")
    pairs: list[tuple[str, str, str]] = [
        ("size", f"{ticket.quantity}  notional {ticket.notional:.2f}", ""),
        ("risk", f"{render.cost(ticket.risk_usdt)} USDT  {render.cost(ticket.risk_pct)}%", ""),
        ("fill", f"{ticket.entry}  stop {ticket.stop}", ""),
        ("slippage", f"{render.cost(ticket.slippage_bps, 1)}bp  {render.cost(ticket.slippage_r, 3)}R", ""),
        ("fees", f"{render.cost(ticket.fees_r, 3)}R  funding {_funding(ticket.funding_r)}", ""),
        ("R:R net", render.ratio(ticket.reward_risk, 2), ""),
        (
            "liq",
            liquidation,
            "danger" if beyond is not None and beyond <= 0 else "",
        ),
        ("margin", f"{render.result(ticket.margin_left).lstrip('+')} left after", ""),
        ("worst", f"{_loss(ticket.worst_case_usdt)} USDT at the stop", "loss"),
    ]
    if (drift := _drift(ticket)) is not None:
        pairs.insert(3, drift)
    rows: list[Row] = [(left(name, 9, "muted"), (text, role)) for name, text, role in pairs]
    for index, (price, quantity, r) in enumerate(ticket.targets, 1):
        rows.append(
            (
                left(f"tp{index}", 9, "muted"),
                (price, "profit"),
                (f"  {quantity}", ""),
                (f"  {render.number(r)}R", "muted"),
            )
        )
    for refusal in ticket.refusals:
        rows += [((("✗ " if i == 0 else "  "), "danger"), *row) for i, row in enumerate(wrap(refusal, width - 2))]
    return rows


def _drift(ticket: Ticket) -> tuple[str, str, str] | None:
    """How far the price has gone since the signal, against how far it may: the countdown is not the only clock."""
    if ticket.drift_r is None or ticket.drift_limits_r is None:
        return None
    ahead = ticket.drift_r >= 0
    gone, limit = abs(ticket.drift_r), ticket.drift_limits_r[0 if ahead else 1]
    role = "danger" if gone > limit else "warn" if gone > 0.6 * limit else ""
    text = f"{render.cost(gone)}R {'ahead' if ahead else 'back'} of {limit:g}R allowed"
    return ("moved", text + ("  too far" if gone > limit else ""), role)


def _funding(funding_r: float | None) -> str:
    return render.UNKNOWN if funding_r is None else f"{render.signed(funding_r, 3)}R"


def _loss(usdt: float) -> str:
    return f"-{render.cost(abs(usdt))}"


def picture(view: BreakdownView, frame: Frame) -> Picture:
    signal = view.signal
    title = title_of(signal)
    if signal is None:
        return Picture(title, (), empty(view.why_empty or "no signal selected", frame.width))
    state: Row = ((signal.state, "warn" if signal.state == "refused" else "muted"),)
    return Picture(title, state, detail_rows(view, frame.width))


def detail_rows(view: BreakdownView, width: int) -> list[Row]:
    """Everything about a signal in one column: what decided first, what merely passed last."""
    if view.signal is None:
        return empty(view.why_empty or "no signal selected", width)
    rows: list[Row] = []
    if view.signal.reason:
        rows += wrap(view.signal.reason, width, "warn")
    rows += score_rows(view, width)
    held = [check for check in view.checks if check.state != "passed"]
    passed = [check for check in view.checks if check.state == "passed"]
    rows += check_rows(held, width)
    if not view.components:
        rows += check_rows(passed, width)
    if view.flips:
        rows.append((("what would flip it", "muted"),))
        for flip in view.flips:
            rows += [((("→ " if i == 0 else "  "), "accent"), *row) for i, row in enumerate(wrap(flip, width - 2))]
    rows += plan_rows(view, width)
    rows += wrap(f"like it  {view.measured}", width, "muted", "  ")
    if view.ticket is not None:
        rows.append((("ticket, if approved now", "muted"),))
        rows += ticket_rows(view.ticket, width)
    if view.components and passed:
        rows += [(("gates passed", "muted"),), *check_rows(passed, width)]
    return rows


class BreakdownPane(Pane):
    TOPIC = "breakdown"
    TITLE = "Why"
    CONTEXTS = ("why", "desk")

    def waiting_text(self) -> str:
        return "select a signal to see every component behind it"

    def picture_of(self, frame: Frame) -> Picture:
        assert isinstance(self.view, BreakdownView)
        return picture(self.view, frame)
