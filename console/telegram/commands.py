"""Every command of the bot: who may give it, what it says of itself, and how it is answered from the port."""

from __future__ import annotations

import csv
import io
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from console.telegram import cards
from console.telegram.asker import Asker
from console.telegram.quiet import HUSH
from engine.port.commands import Flatten, Halt, Kill, Pause, Resume

MINUTE_S = 60.0
DAY_MS = 86_400_000
SHOWN_SIGNALS = 20
REPORT_INCIDENTS = 20
MOST = 10_000.0
OPEN = ("pending", "approved")

Ask = Callable[[Asker, list[str]], Awaitable[str]]


@dataclass(frozen=True)
class BotCommand:
    """A row of the table. `control` needs an operator and asks back; `typed` wants the account's name typed."""

    name: str
    group: str
    help: str
    answer: Ask
    control: bool = False
    typed: bool = False


async def _status(ask: Asker, _args: list[str]) -> str:
    now, counts = await ask.query("vitals"), (await ask.query("regimes"))["counts"]
    change = "?" if now["btc_change_pct"] is None else f"{now['btc_change_pct']:+.2f} %"
    took = "?" if now["last_cycle_took_ms"] is None else f"{now['last_cycle_took_ms']} ms"
    rows = {
        "state": now["state"],
        "desk": " ".join(part for part in (now["desk"], now["desk_reason"]) if part),
        "venue": now["venue"],
        "mode": now["mode"],
        "up": f"{now['uptime_s'] // 3600} h {now['uptime_s'] // 60 % 60} min",
        "symbols": f"{now['symbols_active']} active, {now['symbols_loading']} loading, {now['symbols_failed']} failed",
        "regimes": ", ".join(f"{name} {count}" for name, count in counts.items()) or "?",
        "BTC, 3 h": f"{change}, mean reversion {'blocked' if now['btc_blocks_reversion'] else 'allowed'}",
        "signals": f"{now['signals_pending']} waiting",
        "positions": f"{now['positions_open']} open, risk {now['open_risk_r']:.1f}R, day {now['day_r']:+.2f}R",
        "weight": f"{now['weight_used']} of {now['weight_limit']}",
        "last close": f"{cards.clock(now['last_cycle_ms'])}, took {took}",
    }
    alarms = "".join(f"\n{cards.GLYPHS['danger']} {escape(alarm)}" for alarm in now["alarms"]) or "\nno alarms"
    return f"{cards.pairs(rows)}{alarms}"


async def _strategies(ask: Asker, _args: list[str]) -> str:
    rows, now = await ask.query("strategies"), await ask.query("vitals")
    cells = [
        (row["strategy"], "on" if row["enabled"] else "off", row["timeframe"], ",".join(row["open"]) or "-",
         f"{cards.clock(row['last_signal_ms'])} {row['last_symbol'] or ''}".strip())
        for row in rows
    ]  # fmt: skip
    blocks = [
        f"{b['symbol']} {b['side']} {b['strategy']} until {cards.clock(b['until_ms']) if b['until_ms'] else 'lifted'}"
        for b in now["blocks"]
    ]
    blocks += [f"{key.replace('|', ' ')} rests until {cards.clock(until)}" for key, until in now["cooldowns"].items()]
    held = "\n".join(escape(" ".join(block.split())) for block in blocks) or "nothing is blocked"
    return f"{cards.table([('strategy', '', 'tf', 'open', 'last signal'), *cells])}\n{held}"


async def _performance(ask: Asker, args: list[str]) -> str:
    days = _number(args, 7)
    value = await ask.query("performance", days=days)
    return f"{cards.figures(f'last {days} days', value)}\nopen now {value['open']}"


async def _stats(ask: Asker, args: list[str]) -> str:
    rows = await ask.query("stats", days=_number(args, 7))
    return "\n\n".join(cards.figures(row["name"], row) for row in rows) or "no closed trades"


