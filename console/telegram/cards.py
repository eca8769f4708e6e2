"""Views, notices and answers as messages: escaped, in HTML, prices with the decimals of their tick."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from html import escape
from itertools import groupby
from typing import Any

from console.telegram.advice import advice
from console.telegram.markup import MOST, size
from engine.port.notices import AnyNotice, DeskStateChanged

Value = Mapping[str, Any]

GLYPHS = {"good": "●", "info": "·", "warn": "▲", "danger": "■"}
FIRST_STEPS = 3
DAY_INCIDENTS = 6


def signal_card(signal: Value, now_ms: int) -> str:
    """A signal with its plan, its surroundings and its points: everything a decision needs."""
    name = "/".join(escape(str(part)) for part in (signal["strategy"], signal.get("variant")) if part)
    mode = f" {escape(signal['mode'])}" if signal.get("mode") else ""
    stop_atr = f", {_num(signal['stop_atr'])} ATR" if signal.get("stop_atr") is not None else ""
    source = f", {escape(str(signal['stop_source']))}" if signal.get("stop_source") else ""
    lines = [
        f"<b>{escape(signal['symbol'])}</b> {signal['side'].upper()} {name}{mode} · {signal['timeframe']}",
        f"score <b>{_num(signal['score'])}</b> · {_word(signal.get('regime'))} · bias {_word(signal.get('bias'))}",
        f"entry {signal['entry']} · stop {signal['stop']} ({_risk_pct(signal)}{stop_atr}{source})",
        " · ".join([*(_tier(signal, index) for index in (0, 1)), "the rest trails"]),
        *_ticket(signal.get("ticket")),
        f"zones: below {_zone(signal.get('zone_below'))} · above {_zone(signal.get('zone_above'))}",
        f"expires {_clock(signal['expires_ms'])} UTC, in {_span(signal['expires_ms'] - now_ms)}",
        f"measured: {escape(str(signal.get('measured', 'unmeasured')))}",
        f"<pre>{escape(chr(10).join(_points(signal)))}</pre>",
    ]
    return "\n".join(lines)


def why_card(signal: Value) -> str:
    """Every component, its input and points, and the sum; every condition; what would flip the verdict."""
    checks = [f"{_mark(c['state'])} {c['name']} {c['need']}" for c in signal.get("conditions", ())]
    flips = [f"flip: {text}" for text in signal.get("flips", ())]
    body = "\n".join([*_points(signal), *checks, *flips])
    return f"<b>{escape(signal['symbol'])}</b> {signal['side']} {escape(signal['strategy'])}\n<pre>{escape(body)}</pre>"


def life(card: str, steps: Iterable[str]) -> str:
    """A signal's card with what has become of it; a long life keeps its beginning and its end."""
    told = [
        f"{GLYPHS['info']} {escape(step)}" + (f" ×{times}" if times > 1 else "")
        for step, times in ((step, len(list(same))) for step, same in groupby(steps))
    ]
    left_out = 0
    while size("\n".join([card, *told])) > MOST - 20 and len(told) > FIRST_STEPS + 1:
        del told[FIRST_STEPS]
        left_out += 1
    if left_out:
        told.insert(FIRST_STEPS, f"… {left_out} more")
    return "\n".join([card, *told])


def notice_text(notice: AnyNotice) -> str:
    """One notice as a message of its own: what happened, then what it means."""
    stands = isinstance(notice, DeskStateChanged) and notice.desk != "running"
    glyph = GLYPHS["warn"] if stands else GLYPHS.get(notice.severity, GLYPHS["info"])
    return "\n".join(escape(line) for line in (f"{glyph} {notice.text}", advice(notice)) if line)


def greeting(vitals: Value) -> str:
    """What a start-up says: version, mode, symbols, strategies, what reconciliation found."""
    agreed = "in agreement with the exchange" if vitals["reconciled"] else "not in agreement with the exchange"
    return "\n".join([
        f"<b>perpdeck {escape(vitals['version'])}</b> started on {vitals['venue']}, mode {vitals['mode']}, "
        f"account {escape(vitals['account'])}",
        f"{vitals['symbols_active']} symbols live, {vitals['symbols_loading']} loading, "
        f"{vitals['symbols_failed']} failed",
        f"strategies: {', '.join(escape(name) for name in vitals['strategies'])}",
        f"{agreed}: {vitals['corrected']} corrected, {vitals['disagreeing']} left; "
        f"{vitals['positions_open']} positions open",
    ])  # fmt: skip


def daily(period: Value, vitals: Value) -> str:
    """The day in one message: trades, net R, open risk, incidents."""
    total = period["total"]
    lines = [
        f"<b>the last 24 h</b>: {total['trades']} trades, {total['wins']} won, {total['losses']} lost, "
        f"net {total['net_r']:+.2f}R, {money(total['net_usdt'])} USDT",
        f"open risk {vitals['open_risk_r']:.1f}R in {vitals['positions_open']} positions, "
        f"today so far {vitals['day_r']:+.2f}R",
        incidents(period, DAY_INCIDENTS),
    ]
    return "\n".join(lines)


