"""A back-test of a folder: one task a symbol, in one process or many, joined into one result.

A task reads its own files and is a function of them, so order, number and kind of processes cannot change a trade.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from config.schema import ExitSettings, RiskSettings
from engine.research.baseline import Matched, random_entries
from engine.research.candidates import Scan, scan, window_of
from engine.research.data import Tape, files_of, read_funding, read_tape
from engine.research.features import BtcHistory, FundingHistory, History, funding_history, history_of
from engine.research.own import OwnFile, own_strategies
from engine.research.prices import PricePath, path_of
from engine.research.replay import Rules, replay
from engine.research.settlements import settlements_of
from engine.research.snapshots import BASE, Snapshots
from engine.research.trades import Trade
from engine.research.walk import Fees
from strategies.model import StrategyId
from strategies.registry import STRATEGIES
from strategies.settings import StrategySettings

BTC: Final = "BTCUSDT"


class Job(msgspec.Struct, frozen=True):
    """A question to the laboratory. Times in milliseconds, `to_ms` exclusive; no strategies means all, and `own`."""

    folder: str
    symbols: tuple[str, ...]
    settings: StrategySettings = StrategySettings()
    exits: ExitSettings = ExitSettings()
    risk: RiskSettings = RiskSettings()
    fees: Fees = Fees(0.0005, 0.0005, 0.0001)
    strategies: tuple[str, ...] = ()
    own: tuple[OwnFile, ...] = ()
    from_ms: int | None = None
    to_ms: int | None = None
    funding_file: str = ""
    assumed_funding: float = 0.0  # for each eight hours in which none was recorded
    minutes: bool = True
    draws: int = 3  # matched random sets
    seed: int = 7

    @property
    def house(self) -> tuple[StrategyId, ...]:
        """The strategies of the house that are asked, in the order in which results are merged."""
        return tuple(name for name in STRATEGIES if not self.strategies or name in self.strategies)

    @property
    def names(self) -> tuple[str, ...]:
        """All that are asked, those out of files last."""
        return (*(name.value for name in self.house), *(file.name for file in self.own))


class SymbolResult(msgspec.Struct, frozen=True):
    """What one symbol gave."""

    symbol: str
    bars: int
    first_ms: int
    last_ms: int
    trades: tuple[Trade, ...]
    random: tuple[Matched, ...]
    signals: int
    asked: int
    refusals: dict[str, int]
    rejected: dict[str, int]
    dropped: int
    faults: tuple[str, ...]
    taker: float  # share of bars with recorded taker volume
    funded: float  # share of the time for which funding was recorded
    minutes: int  # 1m bars used
    failed: dict[str, str] = {}  # strategy of one's own -> its first failure


def run(job: Job, workers: int = 1, seen: Callable[[SymbolResult], None] = lambda _result: None) -> list[SymbolResult]:
    """Every symbol of the job, in the order of names. Raises DataFault and UserStrategyFailed."""
    results = list(_each(job, max(1, workers), seen))
    return sorted(results, key=lambda result: result.symbol)


def _each(job: Job, workers: int, seen: Callable[[SymbolResult], None]) -> Iterator[SymbolResult]:
    if workers == 1 or len(job.symbols) == 1:
        for symbol in job.symbols:
            result = run_symbol(job, symbol)
            seen(result)
            yield result
        return
    files = files_of(Path(job.folder))
    largest_first = sorted(job.symbols, key=lambda symbol: (-files[symbol].stat().st_size, symbol))
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(job.symbols)), mp_context=context) as pool:
        tasks = [pool.submit(run_symbol, job, symbol) for symbol in largest_first]
        try:
            for task in as_completed(tasks):
                result = task.result()
                seen(result)
                yield result
        finally:
            pool.shutdown(cancel_futures=True)


class _Looked(msgspec.Struct, frozen=True, eq=False):
    """What a symbol had to say, whatever is traded on it."""

    tape: Tape
    history: History
    window: tuple[int, int]
    path: PricePath
    scanned: Scan


def _look(job: Job, symbol: str) -> _Looked:
    """Read, measure and evaluate a symbol; jobs that differ in exits, limits or costs only share one look."""
    key = msgspec.structs.replace(
        job, symbols=(symbol,), exits=ExitSettings(), risk=RiskSettings(), fees=Fees(0.0, 0.0, 0.0), draws=0, seed=0,
        assumed_funding=0.0,
    )  # fmt: skip
    if key not in _kept_looks:
        tape = read_tape(Path(job.folder), symbol, job.to_ms, job.minutes)
        history = history_of(tape, job.settings)
        window = window_of(history, job.from_ms, job.to_ms)
        snapshots = Snapshots(history, job.settings, btc_of(job), _funding(job).get(symbol))
        scanned = scan(history, snapshots, job.settings, job.house, window, own=own_strategies(job.own))
        _kept_looks.clear()
        _kept_looks[key] = _Looked(tape, history, window, path_of(history.frames[BASE], history.minutes), scanned)
    return _kept_looks[key]


def run_jobs(jobs: Sequence[Job], symbol: str) -> list[SymbolResult]:
    """Several jobs on one symbol, in their order; those with the same analysis are evaluated once."""
    order = sorted(range(len(jobs)), key=lambda k: msgspec.json.encode(jobs[k].settings, order="deterministic"))
    found = {k: run_symbol(jobs[k], symbol) for k in order}
    return [found[k] for k in range(len(jobs))]


def run_symbol(job: Job, symbol: str) -> SymbolResult:
    """One symbol from file to trades. Raises DataFault and UserStrategyFailed."""
    looked = _look(job, symbol)
    tape, history, window, path, scanned = looked.tape, looked.history, looked.window, looked.path, looked.scanned
    times, (start, stop) = history.frames[BASE].open_time, window
    first_ms, last_ms = (int(times[start]), int(times[stop - 1])) if stop > start else (0, 0)
    end_ms = int(times[-1]) + 1
    charged = settlements_of(_funding(job).get(symbol), first_ms or end_ms, end_ms, job.assumed_funding)
    settlements = charged.rows
    rules = Rules(job.settings, job.exits, job.risk, job.fees)
    replayed = replay(history, path, scanned.found, rules, settlements)
    matched = random_entries(
        history, path, replayed.trades, job.fees, window=window, draws=job.draws, seed=job.seed, funding=settlements
    )
    known = np.isfinite(tape.bars.taker_buy[start:stop])
    return SymbolResult(
        symbol=symbol, bars=stop - start, first_ms=first_ms, last_ms=last_ms, trades=replayed.trades,
        random=tuple(matched),
        signals=sum(len(found.signals) for found in scanned.found), asked=scanned.asked,
        refusals=scanned.refusals, rejected=replayed.rejected, dropped=tape.dropped, faults=tape.faults,
        taker=float(known.mean()) if stop > start else 0.0, funded=charged.recorded,
        minutes=len(tape.minutes) if tape.minutes is not None else 0, failed=scanned.failed,
    )  # fmt: skip


# What a process keeps between its tasks: the context of BTC and the settlements are the same for all of them.
_kept_btc: dict[tuple[str, int | None, StrategySettings], BtcHistory | None] = {}
_kept_funding: dict[str, dict[str, FundingHistory]] = {}
_kept_looks: dict[Job, _Looked] = {}


def btc_of(job: Job) -> BtcHistory | None:
    """The context of BTC for a job, from its folder; None where BTC was not recorded."""
    key = (job.folder, job.to_ms, job.settings)
    if key not in _kept_btc:
        _kept_btc.clear()
        _kept_btc[key] = None
        if BTC in files_of(Path(job.folder)):
            history = history_of(read_tape(Path(job.folder), BTC, job.to_ms, minutes=False), job.settings)
            _kept_btc[key] = BtcHistory(history.frames["1h"], history.ind["1h"], job.settings)
    return _kept_btc[key]


def _funding(job: Job) -> dict[str, FundingHistory]:
    if not job.funding_file:
        return {}
    if job.funding_file not in _kept_funding:
        rates = read_funding(Path(job.funding_file))
        _kept_funding[job.funding_file] = {symbol: funding_history(found) for symbol, found in rates.items()}
    return _kept_funding[job.funding_file]


def trades_of(results: Sequence[SymbolResult]) -> list[Trade]:
    """All closed trades; those still open at the end of the data have no result."""
    return [trade for result in results for trade in result.trades if trade.counts]
