"""A result as text for a terminal: figures, a row for each strategy, the equity curve and distributions as bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from engine.research.result import Result
from engine.research.stats import equity_r

BLOCKS: Final = " ▁▂▃▄▅▆▇█"
PLAIN: Final = " .:-=+*#@"


def page(result: Result, ascii_only: bool = False) -> str:
    """The whole summary."""
    row = result.row()
    random = row["random_entry"]
    lines = [
        f"{row['symbols']} symbols  {row['from']} to {row['to']}  {row['bars']:,} bars  "
        f"{row['wall_s']:.1f} s  {row['bars_per_s'] or 0:,} bars/s",
        f"{charged(row['costs'])}, flow {row['flow']}",
        "",
        _table(row),
        "",
        f"random entries, same exits   PF {_number(random['profit_factor'])}  "
        f"expectancy {_number(random['expectancy_r'], '+.3f')} R  ({random['trades']} trades)",
        f"within the account's limits  {row['portfolio']['trades']} trades  "
        f"PF {_number(row['portfolio']['profit_factor'])}  net {row['portfolio']['net_r']:+.1f} R",
        "",
        f"equity, net R  {curve(equity_r(result.trades), ascii_only=ascii_only)}  {row['net_r']:+.1f}"
        f"   deepest fall {row['max_drawdown_r']:.1f} R   most open {row['max_concurrent']}",
        "",
        "net R by hour (UTC)   " + signed({key: found["net_r"] for key, found in row["by_hour"].items()}),
        "expectancy by regime  " + signed({key: found["expectancy_r"] for key, found in row["by_regime"].items()}),
        "PF by stop width      "
        + "   ".join(f"{key} {_number(found['profit_factor'])}" for key, found in row["by_stop_pct"].items()),
        "ends                  " + "   ".join(f"{key} {count}" for key, count in row["by_reason"].items()),
        "",
        *(f"note: {note}" for note in row["notes"]),
        row["fingerprint"],
    ]
    return "\n".join(lines)


def charged(costs: Mapping[str, Any]) -> str:
    """The costs of a result in one line."""
    return (
        f"costs {costs['taker_bps']:g}/{costs['maker_bps']:g} bp taker/maker, {costs['slippage_bps']:g} bp slippage, "
        f"funding {costs['funding']}"
    )


def curve(values: Sequence[float], width: int = 48, ascii_only: bool = False) -> str:
    """A line of blocks, low to high."""
    if not values:
        return "-"
    glyphs = PLAIN if ascii_only else BLOCKS
    at = [values[min(len(values) - 1, len(values) * k // width)] for k in range(min(width, len(values)))]
    low, high = min(at), max(at)
    span = high - low or 1.0
    return "".join(glyphs[1 + int((value - low) / span * (len(glyphs) - 2))] for value in at)


def signed(values: dict[str, float | None]) -> str:
    """Names with signed figures."""
    return "  ".join(f"{key} {_number(value, '+.2f')}" for key, value in values.items())


def _table(row: dict[str, Any]) -> str:
    head = ("strategy", "trades", "wins", "PF", "95 %", "gross PF", "expect. R", "net R", "fall R")
    rows = [_cells("all", {**row, "costs_r": row["mean_costs_r"]})]
    rows += [_cells(name, found) for name, found in row["by_strategy"].items()]
    widths = [max(len(line[k]) for line in (head, *rows)) for k in range(len(head))]
    return "\n".join("  ".join(_padded(line, widths)) for line in (head, *rows))


def _padded(line: Sequence[str], widths: Sequence[int]) -> list[str]:
    """Names to the left, figures to the right."""
    pairs = zip(line, widths, strict=True)
    return [f"{cell:<{width}}" if k == 0 else f"{cell:>{width}}" for k, (cell, width) in enumerate(pairs)]


def _cells(name: str, row: dict[str, Any]) -> tuple[str, ...]:
    interval = row["profit_factor_ci95"]
    shown = f"{interval[0]:.2f}-{interval[1]:.2f}" if interval else "-"
    wins = f"{100 * row['win_rate']:.1f} %" if row["win_rate"] is not None else "-"
    return (
        name, str(row["trades"]), wins, _number(row["profit_factor"]), shown, _number(row["gross_profit_factor"]),
        _number(row["expectancy_r"], "+.3f"), f"{row['net_r']:+.1f}", f"{row['max_drawdown_r']:.1f}",
    )  # fmt: skip


def _number(value: float | None, form: str = ".2f") -> str:
    return "-" if value is None else format(value, form)