def incidents(period: Value, most: int) -> str:
    """How much went wrong, and the newest of it in words."""
    counts = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in period["incident_counts"].items())
    told = [f"{_clock(one['at_ms'])} {escape(one['kind'])}: {escape(one['text'])}" for one in period["incidents"]]
    return "\n".join([f"incidents: {escape(counts) or 'none'}", *told[-most:]])


def figures(name: str, value: Value) -> str:
    """Results in one block."""
    exits = " ".join(f"{key}={count}" for key, count in sorted(value.get("exits", {}).items()))
    rate, factor, each = _pct(value["win_rate"]), _num(value["profit_factor"]), _num(value["expectancy_r"])
    drawdown, usdt = value.get("max_drawdown_r", 0), money(value.get("net_usdt", "0"))
    lines = [
        f"{escape(name)}: {value['trades']} trades, {value['wins']} won, {value['losses']} lost, "
        f"{value['scratches']} scratch",
        f"win rate {rate} · PF {factor} · expectancy {each}R",
        f"net {value['net_r']:+.2f}R, {usdt} USDT · max drawdown {drawdown:.2f}R",
    ]
    if value.get("mfe_r") is not None:
        lines.append(f"average MFE {value['mfe_r']:+.2f}R, MAE {value['mae_r']:+.2f}R")
    if value["trades"]:
        count = value.get("exits", {})
        lines.append(
            f"tp1 reached {value.get('tp1', 0)} · tp2 reached {value.get('tp2', 0)} · "
            f"breakeven {count.get('breakeven', 0)} · time stop {count.get('time_stop', 0)}"
        )
    if exits:
        lines.append(f"exits {escape(exits)}")
    return "\n".join(lines)


def table(rows: Iterable[tuple[str, ...]]) -> str:
    """Cells in columns, as preformatted text."""
    rows = [tuple(str(cell) for cell in row) for row in rows]
    if not rows:
        return "nothing"
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return f"<pre>{escape(chr(10).join(lines))}</pre>"


def pairs(value: Value) -> str:
    """A mapping, one line a key."""
    return table([(str(key).replace("_", " "), "?" if item is None else str(item)) for key, item in value.items()])


def money(value: str) -> str:
    """An amount of the quote asset, to the cent."""
    return f"{float(value):+.2f}"


def clock(ms: int | None) -> str:
    """A moment, UTC."""
    return _clock(ms) if ms else "never"


def reward_r(signal: Value, target: str) -> str:
    """Distance to a target in R, from the prices as they are shown."""
    entry, stop, price = (float(signal.get(key) or 0) for key in ("entry", "stop", target))
    risk = entry - stop
    return f"{(price - entry) / risk:.2f}R" if risk and price else "?"


def _tier(signal: Value, index: int) -> str:
    name, shares = f"tp{index + 1}", signal.get("shares")
    share = f", {shares[index]:.0%}" if shares else ""
    return f"{name} {signal[name]} ({reward_r(signal, name)}{share})"


def _ticket(ticket: Value | None) -> list[str]:
    """What an approval would buy and risk, and why it would be refused at this moment."""
    if ticket is None:
        return []
    worst = f"worst {-abs(ticket['worst_case_usdt']):.2f}"
    line = f"size {ticket['quantity']} · risk {ticket['risk_usdt']:.2f} USDT, {ticket['risk_pct']:.2f} % · {worst}"
    return [line, *(f"{GLYPHS['warn']} now refused: {escape(reason)}" for reason in ticket["refusals"])]


def _points(signal: Value) -> list[str]:
    terms = [*signal["components"], *signal["modifiers"]]
    width = max((len(term["name"]) for term in terms), default=3)
    rows = [f"{term['name']:<{width}} {_input(term['input']):>8} {term['points']:+5.1f}" for term in terms]
    total = sum(term["points"] for term in terms)
    return [*rows, f"{'sum':<{width}} {'':>8} {total:+5.1f}"]


def _zone(zone: Value | None) -> str:
    return "none" if zone is None else f"{zone['low']} to {zone['high']} ({escape(zone['tf'])} {escape(zone['grade'])})"


def _clock(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%m-%d %H:%M")


def _span(ms: float) -> str:
    seconds = max(0, int(ms // 1000))
    return f"{seconds // 60}:{seconds % 60:02d}"


def _risk_pct(signal: Value) -> str:
    entry, stop = float(signal["entry"] or 0), float(signal["stop"] or 0)
    return f"{abs(entry - stop) / entry * 100:.2f} %" if entry else "?"


def _word(value: object) -> str:
    return escape(str(value)) if value else "?"


def _num(value: float | None) -> str:
    return "?" if value is None else f"{value:.2f}"


def _pct(value: float | None) -> str:
    return "?" if value is None else f"{value:.0%}"


def _input(value: float | None) -> str:
    return "absent" if value is None else f"{value:.3g}"


def _mark(state: str) -> str:
    return {"passed": "+", "failed": "-"}.get(state, "?")
