"""Views, notices and answers as messages: escaped, in HTML, prices with the decimals of their tick."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from html import escape
from typing import Any

from engine.port import notices
from engine.port.notices import AnyNotice

Value = Mapping[str, Any]

GLYPHS = {"good": "●", "info": "·", "warn": "▲", "danger": "■"}


def signal_card(signal: Value, measured: str, now_ms: int) -> str:
    """A signal with its plan and its points."""
    risk = _risk_pct(signal)
    lines = [
        f"<b>{escape(signal['symbol'])}</b> {signal['side'].upper()} {escape(signal['strategy'])}"
        + (f" {escape(signal['mode'])}" if signal.get("mode") else ""),
        f"score <b>{_num(signal['score'])}</b> · regime {escape(str(signal.get('regime')))} · {signal['timeframe']}",
        f"entry {signal['entry']} · stop {signal['stop']} ({risk}, {escape(str(signal.get('stop_source') or ''))})",
        f"tp1 {signal['tp1']} · tp2 {signal['tp2']}",
        f"expires {_clock(signal['expires_ms'])} UTC, in {_span(signal['expires_ms'] - now_ms)}",
        f"measured: {escape(measured)}",
    ]
    return "\n".join(lines)


def why_card(signal: Value) -> str:
    """Every component, its input and points, and the sum."""
    terms = [*signal["components"], *signal["modifiers"]]
    width = max((len(term["name"]) for term in terms), default=0)
    rows = [f"{term['name']:<{width}} {_input(term['input']):>8} {term['points']:+5.1f}" for term in terms]
    total = sum(term["points"] for term in terms)
    checks = [f"{_mark(c['state'])} {c['name']} {c['need']}" for c in signal.get("conditions", ())]
    flips = [f"flip: {text}" for text in signal.get("flips", ())]
    body = "\n".join([*rows, f"{'sum':<{width}} {'':>8} {total:+5.1f}", *checks, *flips])
    return f"<b>{escape(signal['symbol'])}</b> {signal['side']} {escape(signal['strategy'])}\n<pre>{escape(body)}</pre>"


def life(card: str, steps: Iterable[str]) -> str:
    """A signal's card with what has become of it."""
    told = [f"{GLYPHS['info']} {escape(step)}" for step in steps]
    return "\n".join([card, *told])


def notice_text(notice: AnyNotice) -> str:
    """One notice as a message of its own."""
    return f"{GLYPHS.get(notice.severity, '·')} {escape(notice.text)}"


def is_safety(notice: AnyNotice) -> bool:
    """Never muted, whatever the hour."""
    return notice.severity == "danger" or isinstance(notice, notices.Degraded)


def is_trade(notice: AnyNotice) -> bool:
    """About money that is at work; never muted."""
    return isinstance(
        notice,
        notices.EntryFilled | notices.StopPlaced | notices.StopMoved | notices.TierTaken | notices.TradeClosed
        | notices.OrderRefused | notices.SignalDecided,
    )  # fmt: skip


def figures(name: str, value: Value) -> str:
    """Results in one block."""
    exits = " ".join(f"{key}={count}" for key, count in sorted(value.get("exits", {}).items()))
    rate, factor, each = _pct(value["win_rate"]), _num(value["profit_factor"]), _num(value["expectancy_r"])
    drawdown, usdt = value.get("max_drawdown_r", 0), value.get("net_usdt", "0")
    lines = [
        f"{name}: {value['trades']} trades, {value['wins']} won, {value['losses']} lost, {value['scratches']} scratch",
        f"win rate {rate} · PF {factor} · expectancy {each}R",
        f"net {value['net_r']:+.2f}R {usdt} USDT · max drawdown {drawdown:.2f}R",
    ]
    if value.get("mfe_r") is not None:
        lines.append(f"average MFE {value['mfe_r']:+.2f}R, MAE {value['mae_r']:+.2f}R")
    if exits:
        lines.append(exits)
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


def clock(ms: int | None) -> str:
    """A moment, UTC."""
    return _clock(ms) if ms else "never"


def _clock(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%m-%d %H:%M")


def _span(ms: float) -> str:
    seconds = max(0, int(ms // 1000))
    return f"{seconds // 60}:{seconds % 60:02d}"


def _risk_pct(signal: Value) -> str:
    entry, stop = float(signal["entry"] or 0), float(signal["stop"] or 0)
    return f"{abs(entry - stop) / entry * 100:.2f} %" if entry else "?"


def _num(value: float | None) -> str:
    return "?" if value is None else f"{value:.2f}"


def _pct(value: float | None) -> str:
    return "?" if value is None else f"{value:.0%}"


def _input(value: float | None) -> str:
    return "absent" if value is None else f"{value:.3g}"


def _mark(state: str) -> str:
    return {"passed": "+", "failed": "-"}.get(state, "?")
