"""A live book, one view a beat: as recorded on the exchange where the recording is at hand, made up otherwise."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import msgspec

from engine.exchange.wire_market import Depth, DepthDiff
from engine.market.book import OrderBook
from engine.port.views import BookView, TapeTrade
from tests.support.recorded_wire import frames

CAPTURE = Path(__file__).parents[3] / "shared/data/captures/um_btcusdt_2024-08-08_depth0ms_trade_bookTicker.jsonl.zst"
DEPTH = 30
START_MS = 1_723_161_255_000
_depth = msgspec.json.Decoder(Depth, strict=False)
_diff = msgspec.json.Decoder(DepthDiff, strict=False)


def books(beats: int, hz: float, source: str) -> Iterator[BookView]:
    """`beats` views, `hz` a second; `source` is recorded or made."""
    return recorded(beats, hz) if source == "recorded" else made(beats, hz)


def recorded(beats: int, hz: float) -> Iterator[BookView]:
    """BTCUSDT of August 2024, rebuilt from its snapshot and diffs."""
    book, number, next_s, known = OrderBook("BTCUSDT", 0.1), 0, 0.0, 0
    for frame in frames(CAPTURE, ("depth",)):
        if not frame.stream:
            depth = _depth.decode(frame.data)
            book.load(depth.bids, depth.asks)
            known, next_s = depth.last_id, frame.at_s
            continue
        while known and frame.at_s >= next_s and number < beats:
            bids, asks = book.top(DEPTH)
            yield _view(number, hz, bids, asks, book.imbalance())
            number, next_s = number + 1, next_s + 1.0 / hz
        diff = _diff.decode(frame.data)
        if known and diff.final_id > known:
            book.apply(diff.bids, diff.asks)
        if number >= beats:
            return


def made(beats: int, hz: float, seed: int = 1) -> Iterator[BookView]:
    """A restless book: in three of ten beats the best price moves, and four of ten sizes change in each."""
    dice = random.Random(seed)
    best, sizes = 600_000, dict[int, float]()  # in ticks; size by price
    for number in range(beats):
        if dice.random() < 0.3:
            best += dice.choice((-2, -1, 1, 2))
        shown = [*range(best, best - DEPTH, -1), *range(best + 1, best + 1 + DEPTH)]
        sizes = {
            tick: sizes[tick] if tick in sizes and dice.random() > 0.4 else round(dice.expovariate(0.4), 3) + 0.001
            for tick in shown
        }
        levels = [(tick / 10, sizes[tick]) for tick in shown]
        near = [sum(size for _, size in side[:10]) for side in (levels[:DEPTH], levels[DEPTH:])]
        yield _view(number, hz, levels[:DEPTH], levels[DEPTH:], (near[0] - near[1]) / sum(near))


def _view(
    number: int, hz: float, bids: list[tuple[float, float]], asks: list[tuple[float, float]], imbalance: float | None
) -> BookView:
    at_ms = START_MS + int(number * 1_000 / hz)
    (bid, _), (ask, _) = bids[0], asks[0]
    mid = (bid + ask) / 2
    return BookView(
        revision=number, as_of_ms=at_ms, symbol="BTCUSDT", state="synced", tick="0.1",
        bids=tuple((f"{price:.1f}", size) for price, size in bids),
        asks=tuple((f"{price:.1f}", size) for price, size in asks),
        last=f"{bid:.1f}", mark=f"{mid - 1:.1f}", mid=mid, spread_bps=(ask - bid) / mid * 1e4, imbalance=imbalance,
        age_ms=40.0, trades=(TapeTrade(at_ms, f"{bid:.1f}", 0.1, True),),
    )  # fmt: skip
