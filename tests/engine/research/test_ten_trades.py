"""A book of ten trades worked out by hand, matched to the cent by the quick walk and by the position itself.

Every one enters at an open of 100 with 0.1 % slippage (100.10 long, 99.90 short) and a stop 2.00 away, pays 0.05 % on
every fill, and has an ATR of 1. Breakeven after costs is 100.10 * 1.001 = 100.2001.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

import pytest

from engine.research.walk import Fees, Terms, follow
from engine.trading.booking import result_of
from engine.trading.inputs import FundingPaid
from engine.trading.paper import Bar, open_paper, walk_bar
from engine.trading.plan import Costs, ExitPlan, PositionPlan
from engine.trading.position import step
from engine.trading.position_state import RUNNER
from tests.support.laboratory import BAR, T0, path
from tests.support.trading import make_instrument, make_plan

FEES = Fees(0.0005, 0.0005, 0.001)
COSTS = Costs(taker=Decimal("0.0005"), maker=Decimal("0.0005"), slippage=Decimal("0.001"))
FINE = make_instrument(tick="0.0001", step="1", market_step="1", min_qty="1", market_min_qty="1", min_notional=0)
COARSE = make_instrument(tick="0.0001", step="5", market_step="5", min_qty="5", market_min_qty="5", min_notional=0)

Bars = tuple[tuple[float, float, float, float], ...]
CALM = (100.0, 100.4, 99.8, 100.0)


class Trade(NamedTuple):
    side: int
    bars: Bars
    reason: str
    net: str  # USDT of ten units
    exits: ExitPlan = ExitPlan(atr=1.0, bar_ms=BAR)
    funding: tuple[tuple[int, str], ...] = ()
    coarse: bool = False


BOOK = {
    # 10 * (98.10 * 0.999 - 100.10) = -20.981, fees 0.5005 + 0.4900095
    "long stopped": Trade(1, (CALM, (100, 100.3, 98.0, 98.5)), "stop", "-21.97"),
    # 10 * (99.90 - 101.90 * 1.001) = -21.019, fees 0.4995 + 0.5100095
    "short stopped": Trade(-1, ((100, 100.2, 99.7, 100), (100, 102, 99.6, 101)), "stop", "-22.03"),
    # opens at 97, leaves at 97 * 0.999 = 96.903: -31.97, fees 0.985015
    "gap through the stop": Trade(1, (CALM, (97, 99, 96.5, 98)), "stop", "-32.96"),
    # 3 * 2.00, then 7 * (100.2001 * 0.999 - 100.10) = -0.0007007; fees 1.00399965
    "first target, then breakeven": Trade(1, ((100, 102.1, 99.9, 102), (102, 102, 100.1, 100.5)), "breakeven", "5.00"),
    # 3 * 2 + 4 * 4 + 3 * (104.80 * 0.999 - 100.10) = 35.7856; the peak of 106 trails at 104.80; fees 1.0188928
    "all three tiers": Trade(
        1, ((100, 102.5, 99.9, 102.4), (102.4, 106, 102.2, 105.5), (105.5, 105.6, 104, 104.5)), "trail", "34.77",
    ),
    # targets 97.90 and 96.90; low of 95.90 trails at 97.10: 3 * 2 + 4 * 3 + 3 * (99.90 - 97.1971); fees 0.985946
    "short scalp, all tiers": Trade(
        -1, ((100, 100.1, 97.5, 97.6), (97.6, 97.7, 95.9, 96.2), (96.2, 97.5, 96, 97)), "trail", "25.12",
        ExitPlan(atr=1.0, bar_ms=BAR, tp2_r=1.5),
    ),
    # twelve bars without half an ATR of progress; the thirteenth opens at 100, leaves at 99.90: -2, fees 1.0
    "time stop": Trade(1, (CALM,) * 13, "time_stop", "-3.00"),
    # as the first, and two settlements of 0.01 % on 10 units at 100.20
    "funding across": Trade(
        1, (CALM, (100.2, 100.3, 99.8, 100.2), (100.2, 100.3, 99.8, 100), (100, 100.3, 98.0, 98.5)), "stop", "-22.17",
        funding=((T0 + BAR, "0.0001"), (T0 + 2 * BAR, "0.0001")),
    ),
    # lots of five: half at each target, nothing runs
    "merged tiers": Trade(1, ((100, 102.5, 99.9, 102.4), (102.4, 104.5, 102.2, 104)), "tp2", "28.98", coarse=True),
    # a second target below 1.2 R is dropped: 3 at the first, 7 trail from there, peak 102.50, stop 101.30
    "second target dropped": Trade(
        1, ((100, 102.5, 99.9, 102.4), (102.4, 102.4, 101, 101.5)), "trail", "12.68",
        ExitPlan(atr=1.0, bar_ms=BAR, tp2_r=1.1),
    ),
}  # fmt: skip


def plan_of(trade: Trade) -> PositionPlan:
    stop = "98.10" if trade.side > 0 else "101.90"
    plan = make_plan(trade.side, "10", stop, instrument=COARSE if trade.coarse else FINE, costs=COSTS)
    return PositionPlan(**{name: getattr(plan, name) for name in plan.__struct_fields__} | {"exits": trade.exits})


@pytest.mark.parametrize("name", BOOK)
def test_the_position_matches_the_book(name: str) -> None:
    trade, prices = BOOK[name], path(*BOOK[name].bars)
    paper = open_paper(plan_of(trade), 100.0, T0, maker_targets=False)
    for i, open_ms in enumerate(prices.open_ms):
        for at_ms, rate in trade.funding:
            if at_ms == open_ms:
                amount = -trade.side * Decimal(rate) * Decimal(str(prices.open[i])) * paper.position.exposure
                paid = FundingPaid(now_ms=at_ms, amount=amount, id=str(at_ms))
                paper.position, _ = step(paper.position, paid)
        bar = Bar(open_ms, prices.close_ms[i], prices.open[i], prices.high[i], prices.low[i], prices.close[i])
        if not paper.over():
            walk_bar(paper, bar)
    assert paper.position.close_reason == trade.reason
    assert round(result_of(paper.position).net_usdt, 2) == Decimal(trade.net)


@pytest.mark.parametrize("name", BOOK)
def test_the_quick_walk_matches_the_book(name: str) -> None:
    trade = BOOK[name]
    opened = open_paper(plan_of(trade), 100.0, T0).position
    tiers = {tier.leg: tier for tier in opened.tiers}
    shares = tuple(float(tiers[leg].quantity) / 10 for leg in ("t1", "t2", RUNNER))
    first, second = tiers["t1"].price, tiers["t2"].price
    assert first is not None
    terms = Terms(
        trade.side, float(opened.entry_price), float(opened.plan.stop), float(first),
        None if second is None else float(second), shares, trade.exits, 0.0001,
    )  # fmt: skip
    funding = tuple((at_ms, float(rate)) for at_ms, rate in trade.funding)
    ended = follow(path(*trade.bars), 0, terms, FEES, funding)
    assert ended.reason == trade.reason
    assert f"{ended.net_r * 2.0 * 10:.2f}" == trade.net


def test_the_book_adds_up() -> None:
    assert sum(Decimal(trade.net) for trade in BOOK.values()) == Decimal("4.42")
