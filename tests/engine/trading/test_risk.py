"""Size and every limit: tables of sections 9.1, 9.2, 9.6 and 9.7, and the seal on approved plans."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from config.schema import RiskSettings
from engine.errors import InvariantBroken
from engine.exchange.orders import Bracket
from engine.money import Side
from engine.trading.liquidation import liquidation_price, most_notional, stop_share, usable_leverage
from engine.trading.losses import Booking, booked_since, day_start_ms, loss_share, week_start_ms
from engine.trading.plan import Costs, exit_plan_of
from engine.trading.quotes import Quote, walk
from engine.trading.risk import (
    Account,
    ApprovedPlan,
    Edits,
    OpenTrade,
    Portfolio,
    Refusals,
    Rules,
    check,
    risk_share,
)
from engine.trading.sizing import size
from engine.trading.tiers import lay_tiers
from strategies.model import Family, Mode
from tests.support.trading import FREE, T0, make_instrument, make_plan, make_signal

COSTS = Costs(taker=Decimal("0.0005"), slippage=Decimal("0.0002"))


class TestSize:
    def test_the_long_of_the_table(self) -> None:
        sizing = size(
            Decimal(10_000), Decimal("0.01"), Decimal(64_000), Decimal(63_200), COSTS, make_instrument(), Decimal(3)
        )
        assert sizing.unit == Decimal("889.2")
        assert sizing.quantity == Decimal("0.112")
        assert sizing.risk_usdt == pytest.approx(Decimal("99.59"), abs=Decimal("0.01"))
        assert sizing.notional == 7168

    def test_the_short_of_the_table(self) -> None:
        instrument = make_instrument(tick="0.00001", step=1, market_step=1, market_max_qty=10_000_000)
        sizing = size(
            Decimal(5_000), Decimal("0.01"), Decimal("0.02443"), Decimal("0.02468"), COSTS, instrument, Decimal(3)
        )
        assert sizing.unit == pytest.approx(Decimal("0.00028433"), abs=Decimal("1e-8"))
        assert sizing.quantity == 175_853
        assert float(sizing.risk_usdt) == pytest.approx(50.0, abs=0.01)
        assert float(sizing.notional) == pytest.approx(4296, abs=1)

    def test_tranches_of_the_table(self) -> None:
        plan = make_plan(quantity="0.112", stop="63200", expected="64000")
        rows = lay_tiers(plan.quantity, Decimal(64_000), plan.stop, plan.exits, plan.instrument, Side.LONG)
        assert [row.quantity for row in rows] == [Decimal("0.033"), Decimal("0.044"), Decimal("0.035")]

    @given(
        equity=st.decimals(10, 1_000_000, places=2),
        share=st.decimals("0.001", "0.05", places=4),
        entry=st.decimals("0.01", 100_000, places=4),
        distance=st.decimals("0.0005", "0.2", places=4),
        side=st.sampled_from([1, -1]),
        step=st.sampled_from(["0.001", "0.1", "1", "1000"]),
    )
    def test_never_stakes_more_than_asked_nor_leverages_more_than_allowed(
        self, equity, share, entry, distance, side, step
    ) -> None:
        stop = entry * (1 - side * distance)
        instrument = make_instrument(step=step, market_step=step, market_max_qty="1e9")
        sizing = size(equity, share, entry, stop, COSTS, instrument, Decimal(3))
        assert sizing.risk_usdt <= equity * share
        assert sizing.notional <= equity * 3
        assert sizing.quantity % Decimal(step) == 0
        assert instrument.qty(sizing.quantity) == sizing.quantity  # quantising again changes nothing

    @given(st.decimals("0.01", 100_000, places=6), st.sampled_from([1, -1]))
    def test_rounding_a_stop_never_narrows_it_and_moving_it_never_loosens(self, price, sign) -> None:
        side, instrument = Side(sign), make_instrument(tick="0.01")
        assume(price > Decimal("0.05"))
        assert side * (price - instrument.stop_price(price, side)) >= 0
        assert side * (instrument.tighter_stop(price, side) - price) >= 0
        assert instrument.stop_price(instrument.stop_price(price, side), side) == instrument.stop_price(price, side)


class TestLiquidation:
    def test_the_check_of_the_margin_page(self) -> None:
        bracket = Bracket(125, Decimal(0), Decimal(10_000_000), Decimal("0.004"), Decimal(0))
        price = liquidation_price(1, Decimal(1), Decimal(90_000), Decimal(9_000), [bracket])
        assert price == pytest.approx(Decimal("81325.30"), abs=Decimal("0.01"))

    def test_the_bracket_is_that_of_the_notional_at_the_price_itself(self) -> None:
        brackets = [
            Bracket(125, Decimal(0), Decimal(85_000), Decimal("0.004"), Decimal(0)),
            Bracket(50, Decimal(85_000), Decimal(10_000_000), Decimal("0.01"), Decimal(510)),
        ]
        price = liquidation_price(1, Decimal(1), Decimal(90_000), Decimal(9_000), brackets)
        assert price == pytest.approx(Decimal("81325.30"), abs=Decimal("0.01"))  # below 85,000: the first
        short = liquidation_price(-1, Decimal(1), Decimal(90_000), Decimal(9_000), brackets)
        assert short == (Decimal(9_000) + 510 + 90_000) / (1 + Decimal("0.01"))

    def test_out_of_reach_is_zero_and_unknown_is_none(self) -> None:
        bracket = Bracket(125, Decimal(0), Decimal(10_000_000), Decimal("0.004"), Decimal(0))
        assert liquidation_price(1, Decimal(1), Decimal(100), Decimal(9_000), [bracket]) == 0
        assert liquidation_price(1, Decimal(1), Decimal(100), Decimal(9_000), []) is None
        assert stop_share(Decimal(100), Decimal(98), None) == 0.0
        assert stop_share(Decimal(100), Decimal(94), Decimal(90)) == pytest.approx(0.6)

    def test_the_largest_position_at_a_leverage(self) -> None:
        brackets = [
            Bracket(125, Decimal(0), Decimal(50_000), Decimal("0.004"), Decimal(0)),
            Bracket(20, Decimal(50_000), Decimal(250_000), Decimal("0.01"), Decimal(300)),
            Bracket(10, Decimal(250_000), Decimal(1_000_000), Decimal("0.02"), Decimal(2800)),
        ]
        assert most_notional(brackets, 20) == 250_000
        assert most_notional([], 20) is None

    def test_a_contract_that_admits_less_leverage_binds_more_margin(self) -> None:
        brackets = (Bracket(5, Decimal(0), Decimal(100_000), Decimal("0.1"), Decimal(0)),)
        assert usable_leverage(brackets, 20) == 5
        assert usable_leverage([], 20) == 20
        money = Decimal(10_000)
        quote = Quote("BTCUSDT", True, ((99.99, 1e6),), ((100.0, 1e6),))
        poor = Account(money, money, Decimal(900), brackets=brackets)  # 5,000 of notional at 5x bind 1,000
        answer = check(make_signal(), make_instrument(), quote, poor, Portfolio(), FREE, Rules(), T0)
        assert isinstance(answer, Refusals)
        assert [str(reason) for reason in answer.reasons] == ["MarginShort: margin 1000.00 > available 900.00"]


class TestLosses:
    def test_days_and_weeks_begin_at_midnight_utc_and_on_monday(self) -> None:
        thursday = T0  # 2026-01-01
        assert day_start_ms(thursday + 5) == thursday
        assert week_start_ms(thursday) == thursday - 3 * 86_400_000

    def test_an_open_gain_does_not_hide_a_realised_loss(self) -> None:
        assert loss_share(Decimal(-300), Decimal(500), Decimal(9_700)) == Decimal("0.03")
        assert loss_share(Decimal(-200), Decimal(-100), Decimal(9_800)) == Decimal("0.03")
        assert loss_share(Decimal(100), Decimal(0), Decimal(10_000)) == 0

    def test_only_bookings_of_the_period_count(self) -> None:
        bookings = [Booking(T0 - 1, Decimal(-5)), Booking(T0, Decimal(-7)), Booking(T0 + 9, Decimal(2))]
        assert booked_since(bookings, T0) == -5


def test_a_market_order_is_priced_by_walking_the_levels() -> None:
    quote = Quote("X", True, ((99.0, 1.0),), ((100.0, 1.0), (101.0, 2.0)))
    walked = walk(quote, Side.LONG, Decimal(2))
    assert walked is not None
    assert (walked.average, walked.worst, walked.filled) == (Decimal("100.5"), Decimal(101), Decimal(2))
    thin = walk(quote, Side.LONG, Decimal(5))
    assert thin is not None
    assert thin.filled == 3
    assert walked.slippage_bps(99.5) == pytest.approx(100.5025, abs=1e-3)


def test_approved_plans_are_made_by_risk_alone() -> None:
    plan = make_plan()
    with pytest.raises(InvariantBroken):
        ApprovedPlan(plan, None, None, None, 0.1, 2.0, seal=object())  # type: ignore[arg-type]


class TestGates:
    def ask(
        self,
        *,
        quote: dict[str, Any] | None = None,
        portfolio: Portfolio | None = None,
        account: Account | None = None,
        edits: Edits | None = None,
        rules: Rules | None = None,
        instrument: dict[str, Any] | None = None,
        price: float = 100.0,
        **signal: Any,
    ) -> ApprovedPlan | Refusals:
        book: dict[str, Any] = {"bids": ((price - 0.01, 1e6),), "asks": ((price, 1e6),), "synced": True}
        if signal.get("side") == -1:
            book = {"bids": ((price, 1e6),), "asks": ((price + 0.01, 1e6),), "synced": True}
        book.update(quote or {})
        money = Decimal(10_000)
        return check(
            make_signal(**signal), make_instrument(**(instrument or {})), Quote("BTCUSDT", **book),
            account or Account(money, money, money), portfolio or Portfolio(), FREE, rules or Rules(), T0, edits=edits,
        )  # fmt: skip

    def names(self, **question: Any) -> list[str]:
        answer = self.ask(**question)
        return [refusal.name for refusal in answer.reasons] if isinstance(answer, Refusals) else []

    def test_a_good_signal_passes_with_its_numbers(self) -> None:
        answer = self.ask()
        assert isinstance(answer, ApprovedPlan)
        assert answer.plan.quantity == 50
        assert answer.sizing.risk_usdt == 100
        assert answer.reward_r == 2.0

    @pytest.mark.parametrize(
        ("question", "name"),
        [
            ({"quote": {"synced": False, "reason": "gap"}}, "BookNotSynced"),
            ({"quote": {"asks": ()}}, "BookNotSynced"),
            ({"instrument": {"status": "BREAK"}}, "SymbolNotTrading"),
            ({"account": Account(Decimal(0), Decimal(0), Decimal(0))}, "NoEquity"),
            ({"flags": ("thin_data",)}, "ThinData"),
            ({"quote": {"bids": ((99.8, 1e6),)}}, "SpreadTooWide"),
            ({"quote": {"asks": ((100.0, 10.0),)}}, "BookTooThin"),
            ({"price": 100.6}, "PriceMoved"),  # 0.3 R of 2 above the close
            ({"price": 99.4}, "PriceMoved"),  # Action Price: a quarter either way
            ({"stop": 100.5}, "StopBeyondEntry"),
            ({"stop": 95.4}, "StopTooWide"),  # 4.6 > 3 ATR of 1.5
            ({"stop": 89.9, "atr": 10.0}, "StopTooFar"),
            ({"tp_r": (0.9, 0.95)}, "RewardTooSmall"),
            ({"instrument": {"min_notional": 100_000}}, "NotionalTooSmall"),
            ({"instrument": {"min_qty": 1000}}, "QuantityTooSmall"),
            ({"account": Account(Decimal(10_000), Decimal(10_000), Decimal(100))}, "MarginShort"),
            ({"edits": Edits(risk_pct=2.0)}, "RiskAbovePolicy"),
            ({"edits": Edits(max_drift_bps=1.0), "price": 100.1}, "PriceMoved"),
        ],
    )
    def test_each_limit_refuses_by_name(self, question, name) -> None:
        assert name in self.names(**question)

    @pytest.mark.parametrize(
        ("strategy", "price", "refused"),
        [
            ("liquidity_sweep", 100.51, True),  # chasing: more than 0.25 R of 2 ahead
            ("liquidity_sweep", 100.5, False),
            ("liquidity_sweep", 99.01, False),  # 0.495 R back
            ("liquidity_sweep", 98.99, True),
            ("action_price", 99.5, False),
            ("action_price", 99.49, True),
        ],
    )
    def test_drift_is_judged_by_the_rule_of_the_strategy(self, strategy, price, refused) -> None:
        names = self.names(strategy=strategy, price=price, family=Family.BREAKOUT)
        assert ("PriceMoved" in names) is refused

    def test_the_six_have_tighter_limits_than_action_price(self) -> None:
        assert "StopTooTight" in self.names(strategy="order_flow", stop=99.4)
        assert "StopTooFar" in self.names(strategy="order_flow", stop=94.0, atr=4.0)
        assert "StopTooFar" not in self.names(strategy="pullback", timeframe="4h", stop=94.0, atr=4.0)
        assert "StopInsideSpread" in self.names(
            strategy="order_flow", stop=99.3, atr=1.0, quote={"bids": ((99.91, 1e6),)}
        )
        assert not self.names(strategy="action_price", stop=99.4)

    def test_cost_share_refuses_only_when_asked_to(self) -> None:
        rules = Rules(risk=RiskSettings(max_cost_r=0.01))
        costly = Account(Decimal(10_000), Decimal(10_000), Decimal(10_000), taker=Decimal("0.0005"))
        money = Decimal(10_000)
        quote = Quote("BTCUSDT", True, ((99.99, 1e6),), ((100.0, 1e6),))
        for used, refused in ((Rules(), False), (rules, True)):
            answer = check(make_signal(), make_instrument(), quote, costly, Portfolio(), COSTS, used, T0)
            names = [refusal.name for refusal in answer.reasons] if isinstance(answer, Refusals) else []
            assert ("CostTooHigh" in names) is refused
        assert money

    def test_a_stop_near_liquidation_is_refused(self) -> None:
        bracket = Bracket(20, Decimal(0), Decimal(10_000_000), Decimal("0.01"), Decimal(0))
        poor = Account(Decimal(10_000), Decimal(150), Decimal(10_000), brackets=(bracket,))
        assert "StopNearLiquidation" in self.names(account=poor)

    def test_portfolio_limits(self) -> None:
        def open_trades(count: int, side: int = 1, risk: int = 10) -> Portfolio:
            return Portfolio(tuple(OpenTrade(f"C{n}USDT", side, Decimal(risk)) for n in range(count)))

        assert "TooManyOpen" in self.names(portfolio=open_trades(10, side=-1))
        assert not self.names(portfolio=open_trades(9, side=-1))
        assert "TooManySameSide" in self.names(symbol="SOLUSDT", portfolio=open_trades(6))
        assert not self.names(portfolio=open_trades(6))  # BTC is not counted among them
        assert not self.names(symbol="SOLUSDT", portfolio=open_trades(6, side=-1))
        assert "OpenRiskTooHigh" in self.names(portfolio=open_trades(5, risk=81))
        assert not self.names(portfolio=open_trades(5, risk=80))
        assert "PositionOpen" in self.names(portfolio=Portfolio((OpenTrade("BTCUSDT", -1, Decimal(1)),)))
        assert "DailyLossReached" in self.names(portfolio=Portfolio(day_usdt=Decimal(-310)))
        assert "WeeklyLossReached" in self.names(portfolio=Portfolio(week_usdt=Decimal(-530)))
        assert not self.names(portfolio=Portfolio(day_usdt=Decimal(-290), week_usdt=Decimal(-490)))

    def test_all_reasons_are_given_with_their_numbers(self) -> None:
        answer = self.ask(price=100.6, portfolio=Portfolio(day_usdt=Decimal(-310)))
        assert isinstance(answer, Refusals)
        assert str(answer) == "price ran 0.30 R ahead > 0.25 R; loss today 3.01 % >= 3 %"

    def test_leverage_cuts_the_size_instead_of_refusing(self) -> None:
        answer = self.ask(stop=99.9, atr=0.5, instrument={"market_max_qty": 10_000})
        assert isinstance(answer, ApprovedPlan)
        assert answer.sizing.capped_by == "leverage"
        assert answer.sizing.notional <= 30_000

    def test_scalps_and_thin_signals_stake_half(self) -> None:
        settings = RiskSettings()
        assert risk_share(make_signal(), settings) == Decimal("0.01")
        assert risk_share(make_signal(mode=Mode.SCALP), settings) == Decimal("0.005")
        thin = self.ask(flags=("thin_data",), rules=Rules(thin_data=True))
        assert isinstance(thin, ApprovedPlan)
        assert thin.sizing.risk_usdt == 50

    def test_edits_inside_policy_are_taken(self) -> None:
        answer = self.ask(edits=Edits(risk_pct=0.5, stop=Decimal("98.5")))
        assert isinstance(answer, ApprovedPlan)
        assert answer.plan.stop == Decimal("98.5")
        assert answer.sizing.risk_usdt <= 50

    def test_a_short_mirrors_a_long(self) -> None:
        answer = self.ask(side=-1, stop=102.0)
        assert isinstance(answer, ApprovedPlan)
        assert answer.plan.quantity == 50


def test_fades_and_momentum_give_up_after_eight_bars() -> None:
    from config.schema import ExitSettings

    settings = ExitSettings()
    assert exit_plan_of(make_signal(), settings).time_stop_bars == 12
    assert exit_plan_of(make_signal(family=Family.MEAN_REVERSION), settings).time_stop_bars == 8
    assert exit_plan_of(make_signal(strategy="atr_momentum"), settings).time_stop_bars == 8
