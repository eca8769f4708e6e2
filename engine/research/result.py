"""The answer of a back-test: figures, intervals, groups, the baseline, and everything one must know to read them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import numpy as np

from engine.research.backtest import Job, SymbolResult, trades_of
from engine.research.fingerprint import fingerprint
from engine.research.portfolio import allowed
from engine.research.stats import Summary, grouped, hour_of, interval, mean, most_open, profit_factor, summary
from engine.research.trades import Trade

WIDTHS: Final = (0.4, 0.6, 0.8, 1.0, 1.5)  # bounds of stop width groups, percent of price


class Result(msgspec.Struct, frozen=True):
    """A back-test with its question."""

    job: Job
    symbols: tuple[SymbolResult, ...]
    wall_s: float

    @property
    def trades(self) -> list[Trade]:
        """Closed trades."""
        return trades_of(self.symbols)

    @property
    def bars(self) -> int:
        return sum(result.bars for result in self.symbols)

    @property
    def fingerprint(self) -> str:
        """Name of trades, settings and costs."""
        job = self.job
        return fingerprint(self.trades, job.settings, job.exits, job.fees)

    def row(self) -> dict[str, Any]:
        """The JSON value of `backtest`."""
        job, trades = self.job, self.trades
        whole = summary(trades)
        random = random_figures(self.symbols)
        portfolio, refused = allowed(trades, job.risk)
        results = [result for result in self.symbols if result.bars]
        return {
            "symbols": len(self.symbols),
            "from": _date(min((result.first_ms for result in results), default=0)),
            "to": _date(max((result.last_ms for result in results), default=0)),
            "bars": self.bars,
            "wall_s": round(self.wall_s, 3),
            "bars_per_s": round(self.bars / self.wall_s) if self.wall_s > 0 else None,
            "costs": self.costs,
            "trades": whole.trades,
            "win_rate": whole.win_rate,
            "profit_factor": whole.profit_factor,
            "expectancy_r": whole.expectancy_r,
            "max_drawdown_r": whole.max_drawdown_r,
            "profit_factor_ci95": whole.profit_factor_ci95,
            "random_entry_profit_factor": random["profit_factor"],
            "fingerprint": self.fingerprint,
            "by_strategy": self._by_strategy(trades),
            "wins": whole.wins,
            "scratches": whole.scratches,
            "losses": whole.losses,
            "gross_profit_factor": whole.gross_profit_factor,
            "expectancy_ci95": whole.expectancy_ci95,
            "net_r": whole.net_r,
            "mean_costs_r": whole.costs_r,
            "days": whole.days,
            "max_concurrent": most_open(trades),
            "random_entry": random,
            "portfolio": {**_short(summary(portfolio)), "refused": refused},
            "by_regime": _rows(trades, lambda trade: trade.regime),
            "by_side": _rows(trades, lambda trade: "long" if trade.side > 0 else "short"),
            "by_hour": _rows(trades, hour_of),
            "by_symbol": _rows(trades, lambda trade: trade.symbol),
            "by_reason": dict(sorted(Counter(trade.reason for trade in trades).items())),
            "by_stop_pct": _rows(trades, width_of),
            "signals": sum(result.signals for result in self.symbols),
            "refusals": _added(result.refusals for result in self.symbols),
            "rejected": _added(result.rejected for result in self.symbols),
            "open_at_end": sum(not trade.counts for result in self.symbols for trade in result.trades),
            "bars_dropped": sum(result.dropped for result in self.symbols),
            "flow": self.flow,
            "notes": self.notes(),
        }

    @property
    def costs(self) -> dict[str, Any]:
        """What was charged: fees and slippage in basis points of a fill, and where the funding came from."""
        fees = self.job.fees
        return {
            "taker_bps": round(fees.taker * 1e4, 6),
            "maker_bps": round(fees.maker * 1e4, 6),
            "slippage_bps": round(fees.slippage * 1e4, 6),
            "funding": self.funding,
        }

    @property
    def funding(self) -> str:
        """recorded for all symbols that traded all the time, else assumed where it is not known."""
        funded = [result.funded for result in self.symbols if result.trades]
        return "recorded" if funded and min(funded) == 1.0 else "assumed"

    @property
    def flow(self) -> str:
        """recorded, estimated, partly or missing."""
        if self.job.settings.measures.flow.estimate != "off":
            return "estimated"
        shares = [result.taker for result in self.symbols if result.bars]
        if shares and min(shares) == 1.0:
            return "recorded"
        return "missing" if not shares or max(shares) == 0.0 else "partly"

    def notes(self) -> list[str]:
        """What the figures do not show by themselves."""
        said = ["symbols are those that were recorded: contracts delisted earlier are absent (survivorship)"]
        if self.flow == "missing":
            said.append("no taker volume is recorded: flow is absent, and with it whatever asks for it")
        if self.flow == "partly":
            said.append("taker volume is recorded for a part of the bars: flow is absent for the rest")
        if self.flow == "estimated":
            said.append("flow estimated: missing taker volume was put in place by the close location of each bar")
        if self.funding == "assumed":
            bars = max(1, self.bars)
            share = sum(result.funded * result.bars for result in self.symbols) / bars
            rate = f"{self.job.assumed_funding:.4%} every eight hours" if self.job.assumed_funding else "zero"
            said.append(f"funding is recorded for {share:.0%} of the bars and assumed to be {rate} for the rest")
        said.append("order book and open interest are not recorded: rules that need them are silent")
        return [*said, *self._failures()]

    def _failures(self) -> list[str]:
        """Closes at which a strategy of one's own gave no answer, because its code went wrong."""
        said: list[str] = []
        for name in dict.fromkeys(name for result in self.symbols for name in result.failed):
            times = sum(result.refusals.get(f"{name}|error", 0) for result in self.symbols)
            first = next(result.failed[name] for result in self.symbols if name in result.failed)
            said.append(f"{name} failed at {times:,} closes and said nothing there, first on {first}")
        return said

    def _by_strategy(self, trades: Sequence[Trade]) -> dict[str, Any]:
        groups = grouped(trades, lambda trade: trade.strategy, intervals=True)
        return {name: _short(groups.get(name, summary([]))) for name in self.job.names}


