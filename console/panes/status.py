"""The top line: venue and mode, state, links, budgets, risk, next close, bytes. Drops what matters least first."""

from __future__ import annotations

import math

import msgspec

from console import render
from console.panes.canvas import Canvas
from console.rows import Row, fit, spread, width_of
from engine.port.views import HealthView

ENGINE_GONE = "engine gone: positions keep their stops; perpdeck run brings it back"

_LINK_ORDER = (("public", "pub"), ("market", "mkt"), ("private", "prv"), ("rest", "rest"))
_LINK = {"ok": ("●", "good"), "late": ("◐", "warn"), "down": ("○", "danger")}
_DESK_ROLE = {"running": "good", "paused": "warn strong", "reducing": "danger", "halted": "alarm"}
_STATE_ROLE = {"RUNNING": "good", "DEGRADED": "warn strong", "STOPPED": "danger"}


class LinkState(msgspec.Struct, frozen=True):
    """What the screen knows about its own connection and terminal."""

    state: str = "connecting"  # connecting | up | gone | reconnecting
    health_age_ms: float | None = None
    kib_s: float = 0.0
    detail: str = ""


class Segment(msgspec.Struct, frozen=True):
    """A piece of the line. Priority 0 is never dropped; `short` is its form where room is scarce."""

    priority: int
    full: Row
    short: Row = ()


def venue_role(venue: str) -> str:
    return venue if venue in ("live", "paper", "testnet") else "sim"


def segments(health: HealthView | None, link: LinkState, now_ms: int) -> list[Segment]:
    """The pieces of the line from left to right."""
    if health is None:
        text = "engine gone" if link.state == "gone" else f"{link.state} to the engine"
        return [Segment(0, ((f" {text} ", "warn strong"),)), Segment(1, ((link.detail, "muted"),))]
    parts: list[Segment] = []
    if health.naked_ms > 0:
        naked_s = (health.naked_ms + (link.health_age_ms or 0.0)) / 1_000
        parts.append(Segment(0, ((f" NAKED {naked_s:.1f}s ", "alarm"),)))
    venue = (f" {health.venue.upper()} ", venue_role(health.venue))
    account = (health.account, "muted")
    parts.append(Segment(0, (venue, ("  acct ", "muted"), account), (venue, (" ", ""), account)))
    if link.state != "up":
        text = "engine gone" if link.state == "gone" else "reconnecting"
        parts.append(Segment(0, ((f"{text} {render.age(link.health_age_ms)}", "alarm"),)))
    parts.append(Segment(1, ((health.mode.upper(), "warn strong" if health.mode == "auto" else "title"),)))
    parts.append(Segment(0, _desk(health, now_ms)))
    if link.state == "up":
        late = link.health_age_ms is None or link.health_age_ms > 2_500
        age = (_coarse(link.health_age_ms), "warn strong" if late else "")
        parts.append(Segment(3, (("engine ", "muted"), age), (("eng ", "muted"), age)))
    parts.append(Segment(4, _links(health, " "), _links(health, "")))
    used = (f"{health.weight_used}/{health.weight_limit}", "")
    role = render.gauge_role(health.weight_used, health.weight_limit)
    gauge = (render.gauge(health.weight_used, health.weight_limit, 6), role)
    parts.append(Segment(6, (("wt ", "muted"), gauge, (" ", ""), used), (("wt ", "muted"), used)))
    parts.append(Segment(7, (("ord ", "muted"), (f"{health.orders_used}/{health.orders_limit}", ""))))
    risk = (f"{render.cost(health.open_risk_r, 1)}R", "")
    day = (f"{render.result(health.day_r, 1)}R", render.tone(health.day_r))
    parts.append(Segment(2, (("risk ", "muted"), risk, (" day ", "muted"), day)))
    parts.append(Segment(5, (("15m ", "muted"), (render.countdown(health.next_close_ms - now_ms), ""))))
    if health.speed == 0.0:
        parts.append(Segment(1, (("HELD", "warn strong"),)))
    elif health.speed != 1.0:
        parts.append(Segment(5, ((render.pace(health.speed), "accent"),)))
    parts.append(Segment(8, ((f"{link.kib_s:.1f}KiB/s", "muted"),)))
    return parts


def _coarse(age_ms: float | None) -> str:
    """Half-second steps while fresh: an age that changes with each look costs bytes and tells nothing."""
    if age_ms is None or age_ms >= 2_500:
        return render.age(age_ms)
    return f"{max(math.ceil(age_ms / 500), 1) * 0.5:.1f}s"


def _desk(health: HealthView, now_ms: int) -> Row:
    if health.desk != "running":
        left_ms = health.paused_until_ms - now_ms
        until = f" {render.countdown(left_ms)}" if health.desk == "paused" and left_ms > 0 else ""
        return ((f"{health.desk.upper()}{until}", _DESK_ROLE.get(health.desk, "warn")),)
    return ((health.state, _STATE_ROLE.get(health.state, "accent")),)


def _links(health: HealthView, gap: str) -> Row:
    spans: list[tuple[str, str]] = [("ws ", "muted")]
    for key, short in _LINK_ORDER:
        glyph, role = _LINK.get(health.links.get(key, ""), ("?", "warn"))
        spans += [(short, "muted"), (glyph, role), (gap, "")]
    return tuple(spans[:-1])


def line(health: HealthView | None, link: LinkState, now_ms: int, width: int) -> Row:
    """The pieces that fit: first shortened, then dropped, the least important first.

    In LIVE the whole line is in the danger colour.
    """
    parts = segments(health, link, now_ms)
    for shrink in (True, False):
        for priority in range(max(part.priority for part in parts), -1 if shrink else 0, -1):
            if sum(width_of(part.full) + 3 for part in parts) - 3 <= width:
                break
            parts = [
                Segment(part.priority, part.short or part.full) if part.priority == priority else part
                for part in parts
                if shrink or part.priority != priority
            ]
    spans: list[tuple[str, str]] = []
    for index, part in enumerate(parts):
        spans += [(" │ ", "border")] * (index > 0)
        spans += part.full
    full = fit(tuple(spans), width)
    if health is not None and health.venue == "live":
        return tuple((text, "alarm reverse" if role == "alarm" else "live") for text, role in full)
    return full


def banner(health: HealthView | None, link: LinkState, width: int, demo: bool = False) -> Row | None:
    """A second line, only while there is something to say: engine gone, demo, history loading, why entries are held."""
    if health is None:
        return None
    if link.state in ("gone", "reconnecting"):
        return fit(((f" {ENGINE_GONE} ", "alarm"),), width)
    start: list[tuple[str, str]] = []
    if health.desk != "running" and health.desk_reason:
        start += [(f" {health.desk}: {health.desk_reason} ", "warn")]
    if health.load_text:
        start += [(f" {health.load_text} ", "accent")]
    said = health.banner or ("DEMO · recorded data" if demo else "")
    if said and "speed" not in said:
        said += f" · speed {render.pace(health.speed)}" if health.speed else " · held"
    end: Row = ((f" {said} ", "sim"),) if said else ()
    if not start and not end:
        return None
    return fit(spread(tuple(start), end, width), width)


class StatusLine(Canvas):
    """One line, two while there is a banner."""

    demo = False

    def paint(self, health: HealthView | None, link: LinkState, now_ms: int) -> None:
        width = self.size.width
        rows = [line(health, link, now_ms, width)]
        if self.size.height > 1 and (extra := banner(health, link, width, self.demo)) is not None:
            rows.append(extra)
        self.draw(rows)