async def _ap_stats(ask: Asker, args: list[str]) -> str:
    value = await ask.query("ap_stats", days=_number(args, 7))
    blocks = [cards.figures("Action Price", value["total"])]
    blocks += [cards.figures(f"mode {row['name']}", row) for row in value["by_mode"]]
    blocks += [cards.figures(f"score {row['name']}", row) for row in value["by_score"]]
    return "\n\n".join(blocks)


def _closed(kind: str = "", strategy: str = "") -> Ask:
    async def answer(ask: Asker, args: list[str]) -> str:
        rows = await ask.query("closed", hours=_number(args, 24), kind=kind, strategy=strategy)
        cells = [
            (row["symbol"], row["side"], row["strategy"], row["entry"], row["exit"], f"{row['net_r']:+.2f}R",
             row["reason"], f"{row['minutes']}m")
            for row in rows
        ]  # fmt: skip
        return cards.table(cells) if cells else "nothing closed in that time"

    return answer


async def _validate(ask: Asker, args: list[str]) -> str:
    symbol = (args[0] if args else "BTCUSDT").upper()
    lines: list[tuple[str, ...]] = []
    for row in await ask.query("validate", symbol=symbol):
        if not row["verdicts"]:
            lines.append((row["strategy"], "", "no setup"))
        for verdict in row["verdicts"]:
            lines.append((row["strategy"], verdict["side"], verdict["verdict"]))
            lines += [("", state, f"{name} {need}") for name, state, _, need in verdict["conditions"]]
    return f"{escape(symbol)}\n{cards.table(lines)}" if lines else f"nothing to validate for {escape(symbol)}"


def _grouped(what: str) -> Ask:
    async def answer(ask: Asker, args: list[str]) -> str:
        rows = await ask.query(what, days=_number(args, 30))
        return "\n\n".join(cards.figures(row["name"], row) for row in rows) or "no closed trades"

    return answer


async def _v3_zones(ask: Asker, args: list[str]) -> str:
    value = await ask.query("zones", symbol=(args[0] if args else "BTCUSDT").upper())
    cells = [
        (zone["kind"], f"{zone['low']} to {zone['high']}", zone["tf"], zone["grade"], f"{zone['strength']:.0f}",
         zone["state"], f"{zone['touches']}x", f"{zone['distance_atr']:+.1f} ATR")
        for zone in value["zones"]
    ]  # fmt: skip
    head = f"{escape(value['symbol'])} {value.get('price', '?')} ({value.get('origin', '?')})"
    return f"{head}\n{cards.table(cells)}" if cells else f"{head}: no zones {value.get('reason', '')}"


async def _v3_status(ask: Asker, _args: list[str]) -> str:
    value = await ask.query("zone_engine")
    head = {"provider": value["provider"], "built by": value["origins"], "zones": value["zones"]}
    rows = {**head, **{name: value[f"by_{name}"] for name in ("kind", "grade", "state")}}
    told = {key: _counts(item) if isinstance(item, dict) else item for key, item in rows.items()}
    each = [(symbol, f"{count} zones") for symbol, count in value["symbols"].items()]
    return f"{cards.pairs(told)}\n{len(each)} of {value['watched']} symbols\n{cards.table(each)}"


async def _v3_signals(ask: Asker, _args: list[str]) -> str:
    rows = [row for row in await ask.query("signals") if row["state"] in OPEN][:SHOWN_SIGNALS]
    cells = []
    for row in rows:
        card = await ask.query("card", id=row["id"])
        near = [f"{zone['low']} to {zone['high']}" if zone else "none" for zone in _around(card)]
        zones = f"{row['zone_arm']}: {near[0]} | {near[1]}"
        stop = f"stop {row['stop']} {row['stop_source']}"
        cells.append((row["symbol"], row["side"], row["strategy"], f"{row['score']:.2f}", row["state"], stop, zones))
    return cards.table(cells) if cells else "no open signals"