def random_figures(results: Sequence[SymbolResult]) -> dict[str, Any]:
    """The baseline over all its draws."""
    nets = np.array([net for result in results for one in result.random for net in one.r_net], dtype=np.float64)
    days = np.array([day for result in results for one in result.random for day in one.days], dtype=np.int64)
    known = len(nets) > 0
    return {
        "trades": len(nets),
        "draws": max((len(result.random) for result in results), default=0),
        "profit_factor": profit_factor(nets) if known else None,
        "expectancy_r": float(nets.mean()) if known else None,
        "expectancy_ci95": interval(nets, days, mean) if known else None,
    }


def width_of(trade: Trade) -> str:
    """Group of the stop's distance from the entry."""
    for low, high in zip((0.0, *WIDTHS), (*WIDTHS, None), strict=True):
        if high is None or trade.risk_pct < high:
            return f"{low:g}-{high:g} %" if high is not None else f">= {low:g} %"
    raise AssertionError("the last group has no bound")


def _short(found: Summary) -> dict[str, Any]:
    row = found.row()
    return {
        name: row[name]
        for name in ("trades", "win_rate", "profit_factor", "expectancy_r", "profit_factor_ci95", "expectancy_ci95",
                     "gross_profit_factor", "net_r", "max_drawdown_r", "costs_r")
    }  # fmt: skip


def _rows(trades: Sequence[Trade], name: Callable[[Trade], str]) -> dict[str, Any]:
    kept = ("trades", "win_rate", "profit_factor", "expectancy_r", "net_r")
    return {key: {one: found.row()[one] for one in kept} for key, found in grouped(trades, name).items()}


def _added(counts: Any) -> dict[str, int]:
    total: Counter[str] = Counter()
    for one in counts:
        found: Mapping[str, int] = one
        total.update(found)
    return dict(sorted(total.items()))


def _date(at_ms: int) -> str | None:
    return datetime.fromtimestamp(at_ms / 1000, UTC).date().isoformat() if at_ms else None
