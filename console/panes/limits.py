"""Budgets and health: weight and order gauges with their lanes, bans, services, lag, clock, gaps."""

from __future__ import annotations

from console import render
from console.panes.pane import Frame, Pane, Picture
from console.rows import Row, flow, left, right, wrap
from engine.port.views import HealthView, LimitsView, Pool

_STATE_ROLE = {"ok": "good", "starting": "accent", "degraded": "warn", "failed": "danger", "stopped": "muted"}


def picture(limits: LimitsView | None, health: HealthView | None, frame: Frame) -> Picture:
    rows: list[Row] = []
    state: Row = ()
    if limits is not None:
        gate_role = "good" if limits.gate == "open" else "danger"
        state = (("gate ", "muted"), (limits.gate, gate_role))
        if limits.banned_until_ms > frame.now_ms:
            left_text = render.countdown(limits.banned_until_ms - frame.now_ms)
            rows.append(((f"BANNED {left_text}", "alarm"), (" stops rest on the exchange", "danger")))
        for pool in limits.pools:
            rows += _pool(pool, frame)
        if limits.forecast:
            rows += wrap(limits.forecast, frame.width, "muted")
    if health is not None:
        rows += _health(health, frame.width)
    return Picture((("Limits and health", "title"),), state, rows)


def _pool(pool: Pool, frame: Frame) -> list[Row]:
    role = render.gauge_role(pool.used, pool.limit)
    figures = f"{pool.used}/{pool.limit}"
    width = max(min(frame.width - 11 - len(figures) - 9, 16), 4)
    resets = f" {render.span(max(pool.resets_ms - frame.now_ms, 0))}" if pool.resets_ms > frame.now_ms else ""
    row: Row = (
        left(pool.name, 10, "muted"),
        (" ", ""),
        (render.gauge(pool.used, pool.limit, width), role),
        right(figures, len(figures) + 1),
        (resets, "muted"),
    )
    lanes: list[Row] = [((f"{lane} ", "muted"), (str(used), "")) for lane, used in pool.lanes.items() if used]
    return [row, *flow([(("          ", ""),), *lanes], frame.width, " ")] if lanes else [row]


def _health(health: HealthView, width: int) -> list[Row]:
    lag_role = "warn" if health.loop_lag_p99_ms > 15 else ""
    facts: list[Row] = [
        (("lag p99 ", "muted"), (f"{render.cost(health.loop_lag_p99_ms, 1)}ms", lag_role)),
        (("max ", "muted"), (f"{render.cost(health.loop_lag_max_ms_10s, 0)}ms", "")),
        (("clock ", "muted"), (_clock(health), "")),
        (("books ", "muted"), (f"{health.books_synced}", "")),
        (("symbols ", "muted"), (f"{health.symbols_live}/{health.symbols_total}", "")),
        (("seats ", "muted"), (f"{health.seats}", "")),
        (("telegram ", "muted"), (health.telegram, "")),
    ]
    if health.equity is not None:
        facts.append((("equity ", "muted"), (f"{health.equity:.2f}", "")))
    rows = flow(facts, width)
    bad = [service for service in health.services if service.state != "ok"]
    good = len(health.services) - len(bad)
    if health.services:
        rows.append((("services ", "muted"), (f"{good} ok", "good" if not bad else "")))
    for service in bad:
        text = f"{service.name} {service.state}" + (f": {service.detail}" if service.detail else "")
        if service.restarts:
            text += f" (restarts {service.restarts})"
        rows += wrap(text, width, _STATE_ROLE.get(service.state, "warn"), "  ")
    if not health.reconciled:
        rows.append((("not reconciled with the exchange", "danger"),))
    if health.last_error:
        rows += wrap(f"last error: {health.last_error}", width, "warn", "  ")
    return rows


def _clock(health: HealthView) -> str:
    """How far the exchange's clock is ahead of ours, or how much faster it runs where the two cannot be compared."""
    if health.clock_offset_ms is not None:
        return f"{render.signed(health.clock_offset_ms, 0)}ms"
    if health.state == "STARTING":
        return "not measured yet"
    return "held" if health.speed == 0 else render.pace(health.speed)


class LimitsPane(Pane):
    TOPIC = "limits"
    TITLE = "Limits and health"
    CONTEXTS = ("limits", "desk")

    health: HealthView | None = None

    def picture_of(self, frame: Frame) -> Picture:
        return picture(self.view if isinstance(self.view, LimitsView) else None, self.health, frame)