async def _v3_stats(ask: Asker, args: list[str]) -> str:
    value = await ask.query("zone_arms", days=_number(args, 30))
    blocks = [cards.figures(f"zones {row['name']}", row) for row in value["arms"]] or ["no closed trades"]
    compared = _counts(value["compared"])
    return "\n\n".join([*blocks, f"the other builder, last {value['days']} days: {compared or 'nothing compared'}"])


async def _latency(ask: Asker, _args: list[str]) -> str:
    value = await ask.query("latency")
    cycle = value.pop("cycle") or {}
    return cards.pairs({**value, **{f"cycle {key}": item for key, item in cycle.items()}})


async def _report(ask: Asker, args: list[str]) -> str:
    value = await ask.query("period", days=_number(args, 7))
    equity = value["equity_r"]
    course = (
        f"equity {equity[-1]:+.2f}R, high {max(0.0, *equity):+.2f}R, low {min(0.0, *equity):+.2f}R" if equity else ""
    )
    period = f"last {value['days']} days"
    blocks = [f"{cards.figures(period, value['total'])}\n{course}".rstrip()]
    for title in ("by_strategy", "by_regime", "by_hour"):
        cells = [(row["name"], f"{row['trades']}", f"{row['net_r']:+.2f}R") for row in value[title]]
        if cells:
            blocks.append(f"{title.replace('_', ' ')}\n{cards.table(cells)}")
    blocks.append(f"fees {cards.money(value['fees_usdt'])} USDT, funding {cards.money(value['funding_usdt'])} USDT")
    blocks.append(cards.incidents(value, REPORT_INCIDENTS))
    return "\n\n".join(blocks)


async def export_csv(ask: Asker, args: list[str]) -> bytes:
    """Signals of the last days as a CSV file."""
    since_ms = (await ask.query("status"))["now_ms"] - round(float(_number(args, 7)) * DAY_MS)
    rows = [row for row in await ask.query("signals") if row["bar_time"] >= since_ms]
    out = io.StringIO()
    writer = csv.writer(out)
    names = (
        "bar_time", "symbol", "side", "strategy", "mode", "score", "entry", "stop", "tp1", "tp2", "state", "reason",
        "net_r", "id",
    )  # fmt: skip
    writer.writerow(names)
    writer.writerows([[row.get(name) for name in names] for row in rows])
    return out.getvalue().encode()


async def _export(ask: Asker, args: list[str]) -> str:
    lines = (await export_csv(ask, args)).splitlines()
    return f"{len(lines) - 1} signals"


async def _digest(ask: Asker, _args: list[str]) -> str:
    day = cards.daily(await ask.query("period", days="1"), await ask.query("vitals"))
    rows = await ask.query("notices")
    last = "\n".join(f"{cards.clock(row['at_ms'])} {escape(row['text'])}" for row in rows[-15:])
    return f"{day}\n\n{last or 'nothing happened yet'}"


async def _pause(ask: Asker, args: list[str]) -> str:
    minutes = float(_number(args, 0)) or None
    for_s = minutes * MINUTE_S if minutes else None
    return await ask.submit(Pause(id=ask.next_id(), actor=ask.actor, for_s=for_s))


async def _resume(ask: Asker, args: list[str]) -> str:
    return await ask.submit(Resume(id=ask.next_id(), actor=ask.actor, confirm=args[0] if args else ""))


async def _halt(ask: Asker, _args: list[str]) -> str:
    return await ask.submit(Halt(id=ask.next_id(), actor=ask.actor))


async def _flatten(ask: Asker, args: list[str]) -> str:
    return await ask.submit(Flatten(id=ask.next_id(), actor=ask.actor, confirm=args[0] if args else ""))


async def _kill(ask: Asker, args: list[str]) -> str:
    return await ask.submit(Kill(id=ask.next_id(), actor=ask.actor, confirm=args[0] if args else ""))


