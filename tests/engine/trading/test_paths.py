"""Whole trades on bars: tiers, breakeven, trailing, time stops and what they earn (rules 9.3 to 9.5, 9.9)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.trading.booking import excursion_bars, result_of
from engine.trading.events import TierTaken, TradeClosed
from engine.trading.paper import Bar, PaperTrade, close_paper, open_paper, walk_bar
from engine.trading.plan import Costs
from engine.trading.tiers import tier_state
from tests.support.trading import BAR, T0, make_plan


def bar(n: int, o: float, h: float, low: float, c: float) -> Bar:
    return Bar(T0 + n * BAR, T0 + (n + 1) * BAR, o, h, low, c)


def walk(trade: PaperTrade, *bars: tuple[float, float, float, float], start: int = 0) -> None:
    for n, values in enumerate(bars, start):
        walk_bar(trade, bar(n, *values))


@pytest.mark.parametrize(
    ("name", "exits", "bars", "gross", "reason"),
    [
        ("stop first", {}, [(100, 100.5, 97.5, 98)], -1.0, "stop"),
        ("TP1 then breakeven", {}, [(100, 102, 99, 101), (101, 101.5, 99.5, 100)], 0.30, "breakeven"),
        # Peak 107 less 1.2 ATR of 1.5 is 105.2: +2.6 R.
        (
            "TP1, TP2, runner at +2.6 R",
            {},
            [(100, 107, 99, 106.5), (106.5, 106.6, 105, 105.1)],
            1.88,
            "trail",
        ),
        ("TP1, TP2, runner at +1.0 R", {"atr": 50.0}, [(100, 104, 99, 103), (103, 103, 101, 102)], 1.40, "tp1_lock"),
        (
            "SCALP: TP2 at 1.5 R, runner at +1.0 R",
            {"tp2_r": 1.5, "atr": 50.0},
            [(100, 103, 99, 102.5), (102.5, 102.5, 101, 102)],
            1.20,
            "tp1_lock",
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("side", [1, -1])
def test_each_path_earns_what_the_table_says(name, exits, bars, gross, reason, side) -> None:
    def mirror(values):
        o, h, low, c = values
        return values if side > 0 else (200 - o, 200 - low, 200 - h, 200 - c)

    plan = make_plan(side, stop="98" if side > 0 else "102", time_stop_min_mfe_atr=0.0, **exits)
    trade = open_paper(plan, 100.0, T0)
    walk(trade, *[mirror(values) for values in bars])
    assert trade.position.state == "closed"
    result = result_of(trade.position)
    assert result.gross_r == pytest.approx(gross, abs=1e-9)
    assert result.net_r == pytest.approx(gross, abs=1e-9)
    assert trade.position.close_reason == reason


def test_open_beyond_the_stop_exits_at_the_open() -> None:
    trade = open_paper(make_plan(), 100.0, T0)
    walk(trade, (97.0, 99.0, 96.0, 98.0))
    assert result_of(trade.position).gross_r == pytest.approx(-1.5)


def test_stop_wins_when_one_bar_holds_stop_and_target() -> None:
    trade = open_paper(make_plan(), 100.0, T0)
    walk(trade, (100.0, 105.0, 98.0, 104.0))
    assert trade.position.close_reason == "stop"
    assert result_of(trade.position).gross_r == pytest.approx(-1.0)


def test_breakeven_takes_effect_from_the_next_bar() -> None:
    trade = open_paper(make_plan(), 100.0, T0)
    walk(trade, (100.0, 102.5, 99.0, 102.0))
    assert trade.position.state == "open"
    assert trade.position.stop == 100


def test_costs_are_booked_net_on_every_fill() -> None:
    """Taker 0.05 % per side at a 1.28 % stop is 0.078 R."""
    costs = Costs(taker=Decimal("0.0005"), maker=Decimal("0.0002"), slippage=Decimal(0))
    trade = open_paper(make_plan(stop="98.7", costs=costs), 100.0, T0)
    walk(trade, (100.0, 100.5, 98.0, 98.5))
    result = result_of(trade.position)
    assert result.gross_r == pytest.approx(-1.0)
    assert result.costs_r == pytest.approx((0.05 + 98.7 * 0.0005) / 1.3)
    assert result.net_r == pytest.approx(result.gross_r - result.costs_r)


def test_targets_pay_the_maker_fee_and_no_slippage() -> None:
    costs = Costs(taker=Decimal("0.0005"), maker=Decimal("0.0002"), slippage=Decimal("0.001"))
    trade = open_paper(make_plan(stop="98.1", costs=costs), 100.0, T0)
    walk(trade, (100.1, 106.2, 99.5, 106.0))
    taken = [tell.event for tell in trade.events if isinstance(tell.event, TierTaken)]
    assert [(event.tier, event.price) for event in taken] == [(1, Decimal("102.1")), (2, Decimal("104.1"))]
    assert trade.position.entry_price == Decimal("100.1")
    fees = trade.position.tallied("t1").fees
    assert fees == Decimal("102.1") * Decimal("0.300") * Decimal("0.0002")


def test_excursions_are_measured_from_the_frozen_entry_and_r() -> None:
    """Entry 100, stop 98, high 103.4, low 99.1: +1.70 R and -0.45 R, also when the stop has moved to 100."""
    trade = open_paper(make_plan(), 100.0, T0)
    walk(trade, (100.0, 102.4, 99.1, 102.0), (102.0, 103.4, 101.0, 103.0))
    position = trade.position
    assert position.stop == 100
    assert position.mfe_r == pytest.approx(1.70)
    assert position.mae_r == pytest.approx(-0.45)
    bars = excursion_bars(position)
    assert (bars["bars_to_mfe"], bars["bars_to_mae"], bars["bars_to_tp1"]) == (2, 1, 1)


def test_trail_follows_the_peak_and_never_loosens() -> None:
    trade = open_paper(make_plan(atr=1.5), 100.0, T0)
    walk(trade, (100.0, 106.0, 99.0, 105.8))
    assert trade.position.peak == 106.0
    assert trade.position.stop == Decimal("104.2")
    walk(trade, (105.8, 105.9, 104.5, 105.0), start=1)
    assert trade.position.stop == Decimal("104.2")


class TestTimeStop:
    flat = (100.0, 100.4, 99.8, 100.1)

    @pytest.mark.parametrize("bars", [12, 8])
    def test_idle_trade_ends_at_the_open_after_its_last_bar(self, bars: int) -> None:
        trade = open_paper(make_plan(time_stop_bars=bars), 100.0, T0)
        walk(trade, *[self.flat] * bars)
        assert trade.position.state == "closing"
        assert trade.position.close_reason == "time_stop"
        walk(trade, (100.3, 103.0, 97.0, 100.0), start=bars)
        assert trade.position.state == "closed"
        assert result_of(trade.position).gross_r == pytest.approx(0.15)
        assert trade.position.closed_ms == T0 + bars * BAR

    def test_one_bar_earlier_it_still_runs(self) -> None:
        trade = open_paper(make_plan(), 100.0, T0)
        walk(trade, *[self.flat] * 11)
        assert trade.position.state == "open"

    def test_excursion_is_counted_in_atr_not_percent(self) -> None:
        """0.5 ATR of 1.5 is 0.75; 0.74 is idle, 0.75 is not, whatever percent of price that is."""
        for high, state in ((100.74, "closing"), (100.75, "open")):
            trade = open_paper(make_plan(), 100.0, T0)
            walk(trade, (100.0, high, 99.8, 100.1), *[self.flat] * 11)
            assert trade.position.state == state

    def test_after_tp1_the_rest_ends_48_hours_after_the_bars_close(self) -> None:
        trade = open_paper(make_plan(), 100.0, T0)
        walk(trade, (100.0, 102.0, 99.0, 101.5))
        hold = (101.5, 101.8, 101.0, 101.5)
        walk(trade, *[hold] * (48 * 4 - 1), start=1)
        assert trade.position.state == "open"
        walk(trade, hold, start=48 * 4)
        assert trade.position.close_reason == "time_stop"

    def test_tp2_ends_the_48_hour_rule_and_starts_72(self) -> None:
        trade = open_paper(make_plan(atr=50.0), 100.0, T0)
        walk(trade, (100.0, 104.0, 99.0, 103.5))
        hold = (103.5, 103.8, 103.0, 103.5)
        walk(trade, *[hold] * (72 * 4 - 1), start=1)
        assert trade.position.state == "open"
        walk(trade, hold, start=72 * 4)
        assert trade.position.close_reason == "time_stop"

    def test_nothing_lives_longer_than_168_hours_from_the_entry_bar(self) -> None:
        trade = open_paper(make_plan(), 100.0, T0)
        walk(trade, (100.0, 101.0, 99.5, 100.5), *[(100.5, 100.9, 100.0, 100.5)] * (168 * 4 - 2))
        assert trade.position.state == "open"
        walk(trade, (100.5, 100.9, 100.0, 100.5), start=168 * 4 - 1)
        assert trade.position.close_reason == "time_stop"


class TestMergedTiers:
    def states(self, trade: PaperTrade) -> list[str]:
        return [tier_state(trade.position, tier) for tier in trade.position.tiers]

    def test_two_halves_when_a_tranche_is_too_small(self) -> None:
        trade = open_paper(make_plan(quantity="0.12"), 100.0, T0)
        assert [tier.quantity for tier in trade.position.tiers] == [Decimal("0.060"), Decimal("0.060"), Decimal(0)]
        assert self.states(trade) == ["resting", "resting", "merged"]
        walk(trade, (100.0, 104.0, 99.0, 103.0))
        assert trade.position.close_reason == "tp2"
        assert result_of(trade.position).gross_r == pytest.approx(1.5)

    def test_one_tier_at_tp2_with_breakeven_at_1r(self) -> None:
        trade = open_paper(make_plan(quantity="0.08"), 100.0, T0)
        assert self.states(trade) == ["merged", "resting", "merged"]
        walk(trade, (100.0, 102.0, 99.0, 101.0))
        assert trade.position.stop == 100
        assert trade.position.stage == 1
        walk(trade, (101.0, 101.0, 99.9, 100.0), start=1)
        assert result_of(trade.position).gross_r == pytest.approx(0.0)
        assert trade.position.close_reason == "breakeven"

    def test_second_target_nearer_than_12r_is_dropped_for_a_runner_from_tp1(self) -> None:
        trade = open_paper(make_plan(tp2_price=102.3), 100.0, T0)
        assert self.states(trade) == ["resting", "cancelled", "waiting"]
        assert trade.position.tiers[2].quantity == Decimal("0.7")
        walk(trade, (100.0, 103.0, 99.0, 102.9))
        assert trade.position.stop == Decimal("101.2")  # 103 - 1.8
        assert self.states(trade)[2] == "trailing"

    @pytest.mark.parametrize(("level", "tp2"), [(103.0, "103"), (106.1, "104"), (101.0, "104"), (105.95, "105.9")])
    def test_a_level_counts_between_1r_and_3r(self, level: float, tp2: str) -> None:
        trade = open_paper(make_plan(tp2_price=level), 100.0, T0)
        assert trade.position.tiers[1].price == Decimal(tp2)


def test_forced_close_books_its_reason() -> None:
    trade = open_paper(make_plan(), 100.0, T0)
    close_paper(trade, 101.0, T0 + 5, "end_of_data")
    assert trade.position.close_reason == "end_of_data"
    closed = [tell.event for tell in trade.events if isinstance(tell.event, TradeClosed)]
    assert len(closed) == 1
    assert closed[0].gross_r == pytest.approx(0.5)
