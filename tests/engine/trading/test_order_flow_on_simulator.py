"""Order Flow finds its market on the embedded exchange: book, takers and open interest are the exchange's own."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from engine.clock import VirtualClock, run_virtual
from engine.market.candles import CandlePanels
from engine.market.context import MarketContext
from engine.market.events import BarsClosed
from engine.market.imbalance import ImbalanceBoard
from engine.sim import touch
from engine.sim.direct import DirectExchange
from engine.trading.pipeline import Pipeline
from engine.trading.snapshots import Analyst
from strategies.evaluate import Evaluation
from strategies.filters import Blocks
from strategies.model import BookFlow, MarketSnapshot, Signal, StrategyId
from strategies.settings import StrategySettings
from tests.support.bundled import fill
from tests.support.direct_desk import DirectDesk
from tests.support.fidelity import quarters
from tests.support.lived_desk import BAR

RECORDED_MS = 1_772_323_200_000  # 2026-03-01 00:00 UTC: the bundled bars begin
WATCHED_S = 60  # before the close: the rule asks the last twenty seconds


class FromExchange(MarketContext):
    """The desk's own questions about book and open interest; the rest is absent."""

    def spread(self, symbol: str) -> float | None:
        return None

    def quote_rank(self, symbol: str) -> int | None:
        return None

    async def funding_z(self, symbol: str) -> float | None:
        return None


def judged(symbol: str, bar: int, seed: int = 7) -> tuple[list[Signal], list[tuple[str, int, str]], BookFlow | None]:
    """What Order Flow says at the close of a recorded bar: signals, refusals, and the book it saw."""

    async def scene(clock: VirtualClock) -> tuple[list[Signal], list[tuple[str, int, str]], BookFlow | None]:
        symbols = ("BTCUSDT",) if symbol == "BTCUSDT" else ("BTCUSDT", symbol)
        exchange = DirectExchange.open(clock.now_ms(), symbols, seed=seed, start_bar=bar, now=clock.now_ms)
        desk = DirectDesk(clock, symbols, latency_s=0.0, exchange=exchange)
        await desk.start()
        board, panels = ImbalanceBoard(), CandlePanels()
        exchange.subscribe(f"{symbol.lower()}@depth10@500ms")
        for _ in range(WATCHED_S * 10):
            await asyncio.sleep(0.1)
            for _, payload in exchange.market_events():
                levels = ([(float(price), float(qty)) for price, qty in payload[side]] for side in ("b", "a"))
                board.add(symbol, *levels, clock.mono_ms())
        close_ms = RECORDED_MS + (bar + 1) * BAR
        await clock.sleep_until(close_ms)
        for name in symbols:
            fill(panels, name, quarters(exchange.exchange.market.lanes[name], close_ms))
        said: list[Evaluation] = []

        async def take(evaluation: Evaluation, _snapshot: MarketSnapshot) -> None:
            said.append(evaluation)

        context = FromExchange(desk.client.market, None, None, board, clock)  # type: ignore[arg-type]
        pipeline = Pipeline(
            Analyst(StrategySettings()), panels, desk.instruments, context, clock, lambda _symbol, _at: Blocks(), take
        )
        running = asyncio.ensure_future(pipeline.run())
        pipeline.on_closed(BarsClosed(close_ms, ("15m",), symbols))
        await pipeline.idle.wait()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await desk.stop()
        ours = [one for found in said for one in (*found.signals, *found.refusals)
                if one.strategy == StrategyId.ORDER_FLOW and one.symbol == symbol]  # fmt: skip
        signals = [one for one in ours if isinstance(one, Signal)]
        refused = [(one.symbol, int(one.side), one.reason) for one in ours if not isinstance(one, Signal)]
        return signals, refused, board.flow(symbol, clock.mono_ms())

    result: Any = run_virtual(scene, RECORDED_MS + (bar + 1) * BAR - WATCHED_S * 1000 - 500)
    return result


@pytest.mark.parametrize(("symbol", "bar"), [("DOTUSDT", 3457), ("SUIUSDT", 3350)])
def test_order_flow_fires_where_the_book_leans_with_its_takers(symbol: str, bar: int) -> None:
    signals, refused, book = judged(symbol, bar)
    assert refused == []
    assert [(one.symbol, int(one.side), one.variant) for one in signals] == [(symbol, 1, "reclaim")]
    assert book is not None
    assert book.healthy_share == 1.0
    assert sum(sample >= 0.25 for sample in book.imbalance) >= 16


def test_the_same_market_with_an_even_book_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(touch, "LEAN_GAIN", 0.0)
    signals, refused, _ = judged("DOTUSDT", 3457)
    assert signals == []
    assert refused == [("DOTUSDT", 1, "fail:book")]