async def _help(_ask: Asker, _args: list[str]) -> str:
    groups = dict.fromkeys(command.group for command in COMMANDS.values())
    blocks = [
        f"<b>{group}</b>\n" + "\n".join(f"/{c.name} – {c.help}" for c in COMMANDS.values() if c.group == group)
        for group in groups
    ]
    blocks.append("<b>this chat</b>\n" + "\n".join(f"/{name} – {text}" for name, text in HUSH.items()))
    return "\n\n".join(blocks)


async def _start(ask: Asker, args: list[str]) -> str:
    status = await ask.query("status")
    return f"perpdeck, {status['venue']}, mode {status['mode']}, {status['state']}\n\n{await _help(ask, args)}"


_ROWS = (
    BotCommand("start", "desk", "greeting and all commands", _start),
    BotCommand("help", "desk", "all commands", _help),
    BotCommand("menu", "desk", "show the keyboard; /menu hide removes it", _help),
    BotCommand("status", "desk", "state, mode, symbols, regimes, alarms", _status),
    BotCommand("strategies", "desk", "each strategy, on or off, open and last signal", _strategies),
    BotCommand("latency", "desk", "streams, loop, requests, the last close", _latency),
    BotCommand("digest", "desk", "the day so far and what happened last", _digest),
    BotCommand("performance", "results", "[days] all trades", _performance),
    BotCommand("stats", "results", "[days] by strategy", _stats),
    BotCommand("ap_stats", "results", "[days] Action Price by mode and score", _ap_stats),
    BotCommand("closed", "results", "[hours] closed trades", _closed()),
    BotCommand("closed_ap", "results", "[hours] closed Action Price trades", _closed(strategy="action_price")),
    BotCommand("closed_ap_sl", "results", "[hours] its stop-outs", _closed("sl", "action_price")),
    BotCommand("closed_ap_tp", "results", "[hours] its targets and breakevens", _closed("tp", "action_price")),
    BotCommand("regime_stats", "results", "[days] by regime", _grouped("by_regime")),
    BotCommand("confluence_stats", "results", "[days] by number of agreeing strategies", _grouped("by_confluence")),
    BotCommand("report", "results", "[days] period report", _report),
    BotCommand("export", "results", "[days] signals as a CSV file", _export),
    BotCommand("validate", "market", "[symbol] every strategy on the last closed bars", _validate),
    BotCommand("v3_status", "market", "which zone builder decides, and what it found", _v3_status),
    BotCommand("v3_signals", "market", "open signals and the zones beside them", _v3_signals),
    BotCommand("v3_stats", "market", "[days] results by zone builder", _v3_stats),
    BotCommand("v3_zones", "market", "symbol: zones around the price", _v3_zones),
    BotCommand("pause", "control", "[minutes] no new entries", _pause, control=True),
    BotCommand("resume", "control", "back to running", _resume, control=True),
    BotCommand("halt", "control", "no entries until resumed", _halt, control=True),
    BotCommand("flatten", "control", "account name: close everything at market", _flatten, control=True, typed=True),
    BotCommand("kill", "control", "account name: everything stops but the stops", _kill, control=True, typed=True),
)
COMMANDS: Mapping[str, BotCommand] = {command.name: command for command in _ROWS}

KEYBOARD = (
    (("Performance", "performance"), ("Action Price", "ap_stats")),
    (("Closed signals", "closed"), ("Closed AP", "closed_ap")),
    (("V3 S/R", "v3_signals"), ("V3 stats", "v3_stats")),
    (("Status", "status"), ("Pause", "pause 60")),
)
ALIASES: Mapping[str, str] = {label: command for row in KEYBOARD for label, command in row}


def _number(args: list[str], default: float) -> str:
    """The first argument as a positive number of at most ten thousand, else the default."""
    try:
        value = float(args[0]) if args else default
    except ValueError:
        value = default
    return f"{value if 0 < value <= MOST else default:g}"


def _counts(value: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in value.items())


def _around(card: Mapping[str, Any]) -> tuple[Any, Any]:
    return card.get("zone_below"), card.get("zone_above")
