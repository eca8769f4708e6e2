"""One self-contained page about a result: figures, equity, drawdown, heat maps, calibration, trades with pictures."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any, Final

from engine.research import charts
from engine.research.calibration import calibrate
from engine.research.data import read_tape
from engine.research.result import Result
from engine.research.stats import HOUR_MS, equity_r
from engine.research.trades import Trade, in_order
from strategies.indicators import true_average
from strategies.model import Candles
from strategies.zones.v2 import build_v2

PICTURED: Final = 60  # trades with a picture: the best, the worst and some between
LISTED: Final = 2000
BEFORE, AFTER = 48, 12  # bars around a trade
WARM: Final = 400  # bars that the ATR of its zones reads
DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
STYLE: Final = """
:root{color-scheme:light}body{font:14px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:900px;color:#30343a;
background:#fff}h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2.2rem}table{border-collapse:collapse;margin:.6rem 0}
td,th{padding:.2rem .55rem;text-align:right;border-bottom:1px solid #e6e9ee;font-variant-numeric:tabular-nums}
th:first-child,td:first-child{text-align:left}.heat td{min-width:2.2rem;font-size:11px;padding:.15rem .3rem}
svg{width:100%;height:auto;display:block}code{word-break:break-all}details{margin:.2rem 0}summary{cursor:pointer}
.note{color:#5b6470}"""


def report(result: Result, pictures: bool = True) -> str:
    """The page as text."""
    row, trades = result.row(), result.trades
    costs = row["costs"]
    head = (
        f"{row['symbols']} symbols, {row['from']} to {row['to']}, {row['bars']:,} bars in {row['wall_s']:.1f} s. "
        f"Costs {costs['taker_bps']:g}/{costs['maker_bps']:g} bp taker/maker, {costs['slippage_bps']:g} bp slippage, "
        f"funding {costs['funding']}, flow {row['flow']}."
    )
    sections = [
        f"<h1>Back-test</h1><p>{escape(head)}</p>",
        _notes(row),
        "<h2>Results</h2>" + _strategies(row),
        f"<h2>Equity, net R</h2>{charts.curve(equity_r(trades))}",
        f"<h2>Drawdown, R</h2>{charts.curve(_under_water(trades), 140, fill='#b3443c33', colour=charts.DOWN)}",
        "<h2>Net R by weekday and hour (UTC)</h2>" + _by_hour(trades),
        "<h2>Net R by strategy and market state</h2>" + _by_regime(trades),
        "<h2>Groups</h2>" + "".join(_group(row, name) for name in ("by_stop_pct", "by_side", "by_symbol")),
        "<h2>Scores</h2>" + _scores(result, trades),
        "<h2>Trades</h2>" + (_pictures(result, trades) if pictures else "") + _list(trades),
        f"<p class='note'><code>{row['fingerprint']}</code></p>",
    ]
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>Back-test</title>"
        f"<meta name='viewport' content='width=device-width'><style>{STYLE}</style></head>"
        f"<body>{''.join(sections)}</body></html>\n"
    )


def _notes(row: dict[str, Any]) -> str:
    return "<ul class='note'>" + "".join(f"<li>{escape(note)}</li>" for note in row["notes"]) + "</ul>"


def _strategies(row: dict[str, Any]) -> str:
    head = ("", "trades", "wins", "profit factor", "95 % by day", "gross", "expectancy R", "net R", "fall R")
    rows = [("all", row), *row["by_strategy"].items(), ("within the account's limits", row["portfolio"])]
    cells = [_figures(name, one) for name, one in rows]
    random = row["random_entry"]
    cells.append(
        ("random entries, same exits", str(random["trades"]), "", _number(random["profit_factor"]), "", "",
         _number(random["expectancy_r"], "+.3f"), "", "")
    )  # fmt: skip
    return _table(head, cells)


def _figures(name: str, one: dict[str, Any]) -> tuple[str, ...]:
    interval = one["profit_factor_ci95"]
    return (
        name, str(one["trades"]), f"{one['win_rate']:.1%}" if one["win_rate"] is not None else "-",
        _number(one["profit_factor"]), f"{interval[0]:.2f} to {interval[1]:.2f}" if interval else "-",
        _number(one["gross_profit_factor"]), _number(one["expectancy_r"], "+.3f"), f"{one['net_r']:+.1f}",
        f"{one['max_drawdown_r']:.1f}",
    )  # fmt: skip


def _under_water(trades: Sequence[Trade]) -> list[float]:
    high, found = 0.0, list[float]()
    for value in equity_r(trades):
        high = max(high, value)
        found.append(value - high)
    return found


def _by_hour(trades: Sequence[Trade]) -> str:
    sums: dict[tuple[int, int], float] = {}
    for trade in trades:
        key = ((trade.entry_ms // (24 * HOUR_MS) + 3) % 7, trade.entry_ms // HOUR_MS % 24)
        sums[key] = sums.get(key, 0.0) + trade.r_net
    hours = range(24)
    return charts.heat(DAYS, [f"{hour:02d}" for hour in hours], [[sums.get((d, h)) for h in hours] for d in range(7)])


def _by_regime(trades: Sequence[Trade]) -> str:
    names, regimes = sorted({t.strategy for t in trades}), sorted({t.regime for t in trades})
    sums: dict[tuple[str, str], float] = {}
    for trade in trades:
        sums[trade.strategy, trade.regime] = sums.get((trade.strategy, trade.regime), 0.0) + trade.r_net
    return charts.heat(names, regimes, [[sums.get((name, regime)) for regime in regimes] for name in names])


def _group(row: dict[str, Any], name: str) -> str:
    cells = [
        (key, str(one["trades"]), f"{one['win_rate']:.1%}", _number(one["profit_factor"]),
         _number(one["expectancy_r"], "+.3f"), f"{one['net_r']:+.1f}") for key, one in row[name].items()
    ]  # fmt: skip
    title = name.removeprefix("by_").replace("stop_pct", "stop width, percent of price")
    return f"<details><summary>by {title}</summary>" + _table(
        ("", "trades", "wins", "profit factor", "expectancy R", "net R"), cells
    ) + "</details>"  # fmt: skip


def _scores(result: Result, trades: Sequence[Trade]) -> str:
    parts: list[str] = []
    for name in result.job.names:
        found = calibrate(trades, name)
        if found is None:
            continue
        losses = ", ".join(f"{which} {value:.4f}" for which, value in found.log_loss.items())
        rows = [
            (one.name, f"{one.mean_points:+.2f}", _number(one.correlation, "+.3f"), f"{one.coefficient:+.3f}",
             f"{one.log_loss_without:.4f}") for one in found.components
        ]  # fmt: skip
        parts.append(
            f"<h3>{escape(name)}</h3><p>Fitted on {found.trained} trades, shown for the {found.tested} after "
            f"them. Score and net R correlate by {_number(found.score_correlation, '+.3f')}; log loss {losses}.</p>"
            + charts.reliability(found.reliability)
            + _table(("term", "mean points", "correlation", "fitted", "loss without"), rows)
        )
    return "".join(parts) or "<p>too few trades</p>"


def _pictures(result: Result, trades: Sequence[Trade]) -> str:
    """The best, the worst, and some spread over time, each with its candles, levels and fills."""
    ranked = sorted(trades, key=lambda trade: (trade.r_net, trade.entry_ms, trade.symbol))
    third = PICTURED // 3
    ordered = in_order(list(trades))
    spread = ordered[:: max(1, len(ordered) // third)][:third]
    picked = {id(trade): trade for trade in (*ranked[:third], *ranked[-third:], *spread)}
    by_symbol: dict[str, list[Trade]] = {}
    for trade in picked.values():
        by_symbol.setdefault(trade.symbol, []).append(trade)
    pictures: list[tuple[int, str]] = []
    for symbol, found in by_symbol.items():
        bars = read_tape(Path(result.job.folder), symbol, result.job.to_ms, minutes=False).bars
        for trade in found:
            first = int(bars.open_time.searchsorted(trade.entry_ms))
            last = int(bars.open_time.searchsorted(trade.exit_ms))
            window = bars.slice(max(0, first - BEFORE), min(len(bars), last + AFTER + 1))
            levels = [("entry", trade.entry, charts.INK), ("stop", trade.stop, charts.DOWN)]
            r0 = abs(trade.entry - trade.stop)
            levels.append(("TP1", trade.entry + trade.side * r0, charts.UP))
            marks = [(trade.entry_ms, trade.entry, charts.LINE), (trade.exit_ms, trade.exit, charts.INK)]
            pictures.append((trade.entry_ms, f"<details><summary>{escape(_line(trade))}</summary>"
                             + charts.candles(window, levels, marks, _zones(bars, trade)) + "</details>"))  # fmt: skip
    return "<p>Pictures of the best, the worst and some between:</p>" + "".join(text for _, text in sorted(pictures))


def _zones(bars: Candles, trade: Trade) -> list[tuple[float, float, str]]:
    """The simple zones as they stood at the signal."""
    known = bars.upto(trade.signal_ms)
    known = known.slice(max(0, len(known) - WARM), len(known))
    atr = true_average(known.high, known.low, known.close)
    zones = build_v2(trade.symbol, known, atr).zones
    return [(zone.low, zone.high, charts.UP if zone.kind == "S" else charts.DOWN) for zone in zones]


def _line(trade: Trade) -> str:
    side = "long" if trade.side > 0 else "short"
    return (
        f"{_time(trade.entry_ms)} {trade.symbol} {side} {trade.strategy} score {trade.score:g} {trade.regime}: "
        f"{trade.r_net:+.2f} R, {trade.reason}"
    )


def _list(trades: Sequence[Trade]) -> str:
    ordered = in_order(list(trades))
    rows = [
        (_time(t.entry_ms), t.symbol, "long" if t.side > 0 else "short", t.strategy, f"{t.score:g}", t.regime,
         f"{t.entry:.6g}", f"{t.stop:.6g}", f"{t.exit:.6g}", f"{t.r_net:+.2f}", t.reason) for t in ordered[:LISTED]
    ]  # fmt: skip
    more = f"<p>{len(ordered) - LISTED} more trades are not listed.</p>" if len(ordered) > LISTED else ""
    head = ("entry (UTC)", "symbol", "side", "strategy", "score", "state", "entry", "stop", "exit", "net R", "end")
    return f"<details><summary>{len(ordered)} trades</summary>{_table(head, rows)}{more}</details>"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    top = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{top}</tr>{body}</table>"


def _number(value: float | None, form: str = ".2f") -> str:
    return "-" if value is None else format(value, form)


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")
