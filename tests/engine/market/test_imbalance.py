from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.market.imbalance import ImbalanceBoard, depth_imbalance

BID, ASK = [(100.0, 9.0)], [(100.1, 1.0)]


def test_the_worked_example_of_the_rules() -> None:
    bids, asks = [(100.0, 5.0), (99.9, 10.0)], [(100.1, 4.0), (100.3, 12.0)]
    assert depth_imbalance(bids, asks) == pytest.approx(0.1111, abs=5e-5)


@pytest.mark.parametrize(
    ("bids", "asks"),
    [([], ASK), (BID, []), (ASK, BID), (BID, [(100.0, 1.0)]), ([(100.0, 0.0)], [(100.1, 0.0)])],
)
def test_an_empty_or_crossed_book_has_no_imbalance(bids: list, asks: list) -> None:
    assert depth_imbalance(bids, asks) is None


@given(st.lists(st.floats(0.01, 1e6), min_size=1, max_size=10), st.lists(st.floats(0.01, 1e6), min_size=1, max_size=10))
def test_imbalance_is_bounded_and_changes_sign_with_the_sides(bids: list[float], asks: list[float]) -> None:
    below = [(100.0 - 0.1 * i, q) for i, q in enumerate(bids)]
    above = [(100.2 + 0.1 * i, q) for i, q in enumerate(asks)]
    mirrored = depth_imbalance(
        [(100.0 - 0.1 * i, q) for i, q in enumerate(asks)], [(100.2 + 0.1 * i, q) for i, q in enumerate(bids)]
    )
    value = depth_imbalance(below, above)
    assert value is not None
    assert mirrored is not None
    assert -1.0 <= value <= 1.0
    assert mirrored == pytest.approx(-value, abs=1e-9)


def test_a_steady_stream_gives_twenty_healthy_samples() -> None:
    board = ImbalanceBoard()
    for half_second in range(80):
        board.add("X", BID, ASK, 500.0 * half_second)
    flow = board.flow("X", 39_900.0)
    assert flow is not None
    assert flow.healthy_share == 1.0
    assert flow.imbalance == pytest.approx((0.8,) * 20)


def test_samples_keep_their_order_newest_last() -> None:
    board = ImbalanceBoard(seconds=3)
    board.add("X", BID, ASK, 1_000.0)
    board.add("X", ASK[:0], ASK, 2_000.0)
    board.add("X", [(100.0, 1.0)], [(100.1, 9.0)], 3_000.0)
    flow = board.flow("X", 3_500.0)
    assert flow is not None
    assert flow.imbalance == pytest.approx((0.8, -0.8))
    assert flow.healthy_share == pytest.approx(2 / 3)


def test_a_silent_stream_is_healthy_for_two_seconds_only() -> None:
    board = ImbalanceBoard()
    for second in range(40):
        board.add("X", BID, ASK, 1000.0 * second)
    assert board.flow("X", 39_500.0).healthy_share == 1.0
    assert board.flow("X", 41_500.0).healthy_share == pytest.approx(18 / 20)
    assert board.flow("X", 80_000.0).healthy_share == 0.0


def test_a_crossed_book_is_no_sample() -> None:
    board = ImbalanceBoard()
    for second in range(40):
        board.add("X", ASK, BID, 1000.0 * second)
    flow = board.flow("X", 39_500.0)
    assert (flow.imbalance, flow.healthy_share) == ((), 0.0)


def test_an_unknown_symbol_has_no_flow() -> None:
    board = ImbalanceBoard()
    assert board.flow("X", 0.0) is None
    board.add("X", BID, ASK, 0.0)
    board.forget("X")
    assert board.flow("X", 0.0) is None
