"""The quick walk gives the exits of `position.step`, bar for bar and to the last digit that floats have."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.research.prices import PricePath
from engine.research.walk import END, Fees, Terms, follow
from engine.trading.booking import result_of
from engine.trading.inputs import FundingPaid
from engine.trading.paper import Bar, PaperTrade, open_paper, walk_bar
from engine.trading.plan import Costs, ExitPlan
from engine.trading.position import step
from engine.trading.position_state import RUNNER
from tests.support.laboratory import BAR, T0, path
from tests.support.trading import make_instrument, make_plan

FEES = Fees(0.0005, 0.0002, 0.0001)
COSTS = Costs(taker=Decimal("0.0005"), maker=Decimal("0.0002"), slippage=Decimal("0.0001"))
FINE = make_instrument(tick="0.0000000001", step="0.0000000001", min_qty="0.0000000001", min_notional=0)
FREE = Fees(0.0, 0.0, 0.0)


def exact(prices: PricePath, side: int, stop: str, quantity: str, exits: ExitPlan, instrument=FINE) -> PaperTrade:
    """The same trade through the position the desk trades with."""
    plan = make_plan(side, quantity, stop, instrument=instrument, costs=COSTS, signal_id="twin", breakeven="cost")
    plan = type(plan)(**{name: getattr(plan, name) for name in plan.__struct_fields__} | {"exits": exits})
    trade = open_paper(plan, prices.open[0], prices.open_ms[0])
    for i in range(len(prices)):
        if trade.over():
            break
        walk_bar(
            trade,
            Bar(prices.open_ms[i], prices.close_ms[i], prices.open[i], prices.high[i], prices.low[i], prices.close[i]),
        )
    return trade


def terms_of_twin(trade: PaperTrade) -> Terms:
    """The terms the exact twin came to: its tiers as shares."""
    position = trade.position
    total = position.entered.quantity
    by_leg = {tier.leg: tier for tier in position.tiers}
    shares = tuple(float(by_leg[leg].quantity / total) for leg in ("t1", "t2", RUNNER))
    second = by_leg["t2"].price
    first = by_leg["t1"].price
    assert first is not None
    return Terms(
        position.plan.side, float(position.entry_price), float(position.plan.stop), float(first),
        None if second is None else float(second), shares, position.plan.exits,
    )  # fmt: skip


@st.composite
def paths(draw: st.DrawFn) -> PricePath:
    """Bars around 100 that gap, stand still and run, on a grid of a hundredth."""
    close = 10_000
    bars = []
    for _ in range(draw(st.integers(2, 30))):
        opened = close + draw(st.sampled_from((0, 0, 0, 0, -60, 60, -7, 7)))
        close = opened + draw(st.integers(-160, 160))
        high = max(opened, close) + draw(st.integers(0, 120))
        low = min(opened, close) - draw(st.integers(0, 120))
        bars.append((opened / 100, high / 100, low / 100, close / 100))
    return path(*bars)


exit_plans = st.builds(
    ExitPlan,
    atr=st.sampled_from((0.6, 1.1)),
    bar_ms=st.just(BAR),
    tp2_r=st.sampled_from((1.1, 1.5, 2.0)),
    breakeven=st.sampled_from(("cost", "entry", "half_r")),
    time_stop_bars=st.sampled_from((3, 8, 12)),
    after_tp1_ms=st.sampled_from((2 * BAR, 48 * 4 * BAR)),
    after_tp2_ms=st.sampled_from((2 * BAR, 72 * 4 * BAR)),
    absolute_ms=st.sampled_from((10 * BAR, 168 * 4 * BAR)),
)


@settings(max_examples=250, deadline=None)
@given(prices=paths(), side=st.sampled_from((1, -1)), risk=st.integers(6, 300), exits=exit_plans,
       lots=st.sampled_from((0, 0, 1, 2)))  # fmt: skip
def test_quick_walk_equals_the_position(prices: PricePath, side: int, risk: int, exits: ExitPlan, lots: int) -> None:
    stop = f"{prices.open[0] - side * risk / 100:.2f}"
    # One or two lots cannot be divided into three: tiers merge.
    instrument = make_instrument(tick=FINE.tick, step=4, min_qty=4, market_step=4, market_min_qty=4, min_notional=0)
    trade = exact(prices, side, stop, str(4 * lots or 1), exits, instrument if lots else FINE)
    ours = follow(prices, 0, terms_of_twin(trade), FEES)
    assert (ours.reason != END) == trade.over()
    if not trade.over():
        return
    position, result = trade.position, result_of(trade.position)
    assert ours.reason == position.close_reason
    assert ours.exit_ms == position.closed_ms
    assert ours.net_r == pytest.approx(result.net_r, abs=1e-6)
    assert ours.exit == pytest.approx(float(result.exit_price), abs=1e-6)
    assert ours.mfe_r == pytest.approx(position.mfe_r, abs=1e-6)
    assert ours.mae_r == pytest.approx(position.mae_r, abs=1e-6)
    assert (ours.tp1_ms, ours.tp2_ms) == (position.tp1_ms, position.tp2_ms)


def plain(side: int = 1, tp2: float | None = None, **changes: object) -> Terms:
    """100 with a stop 2 away, ATR 1, no costs."""
    exits = ExitPlan(atr=1.0, bar_ms=BAR, **changes)  # type: ignore[arg-type]
    return Terms(side, 100.0, 100 - 2.0 * side, 100 + 2.0 * side, tp2 or 100 + 4.0 * side, (0.3, 0.4, 0.3), exits)


CASES = {
    "stop wins over a target inside one bar": (((100, 105, 97, 104),), "stop", -1.0),
    "touching the stop is hitting it": (((100, 100.5, 98, 99),), "stop", -1.0),
    "an open beyond the stop exits there": (((100, 100.5, 99, 99), (97, 97.5, 96, 97)), "stop", -1.5),
    "the first target, then breakeven": (((100, 102, 99.5, 101.9), (101.9, 101.9, 99.5, 100)), "breakeven", 0.3),
    "runner locked at the first target": (
        ((100, 104, 99.5, 103.9), (103.9, 103.9, 101, 101.5)), "trail", 0.3 + 0.8 + 0.3 * 1.4,
    ),
    "a trail already passed by the close leaves at the next open": (
        ((100, 106, 99.5, 104.5), (105.5, 105.9, 105.2, 105.5)), "trail", 0.3 + 0.8 + 0.3 * 2.75,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("side", [1, -1])
def test_paths_of_the_rules(name: str, side: int) -> None:
    bars, reason, result = CASES[name]
    prices = path(*(bars if side > 0 else [(200 - o, 200 - low, 200 - h, 200 - c) for o, h, low, c in bars]))
    ended = follow(prices, 0, plain(side), FREE)
    assert ended.reason == reason
    assert ended.net_r == pytest.approx(result)


def test_funding_across_the_trade_is_charged_on_what_is_open() -> None:
    prices = path((100, 102, 99.5, 101), (101, 101.5, 100.5, 101), (101, 101, 97, 97))
    paid = follow(prices, 0, plain(), FREE, ((T0, 0.01), (T0 + BAR, 0.001), (T0 + 2 * BAR, -0.002)))
    free = follow(prices, 0, plain(), FREE)
    # At the entry itself nothing; then 0.1 % and -0.2 % of 0.7 units at 101 after the first target took 0.3.
    assert (paid.net_r - free.net_r) * 2 == pytest.approx(-0.7 * 101 * 0.001 + 0.7 * 101 * 0.002)
    assert paid.funding_r == pytest.approx(paid.net_r - free.net_r)


def test_funding_agrees_with_the_position() -> None:
    prices = path((100, 101, 99.5, 100.5), (100.5, 101, 97, 97))
    trade = exact(path((100, 101, 99.5, 100.5)), 1, "98", "1", ExitPlan(atr=1.0, bar_ms=BAR))
    amount = -Decimal("0.001") * Decimal("100.5")
    trade.position, _ = step(trade.position, FundingPaid(now_ms=T0 + BAR, amount=amount, id="f1"))
    walk_bar(trade, Bar(T0 + BAR, T0 + 2 * BAR, 100.5, 101, 97, 97))
    ours = follow(prices, 0, terms_of_twin(trade), FEES, ((T0 + BAR, 0.001),))
    assert ours.net_r == pytest.approx(result_of(trade.position).net_r, abs=1e-9)


def test_what_is_open_at_the_end_is_said_so() -> None:
    ended = follow(path((100, 101, 99.5, 100.5)), 0, plain(), FREE)
    assert ended.reason == END
    assert ended.exit == 100.5
