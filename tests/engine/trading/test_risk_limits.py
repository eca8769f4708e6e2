"""Each limit of the last gate at its very edge, the sentence a refusal is told in, and every number it carries."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from config.schema import ApprovalSettings, RiskSettings
from engine.errors import InvariantBroken
from engine.exchange.orders import Bracket
from engine.trading.plan import Costs
from engine.trading.quotes import Quote, Walk
from engine.trading.risk import Account, ApprovedPlan, Edits, OpenTrade, Portfolio, Refusals, Rules, check
from engine.trading.sizing import Sizing
from tests.support.trading import BAR, FREE, T0, make_instrument, make_plan, make_signal

MONEY = Decimal(10_000)
COSTS = Costs(taker=Decimal("0.0005"), slippage=Decimal("0.0002"))
RICH = Account(MONEY, MONEY, MONEY)


def quote(bid: float = 99.99, ask: float = 100.0, held: float = 1e6, **changes: Any) -> Quote:
    return replace(Quote("BTCUSDT", True, ((bid, held),), ((ask, held),)), **changes)


def ask(
    *,
    signal: dict[str, Any] | None = None,
    instrument: dict[str, Any] | None = None,
    book: Quote | None = None,
    account: Account = RICH,
    portfolio: Portfolio | None = None,
    costs: Costs = FREE,
    rules: Rules | None = None,
    **answers: Any,
) -> ApprovedPlan | Refusals:
    """A long of 50 at 100 with its stop at 98, which risks 1 % of 10,000, unless something is changed."""
    return check(
        make_signal(**(signal or {})), make_instrument(**(instrument or {})), book or quote(), account,
        portfolio or Portfolio(), costs, rules or Rules(), T0 + 7, **answers,
    )  # fmt: skip


def refused(**question: Any) -> list[tuple[str, str]]:
    answer = ask(**question)
    return [(refusal.name, refusal.detail) for refusal in answer.reasons] if isinstance(answer, Refusals) else []


def risk(**changes: Any) -> Rules:
    return Rules(risk=RiskSettings(**changes))


def trades(count: int, side: int = 1, risk_usdt: str = "10") -> Portfolio:
    return Portfolio(tuple(OpenTrade(f"C{n}USDT", side, Decimal(risk_usdt)) for n in range(count)))


def capped(cap: str, wallet: str = "10000") -> Account:
    """Brackets known: up to `cap` at 20x, maintenance 1 %."""
    return replace(
        RICH, wallet=Decimal(wallet), brackets=(Bracket(20, Decimal(0), Decimal(cap), Decimal("0.01"), Decimal(0)),)
    )


# A long of 50 at 100 with this wallet is liquidated at 96: (248 - 5,000) / (0.5 - 50).
NEAR = "248"


@pytest.mark.parametrize(
    ("name", "question", "sentence"),
    [
        ("SymbolNotTrading", {"instrument": {"status": "SETTLING"}}, "BTCUSDT is SETTLING"),
        ("BookNotSynced", {"book": quote(synced=False, reason="gap")}, "book of BTCUSDT: gap"),
        ("BookNotSynced", {"book": quote(bids=())}, "book of BTCUSDT: not synced"),
        ("NoEquity", {"account": replace(RICH, equity=Decimal("-0.5"))}, "equity is -0.5"),
        (
            "ThinData",
            {"signal": {"flags": ("thin_data",)}},
            "more than half of volume, flow, open interest and book are absent",
        ),
        ("RiskAbovePolicy", {"edits": Edits(risk_pct=2.0)}, "risk 2 % > 1 %"),
        ("SpreadTooWide", {"book": quote(99.8)}, "spread 20.0 bp > 10 bp"),
        ("RewardTooSmall", {"signal": {"tp_r": (0.5, 0.75)}}, "reward/risk 0.50 < 1"),
        ("QuantityTooSmall", {"instrument": {"min_qty": 60}}, "quantity 50.0 < 60"),
        ("QuantityTooSmall", {"instrument": {"market_min_qty": 70}}, "quantity 50.0 < 70"),
        ("NotionalTooSmall", {"instrument": {"min_notional": 6_000}}, "notional 5000.00 < 6000"),
        ("BookTooThin", {"book": quote(held=20.0)}, "the book shows 20.0 of 50.0"),
        ("MarginShort", {"account": replace(RICH, available=Decimal(249))}, "margin 250.00 > available 249.00"),
        ("AboveBracket", {"account": capped("4999")}, "notional 5000 > 4999 at 20x"),
        (
            "StopNearLiquidation",
            {"account": capped("5001", NEAR), "rules": risk(max_stop_share_of_liquidation=0.4)},
            "stop at 50% of the way to liquidation > 40%",
        ),
        (
            "PositionOpen",
            {"portfolio": Portfolio((OpenTrade("BTCUSDT", -1, Decimal(1)),))},
            "a position on BTCUSDT is open",
        ),
        ("TooManyOpen", {"portfolio": trades(11, side=-1)}, "11 positions open, limit 10"),
        (
            "TooManySameSide",
            {"signal": {"symbol": "SOLUSDT"}, "portfolio": trades(6)},
            "6 long outside BTC/ETH, limit 6",
        ),
        ("OpenRiskTooHigh", {"portfolio": trades(2, risk_usdt="201")}, "open risk 5.02 % > 5 %"),
        ("DailyLossReached", {"portfolio": Portfolio(day_usdt=Decimal(-400))}, "loss today 3.85 % >= 3 %"),
        ("WeeklyLossReached", {"portfolio": Portfolio(week_usdt=Decimal(-600))}, "loss this week 5.66 % >= 5 %"),
    ],
)
def test_a_refusal_tells_the_value_and_the_limit(name: str, question: dict[str, Any], sentence: str) -> None:
    assert refused(**question) == [(name, sentence)]


def test_too_many_shorts_are_called_shorts() -> None:
    book = quote(100.0, 100.01)
    signal = {"symbol": "SOLUSDT", "side": -1, "stop": 102.0}
    found = refused(signal=signal, book=book, portfolio=trades(7, side=-1))
    assert found == [("TooManySameSide", "7 short outside BTC/ETH, limit 6")]


@pytest.mark.parametrize(
    "question",
    [
        {"edits": Edits(risk_pct=1.0)},
        {"book": quote(99.95), "rules": risk(max_spread_bps=quote(99.95).spread_bps)},
        {"book": quote(100.0), "rules": risk(max_spread_bps=0.5)},  # a locked book has no spread
        {"book": quote(100.0), "signal": {"strategy": "order_flow"}},
        {"rules": Rules(approval=ApprovalSettings(min_reward_risk=2.0))},
        {"instrument": {"min_qty": 50}},
        {"instrument": {"min_notional": 5_000}},
        {"instrument": {"min_qty": 0, "market_min_qty": 0}},
        {"book": quote(held=50.0)},
        {"account": replace(RICH, available=Decimal(250))},
        {"account": capped("5000"), "rules": risk(max_stop_share_of_liquidation=1.0)},
        {"account": capped("5001", NEAR), "rules": risk(max_stop_share_of_liquidation=0.5)},
        {"portfolio": trades(9, side=-1)},
        {"portfolio": trades(5), "signal": {"symbol": "SOLUSDT"}},
        {"portfolio": trades(4, risk_usdt="100")},  # with the 100 of this one: exactly 5 %
        {"account": replace(RICH, equity=Decimal(9_701)), "portfolio": Portfolio(day_usdt=Decimal(-299))},
        {"account": replace(RICH, equity=Decimal(9_501)), "portfolio": Portfolio(week_usdt=Decimal(-499))},
    ],
)
def test_at_its_limit_a_trade_is_still_allowed(question: dict[str, Any]) -> None:
    assert refused(**question) == []


@pytest.mark.parametrize(
    ("name", "question"),
    [
        ("RiskAbovePolicy", {"edits": Edits(risk_pct=0.0)}),
        ("TooManyOpen", {"portfolio": trades(10, side=-1)}),
        (
            "DailyLossReached",
            {"account": replace(RICH, equity=Decimal(9_700)), "portfolio": Portfolio(day_usdt=Decimal(-300))},
        ),
        (
            "WeeklyLossReached",
            {"account": replace(RICH, equity=Decimal(9_500)), "portfolio": Portfolio(week_usdt=Decimal(-500))},
        ),
        ("NoEquity", {"account": replace(RICH, equity=Decimal(0))}),
    ],
)
def test_limits_that_are_met_when_reached(name: str, question: dict[str, Any]) -> None:
    assert name in [found for found, _ in refused(**question)]


@pytest.mark.parametrize("limit", [0.7, 1.1, 2.3, 2.9, 5.7, 7.0])
def test_a_loss_or_an_open_risk_of_exactly_the_limit_is_not_lost_in_rounding(limit: float) -> None:
    share = Decimal(str(limit)) / 100
    lost = Portfolio(day_usdt=-share * MONEY, week_usdt=-share * MONEY)
    left = replace(RICH, equity=MONEY * (1 - share))
    names = [name for name, _ in refused(account=left, portfolio=lost, rules=risk(max_daily_loss_pct=limit))]
    assert "DailyLossReached" in names
    names = [name for name, _ in refused(account=left, portfolio=lost, rules=risk(max_weekly_loss_pct=limit))]
    assert "WeeklyLossReached" in names
    carried = Portfolio((OpenTrade("ETHUSDT", 1, share * MONEY - 50),))
    rules = risk(max_open_risk_pct=limit, risk_pct=0.5)
    assert refused(portfolio=carried, rules=rules) == []


def test_an_account_too_small_for_any_trade_is_told_the_least_there_is() -> None:
    pennies = replace(RICH, equity=Decimal("0.1"))
    nothing = {"min_qty": 0, "market_min_qty": 0, "min_notional": 0}
    assert refused(account=pennies, instrument=nothing) == [("QuantityTooSmall", "quantity 0.000 < 0.001")]
    for step, market_step in (("0.01", "0.001"), ("0.001", "0.01")):
        coarse = {**nothing, "step": step, "market_step": market_step}
        assert refused(account=pennies, instrument=coarse) == [("QuantityTooSmall", "quantity 0.00 < 0.01")]
    # One unit of money is equity; what it buys is for the other limits to judge.
    assert [name for name, _ in refused(account=replace(RICH, equity=Decimal(1)))] == ["NotionalTooSmall"]


def test_large_and_small_numbers_are_told_without_exponents() -> None:
    cheap = {"tick": "0.000001", "step": 1, "market_step": 1, "market_max_qty": 10_000_000}
    signal = {"ref_close": 0.01, "stop": 0.0098, "atr": 0.0001}
    found = refused(signal=signal, instrument=cheap, book=quote(0.009999, 0.01, 1e5))
    assert found == [("BookTooThin", "the book shows 100000.0 of 500000")]
    found = refused(signal=signal, instrument={**cheap, "min_qty": 1_000_000}, book=quote(0.009999, 0.01))
    assert found == [("QuantityTooSmall", "quantity 500000 < 1000000")]
    # Zero as the exchange writes it.
    assert refused(account=replace(RICH, equity=Decimal("0.00000000"))) == [("NoEquity", "equity is 0.00000000")]


class TestNumbers:
    """What was computed on the way is kept for the ticket, whether the answer is yes or no."""

    HEAVY = replace(capped("5001", "2000"), maintenance=Decimal(500))

    @pytest.mark.parametrize("day", [0, -1_000])
    def test_of_a_plan_and_of_a_refusal(self, day: int) -> None:
        # Costs are those of the account, the loss of another position counts against the margin, its gain does not.
        portfolio = Portfolio(open_usdt=Decimal(-200), day_usdt=Decimal(day))
        answer = ask(
            account=self.HEAVY, portfolio=portfolio, costs=COSTS, rules=Rules(prefix="zz"), expires_ms=T0 + BAR,
            edits=Edits(stop=Decimal("98.07")),
        )  # fmt: skip
        assert isinstance(answer, Refusals if day else ApprovedPlan)
        unit = Decimal("2.139")  # 2 to the stop, fees of 0.099, slippage of 0.04
        quantity = Decimal("46.750")
        assert answer.sizing == Sizing(quantity, unit, quantity * unit, quantity * 100)
        assert answer.walk == Walk(Decimal(100), Decimal(100), quantity)
        assert answer.liquidation == (2000 - 500 - 200 - quantity * 100) / (quantity * Decimal("0.01") - quantity)
        assert answer.cost_r == pytest.approx(0.0495)
        assert answer.reward_r == 2.0
        plan = answer.plan
        assert plan is not None
        assert (plan.symbol, plan.side, plan.signal_id) == ("BTCUSDT", 1, "sig1")
        assert plan.instrument == make_instrument()
        assert plan.costs == COSTS
        assert (plan.quantity, plan.stop, plan.expected_entry) == (quantity, 98, 100)  # the stop on the tick, wider
        assert plan.risk_usdt == quantity * unit
        assert (plan.planned_ms, plan.expires_ms, plan.prefix) == (T0 + 7, T0 + BAR, "zz")

    def test_a_gain_elsewhere_is_no_margin(self) -> None:
        answer = ask(account=self.HEAVY, portfolio=Portfolio(open_usdt=Decimal(300)))
        assert answer.liquidation == (2000 - 500 - Decimal(5_000)) / Decimal("-49.5")

    def test_a_plan_without_an_end_has_none(self) -> None:
        answer = ask()
        assert isinstance(answer, ApprovedPlan)
        assert answer.plan.expires_ms == 0
        assert answer.liquidation is None  # brackets are not known

    def test_a_stop_at_the_entry_costs_without_measure(self) -> None:
        answer = ask(signal={"stop": 100.0}, costs=COSTS)
        assert isinstance(answer, Refusals)
        assert answer.cost_r == float("inf")
        assert "StopBeyondEntry" in [refusal.name for refusal in answer.reasons]

    @pytest.mark.parametrize(("side", "stop", "entry"), [(1, 98.0, "100.02"), (-1, 102.0, "100.0")])
    def test_where_nothing_can_be_bought_the_price_is_the_best_of_the_opposing_side(self, side, stop, entry) -> None:
        answer = ask(
            signal={"side": side, "stop": stop}, book=quote(100.0, 100.02), account=replace(RICH, equity=Decimal("0.1"))
        )
        assert isinstance(answer, Refusals)
        assert answer.plan is not None
        assert answer.plan.expected_entry == Decimal(entry)
        assert answer.walk == Walk(Decimal(entry), Decimal(entry), Decimal(0))

    def test_the_size_is_that_of_the_walked_price_and_the_walk_that_of_the_size(self) -> None:
        # 50 would cost 100.2 on average, so 45.454 are bought, and those cost a little less.
        thin = quote(asks=((100.0, 40.0), (101.0, 100.0)))
        answer = ask(book=thin)
        assert answer.sizing is not None
        assert answer.sizing.quantity == Decimal("45.454")
        assert answer.walk is not None
        assert answer.walk.filled == Decimal("45.454")
        assert answer.walk.average == (4_000 + Decimal("5.454") * 101) / Decimal("45.454")
        assert answer.plan is not None
        assert answer.plan.expected_entry == answer.walk.average


def test_a_plan_made_elsewhere_says_so() -> None:
    with pytest.raises(InvariantBroken, match=r"an approved plan was made outside of risk$"):
        ApprovedPlan(make_plan(), None, None, None, 0.1, 2.0, seal=object())  # type: ignore[arg-type]
