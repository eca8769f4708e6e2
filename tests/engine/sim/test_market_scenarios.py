"""Scenarios and hands on the market: what moves, how, and that it does so again for the same seed."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from engine.sim.clockwork import HandClock
from engine.sim.direct import DirectExchange
from engine.sim.exchange import Exchange
from engine.sim.opening import DEMO_SYMBOLS, contracts_of, open_market
from engine.sim.path import BAR_MS
from engine.sim.scenarios import PRICES, SCENARIOS
from engine.sim.tape import bundled_recordings
from tests.support.exchange import MIDDAY_MS


def prices(scenario: str, seed: int = 7, until_ms: int = 8 * BAR_MS, step_ms: int = 20_000) -> list[int]:
    lane = DirectExchange.open(MIDDAY_MS, ("BTCUSDT",), scenario, seed).exchange.market.lanes["BTCUSDT"]
    return [lane.last(MIDDAY_MS + at) for at in range(0, until_ms, step_ms)]


@pytest.mark.parametrize("scenario", PRICES)
def test_same_seed_and_scenario_give_the_same_prices(scenario: str) -> None:
    assert prices(scenario) == prices(scenario)


def test_same_seed_scenario_and_orders_give_the_same_fills_and_ids() -> None:
    def trade() -> tuple[object, object]:
        exchange = DirectExchange.open(MIDDAY_MS, ("BTCUSDT",), "whipsaw", 5)
        order = {"symbol": "BTCUSDT", "type": "MARKET", "quantity": "1.2"}
        for step, side in enumerate(("BUY", "SELL", "SELL", "BUY")):
            exchange.advance(MIDDAY_MS + step * 7_300)
            assert exchange.request("POST", "/fapi/v1/order", order | {"side": side})[0] == 200
        exchange.advance(MIDDAY_MS + BAR_MS)
        return exchange.private_events(), exchange.request("GET", "/fapi/v1/userTrades", {"symbol": "BTCUSDT"})

    first, again = trade(), trade()
    assert first == again
    assert len(first[0]) > 8  # type: ignore[arg-type]


def test_another_seed_walks_another_way() -> None:
    assert prices("recorded", 7) != prices("recorded", 8)


SHAPES: dict[str, Callable[[list[int]], bool]] = {
    "trend_up": lambda p: p[-1] > p[0] * 1.015,
    "trend_down": lambda p: p[-1] < p[0] * 0.985,
    "gap_down": lambda p: min(p[4:60]) < max(p[4:60]) < p[2] * 0.965 and p[4] < p[2] * 0.96,
    "flash_crash": lambda p: min(p) < p[0] * 0.9 and p[40] > p[0] * 0.95,
    "whipsaw": lambda p: max(p) > p[0] * 1.012 and min(p) < p[0] * 0.988,
}


@pytest.mark.parametrize("scenario", SHAPES)
def test_a_scenario_does_what_it_says(scenario: str) -> None:
    assert SHAPES[scenario](prices(scenario))


def test_calm_has_a_quarter_of_the_swings() -> None:
    recorded, calm = prices("recorded"), prices("calm")
    ratio = (max(calm) / min(calm) - 1) / (max(recorded) / min(recorded) - 1)
    assert 0.2 < ratio < 0.3


@pytest.mark.parametrize("scenario", [*PRICES])
def test_klines_of_every_scenario_are_made_of_its_trades(scenario: str) -> None:
    exchange = DirectExchange.open(MIDDAY_MS, ("ETHUSDT",), scenario)
    lane = exchange.exchange.market.lanes["ETHUSDT"]
    exchange.advance(MIDDAY_MS + 3 * BAR_MS)
    first = lane.bar_at(MIDDAY_MS)
    closed = lane.closed(first - 1, first + 3)
    for number in range(len(closed)):
        opens = lane.opens(first - 1 + number)
        traded = lane.prints(opens - 1, opens + BAR_MS - 1)
        bar = closed.at(number)
        at = [trade.price for trade in traded]
        assert (at[0], max(at), min(at), at[-1]) == (bar.open, bar.high, bar.low, bar.close)
        assert sum(trade.qty for trade in traded) == bar.volume
        assert sum(trade.qty for trade in traded if trade.buy) == bar.taker
    assert closed.at(1).open == pytest.approx(closed.at(0).close, rel=0.003)


def test_a_market_moved_by_hand_stands_there_and_its_bar_shows_it() -> None:
    exchange = DirectExchange.open(MIDDAY_MS, ("BTCUSDT", "ETHUSDT"))
    market = exchange.exchange.market
    before, other = market.last("BTCUSDT"), market.last("ETHUSDT")
    target = (before * Decimal("1.04")).quantize(Decimal("0.1"))
    exchange.fault("price", symbol="BTCUSDT", price=str(target))
    assert market.last("BTCUSDT") == market.mark("BTCUSDT") == target
    assert market.last("ETHUSDT") == other
    _, ticker = exchange.request("GET", "/fapi/v1/ticker/bookTicker", {"symbol": "BTCUSDT"})
    assert Decimal(ticker["bidPrice"]) <= target <= Decimal(ticker["askPrice"])
    exchange.advance(MIDDAY_MS + 2 * BAR_MS)
    _, rows = exchange.request("GET", "/fapi/v1/klines", {"symbol": "BTCUSDT", "interval": "15m", "limit": "3"})
    assert Decimal(rows[0][2]) >= target > Decimal(rows[0][1])
    assert Decimal(rows[1][1]) > before * Decimal("1.03")
    trades = market.lanes["BTCUSDT"].prints(MIDDAY_MS - 60_000, MIDDAY_MS + 60_000)
    assert [trade.id for trade in trades] == list(range(trades[0].id, trades[0].id + len(trades)))


def test_every_symbol_of_the_listing_has_a_price_on_its_grid() -> None:
    recordings = bundled_recordings()
    contracts = contracts_of(("all",), recordings)
    market = open_market(contracts, recordings, "recorded", 7, MIDDAY_MS)
    assert len([c for c in contracts.values() if c.rules.status == "TRADING"]) >= 500
    assert set(DEMO_SYMBOLS) <= set(contracts)
    for symbol, contract in contracts.items():
        last, rules = market.last(symbol), contract.rules
        assert rules.min_price <= last <= rules.max_price
        assert last % rules.tick == 0
        bid, ask = market.best(symbol)
        assert bid < ask
        assert market.brackets(symbol)[0]["notionalFloor"] == 0


def test_a_derived_symbol_keeps_its_history_without_gaps() -> None:
    exchange = DirectExchange.open(MIDDAY_MS, ("1000PEPEUSDT",))
    _, rows = exchange.request("GET", "/fapi/v1/klines", {"symbol": "1000PEPEUSDT", "interval": "15m", "limit": "1500"})
    assert len(rows) == 1500
    assert all(
        float(r[3]) <= min(float(r[1]), float(r[4])) <= max(float(r[1]), float(r[4])) <= float(r[2]) for r in rows
    )
    assert all(0 <= float(r[9]) <= float(r[5]) for r in rows)


def test_accounts_hear_of_both_extremes_of_a_bar_they_trade_in() -> None:
    recordings = bundled_recordings()
    market = open_market(contracts_of(("BTCUSDT", "ETHUSDT"), recordings), recordings, "recorded", 7, MIDDAY_MS)
    exchange = Exchange(market, HandClock(MIDDAY_MS), 7)
    heard: list[Decimal] = []
    plain = exchange.account.on_price

    def listen(symbol: str, last: Decimal, mark: Decimal, now_ms: int) -> None:
        assert (symbol, last) == ("BTCUSDT", mark)
        heard.append(last)
        plain(symbol, last, mark, now_ms)

    exchange.account.on_price = listen  # type: ignore[method-assign]
    market.trade("BTCUSDT")
    lane = market.lanes["BTCUSDT"]
    opens = lane.opens(lane.bar_at(MIDDAY_MS) + 1)
    market.advance(opens - 1)
    heard.clear()
    market.advance(opens + BAR_MS - 1)
    bar = lane.closed(lane.bar_at(opens), lane.bar_at(opens) + 1).at(0)
    assert (max(heard), min(heard)) == (lane.grid.price(bar.high), lane.grid.price(bar.low))


def test_scenarios_are_listed_with_one_for_each_drill() -> None:
    assert list(SCENARIOS)[:8] == [
        "recorded", "calm", "trend_up", "trend_down", "whipsaw", "gap_down", "flash_crash", "capture",
    ]  # fmt: skip
    assert {"depth_gap", "banned", "liquidation", "fill_before_ack"} <= set(SCENARIOS)
    assert all(SCENARIOS.values())
