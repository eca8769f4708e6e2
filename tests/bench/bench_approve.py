"""From a person's yes to the bytes of the order, while 600 symbols close on the same loop. Prints percentiles.

Run as `python -m tests.bench.bench_approve [approvals] [symbols]`. A whole engine trades on the embedded exchange;
beside it, on its loop, the real analysis of many symbols runs close after close. Each approval is re-priced, sized,
held against every limit and written to disk before a byte leaves; the clock stops when the request is written to the
socket. Between approvals the position is closed again.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

import aiohttp

from config import load
from engine.build import build_engine
from engine.embedded import stop
from engine.exchange.client import ExchangeClient
from engine.port.commands import ApproveSignal, ClosePosition, Done
from engine.runtime import Engine
from engine.trading.precedence import Precedence
from tests.bench.bench_close import Market, nowhere, warm_pipeline
from tests.bench.table import note
from tests.support.trading import make_signal

APPROVALS, SYMBOLS, CLOSES = 60, 600, 40
TRADED = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT")
GOAL_MS = 15.0
BOOK_WITHIN_S = 5.0


class Written:
    """Notes when the head of each order request has been written to its socket."""

    def __init__(self, client: ExchangeClient) -> None:
        self.at_s: list[float] = []
        trace = aiohttp.TraceConfig()
        trace.on_request_headers_sent.append(self._sent)
        trace.freeze()
        client._transport._open()._trace_configs.append(trace)  # type: ignore[attr-defined]

    async def _sent(self, _session: Any, _context: Any, sent: aiohttp.TraceRequestHeadersSentParams) -> None:
        if sent.method == "POST" and sent.url.path.endswith("/order"):
            self.at_s.append(perf_counter())


async def closes(market: Market, done: list[float], precedence: Precedence) -> None:
    """One close after another, as fast as they come."""
    pipeline = warm_pipeline(market, nowhere, precedence)
    running = asyncio.create_task(pipeline.run())
    try:
        for number in range(CLOSES):
            started = perf_counter()
            for name in market.names:  # bars come one by one; all of them at once would be the bench in the way
                market.put(name, number)
                await asyncio.sleep(0)
            pipeline.on_closed(market.closed(number))
            await pipeline.idle.wait()
            done.append(perf_counter() - started)
    finally:
        running.cancel()


async def approve_once(engine: Engine, number: int, written: Written) -> float | None:
    """Milliseconds from the yes to the order's bytes; None when the desk refused."""
    floor, symbol = engine.parts.floor, TRADED[number % len(TRADED)]
    price = engine.parts.feed.mark(symbol)
    if price is None:
        return None
    signal = make_signal(
        id=f"bench{number}", symbol=symbol, ref_close=price, stop=price * 0.985, atr=price * 0.01,
        bar_time_ms=engine.parts.clock.now_ms() // 900_000 * 900_000, strategy=f"bench{number}",
    )  # fmt: skip
    await floor.admission.offer(signal)
    gives_up_s = perf_counter() + BOOK_WITHIN_S
    while not engine.parts.books.book(symbol).book:
        if perf_counter() > gives_up_s:  # a signal of the quarter that has just ended has no book kept for it
            return None
        await asyncio.sleep(0.02)
    before, started = len(written.at_s), perf_counter()
    reply = await engine.port.submit(ApproveSignal(id=f"yes{number}", actor="bench", signal_id=signal.id))
    taken = [at_s for at_s in written.at_s[before:] if at_s >= started]
    while (position := floor.keeper.on_symbol(symbol)) is not None:
        await engine.port.submit(ClosePosition(id=f"out{number}", actor="bench", position_id=position.plan.position_id))
        await asyncio.sleep(0.1)
    return (taken[0] - started) * 1000.0 if isinstance(reply, Done) and taken else None


async def measure(approvals: int, symbols: int, home: Path) -> tuple[list[float], list[float], int]:
    """(milliseconds of each approval, seconds of each close, refusals)."""
    loaded = load(
        home=home, environment={},
        flags={"venue": "sim", "mode": "approve", "sim.symbols": list(TRADED), "risk.max_daily_loss_pct": 50.0,
               "risk.max_weekly_loss_pct": 50.0, "approval.min_reward_risk": 0.5},
    )  # fmt: skip
    engine = await build_engine(loaded, home)
    running = asyncio.create_task(engine.run())
    await engine.opened.wait()
    written, market = Written(engine.parts.client), Market(symbols, CLOSES)
    taken: list[float] = []
    done: list[float] = []
    refused = 0
    try:
        await approve_once(engine, -1, written)  # the first sets the leverage
        closing = asyncio.create_task(closes(market, done, engine.parts.pipeline.precedence))
        for number in range(approvals):
            spent = await approve_once(engine, number, written)
            if spent is None:
                refused += 1
            else:
                taken.append(spent)
            if closing.done():
                break
        closing.cancel()
    finally:
        engine.stop("measured")
        await running
        stop(home)
    return taken, done, refused


def main() -> None:
    approvals = int(sys.argv[1]) if len(sys.argv) > 1 else APPROVALS
    symbols = int(sys.argv[2]) if len(sys.argv) > 2 else SYMBOLS
    with tempfile.TemporaryDirectory() as folder:
        taken, done, refused = asyncio.run(measure(approvals, symbols, Path(folder)))
    ordered = sorted(taken)
    if len(ordered) < 5:
        raise SystemExit(f"only {len(ordered)} approvals came through, {refused} were refused")
    p99 = statistics.quantiles(ordered, n=100, method="inclusive")[98]
    detail = (
        f"{len(ordered)} over {len(done)} closes of {symbols} symbols, {refused} refused, most {ordered[-1]:.1f} ms"
    )
    note("yes to bytes on the socket, median", ordered[len(ordered) // 2], unit=" ms")
    note("yes to bytes on the socket, p99", p99, unit=" ms", goal=GOAL_MS, detail=detail)


if __name__ == "__main__":
    main()
