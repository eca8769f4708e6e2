from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BadPayload
from engine.market.book import OrderBook
from engine.money import Side

TICKS = [0.1, 0.01, 0.5, 1.0, 5.0, 0.0000001, 0.025]


def book(bids: list[tuple[float, float]], asks: list[tuple[float, float]], tick: float = 0.1) -> OrderBook:
    made = OrderBook("BTCUSDT", tick)
    made.load(bids, asks)
    return made


LEVEL = st.tuples(st.integers(1, 60), st.sampled_from([0.0, 0.5, 1.0, 7.25]))
EVENT = st.tuples(st.lists(LEVEL, max_size=6), st.lists(LEVEL, max_size=6))


@given(EVENT, st.lists(EVENT, max_size=30), st.sampled_from(TICKS))
def test_the_book_equals_a_naive_rebuild(start: tuple, events: list[tuple], tick: float) -> None:
    digits = 7

    def price(ticks: int) -> float:
        return round(ticks * tick, digits)

    kept = book([(price(t), q) for t, q in start[0]], [(price(t), q) for t, q in start[1]], tick)
    naive: list[dict[int, float]] = [{t: q for t, q in side if q > 0} for side in start]
    for event in events:
        kept.apply([(price(t), q) for t, q in event[0]], [(price(t), q) for t, q in event[1]])
        for side, changes in zip(naive, event, strict=True):
            for ticks, quantity in changes:
                side.pop(ticks, None)
                if quantity > 0:
                    side[ticks] = quantity
        bids = [(price(t), naive[0][t]) for t in sorted(naive[0], reverse=True)]
        asks = [(price(t), naive[1][t]) for t in sorted(naive[1])]
        assert kept.top(1000) == (bids, asks)
        assert kept.top(3) == (bids[:3], asks[:3])
        assert kept.bids.best == (bids[0] if bids else None)
        assert kept.asks.best == (asks[0] if asks else None)
        assert kept.sound == (bool(bids) and bool(asks) and max(naive[0]) < min(naive[1]))


def test_a_level_that_is_zero_in_a_snapshot_is_not_there() -> None:
    assert book([(1.0, 0.0)], [(1.1, 2.0)]).top(5) == ([], [(1.1, 2.0)])


@pytest.mark.parametrize(
    ("quantity", "average", "worst", "filled", "levels"),
    [
        (1.0, 100.1, 100.1, 1.0, 1),
        (4.0, 100.1, 100.1, 4.0, 1),
        (6.0, (4 * 100.1 + 2 * 100.3) / 6, 100.3, 6.0, 2),
        (99.0, (4 * 100.1 + 12 * 100.3) / 16, 100.3, 16.0, 2),
    ],
)
def test_a_market_buy_walks_the_asks(quantity: float, average: float, worst: float, filled: float, levels: int) -> None:
    walk = book([(100.0, 5.0)], [(100.1, 4.0), (100.3, 12.0)]).walk(Side.LONG, quantity)
    assert walk.average == pytest.approx(average)
    assert (walk.worst, walk.filled, walk.levels) == (worst, filled, levels)


def test_a_market_sell_walks_the_bids_and_an_empty_side_fills_nothing() -> None:
    walk = book([(100.0, 5.0), (99.9, 1.0)], []).walk(Side.SHORT, 6.0)
    assert walk.average == pytest.approx((500.0 + 99.9) / 6)
    nothing = book([], []).walk(Side.LONG, 1.0)
    assert (nothing.average, nothing.worst, nothing.filled, nothing.levels) == (None, None, 0.0, 0)


@given(st.lists(LEVEL, min_size=1, max_size=20), st.floats(0.01, 100.0))
def test_a_walk_never_fills_more_than_is_asked_or_offered(levels: list[tuple[int, float]], quantity: float) -> None:
    kept = book([], [(t * 0.1, q) for t, q in levels])
    walk = kept.walk(Side.LONG, quantity)
    offered = sum(q for _, q in kept.asks.top(100))
    assert walk.filled <= min(quantity, offered) + 1e-9
    assert walk.filled == pytest.approx(min(quantity, offered))


def test_mid_and_spread() -> None:
    kept = book([(100.0, 1.0)], [(100.2, 1.0)])
    assert kept.mid == pytest.approx(100.1)
    assert kept.spread == pytest.approx(0.2)
    assert kept.spread_bps == pytest.approx(0.2 / 100.1 * 1e4)
    assert (book([], [(1.0, 1.0)]).mid, book([], []).spread_bps) == (None, None)


def test_imbalance_weighs_near_levels_more() -> None:
    kept = book([(100.0, 5.0), (99.9, 10.0)], [(100.1, 4.0), (100.3, 12.0)])
    assert kept.imbalance() == pytest.approx(0.1111, abs=5e-5)


def test_prices_come_back_as_the_exchange_printed_them() -> None:
    kept = book([(56427.7, 1.0), (0.3, 1.0)], [(56427.8, 1.0)])
    assert kept.top(2) == ([(56427.7, 1.0), (0.3, 1.0)], [(56427.8, 1.0)])
    assert kept.bids.quantity(0.3) == 1.0
    assert kept.bids.quantity(0.4) == 0.0


def test_a_price_off_the_grid_is_refused() -> None:
    with pytest.raises(BadPayload):
        book([(100.05, 1.0)], [])


@pytest.mark.parametrize("tick", [0.0, -1.0, float("nan")])
def test_a_book_needs_a_tick(tick: float) -> None:
    with pytest.raises(ValueError, match="tick"):
        OrderBook("BTCUSDT", tick)
