"""Candles: what the exchange tells is what was recorded, to the last digit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.sim.candles import INTERVALS, candles, next_open, open_time, row
from engine.sim.direct import DirectExchange
from engine.sim.minutes import Minutes, walk_minutes
from engine.sim.opening import DEFAULT_START_BAR, DEMO_SYMBOLS
from engine.sim.path import BAR_MS, VERTICES, Bar, walk
from engine.sim.symbols import DATA
from engine.sim.tape import Recording, bundled_recordings
from engine.sim.week import LAPS
from tests.support.exchange import MIDDAY_MS

RECORDINGS = bundled_recordings()


@st.composite
def bars(draw: st.DrawFn) -> Bar:
    low = draw(st.integers(1, 10**6))
    high = low + draw(st.integers(0, 10**5))
    volume = draw(st.integers(0, 10**9))
    price = st.integers(low, high)
    return Bar(draw(price), high, low, draw(price), volume, draw(st.integers(0, volume)), 1.0)


@given(bars(), st.integers(0, 2**32 - 1))
def test_a_walk_through_a_bar_sums_up_to_that_bar(bar: Bar, seed: int) -> None:
    path = walk(bar, (seed,))
    walked = path.bar(len(path.price) - 1)
    assert (walked.open, walked.high, walked.low, walked.close) == (bar.open, bar.high, bar.low, bar.close)
    assert (walked.volume, walked.taker) == (bar.volume, bar.taker)
    assert (path.qty >= 0).all()


@given(bars(), st.integers(0, 2**32 - 1))
def test_the_same_seed_walks_the_same_way(bar: Bar, seed: int) -> None:
    assert np.array_equal(walk(bar, (seed, 1)).price, walk(bar, (seed, 1)).price)


@pytest.mark.parametrize("symbol", DEMO_SYMBOLS)
def test_closed_klines_equal_the_recorded_candles(symbol: str) -> None:
    exchange = DirectExchange.open(MIDDAY_MS, (symbol,))
    exchange.subscribe(f"{symbol.lower()}@kline_15m")
    recorded = RECORDINGS[symbol]
    told = []
    for step in range(12):
        exchange.advance(MIDDAY_MS + (step + 1) * BAR_MS // 2)
        told += [event["k"] for _, event in exchange.market_events() if event["k"]["x"]]
    assert len(told) == 6
    for number, kline in enumerate(told):
        at = DEFAULT_START_BAR + number
        numbers = [float(kline[name]) for name in "ohlcv"]
        wanted = [float(getattr(recorded, name)[at]) for name in ("open", "high", "low", "close", "volume")]
        assert numbers == pytest.approx(wanted, rel=1e-12)
        if recorded.taker_buy_volume is not None:
            assert float(kline["V"]) == pytest.approx(float(recorded.taker_buy_volume[at]), abs=1e-9)
    _, rows = exchange.request("GET", "/fapi/v1/klines", {"symbol": symbol, "interval": "15m", "limit": "7"})
    for kline, cells in zip(told, rows[:-1], strict=True):
        names = ("t", "o", "h", "l", "c", "v", "T", "q", "n", "V", "Q", "B")
        assert cells == [kline[name] for name in names]


def test_history_is_long_enough_and_ends_with_the_bar_that_closed_last() -> None:
    exchange = DirectExchange.open(MIDDAY_MS, ("BTCUSDT",))
    params = {"symbol": "BTCUSDT", "interval": "15m", "limit": "1500"}
    opens: list[int] = []
    end = MIDDAY_MS
    while True:
        _, rows = exchange.request("GET", "/fapi/v1/klines", params | {"endTime": str(end)})
        if not rows:
            break
        opens = [cells[0] for cells in rows] + opens
        end = rows[0][0] - 1
    assert opens[-1] == MIDDAY_MS // BAR_MS * BAR_MS
    assert len(opens) - 1 == DEFAULT_START_BAR >= 3300
    assert set(np.diff(opens)) == {BAR_MS}


def test_taker_volume_that_was_not_recorded_follows_the_close() -> None:
    exchange = DirectExchange.open(MIDDAY_MS, ("DOTUSDT",))
    _, rows = exchange.request("GET", "/fapi/v1/klines", {"symbol": "DOTUSDT", "interval": "15m", "limit": "500"})
    for _, _, high, low, close, volume, *rest in rows[:-1]:
        share = float(rest[3]) / float(volume)
        assert 0.19 < share < 0.81
        middle = (float(high) + float(low)) / 2
        if float(close) > middle + 1e-9:
            assert share > 0.5
        elif float(close) < middle - 1e-9:
            assert share < 0.5


@pytest.mark.parametrize("interval", [name for name in INTERVALS if name not in ("1w", "1M", "3d", "1d")])
def test_every_interval_is_made_of_the_same_prices(interval: str) -> None:
    lane = DirectExchange.open(MIDDAY_MS, ("ETHUSDT",)).exchange.market.lanes["ETHUSDT"]
    length = max(INTERVALS[interval], BAR_MS)
    first = open_time(MIDDAY_MS - 3 * length, interval)
    last = open_time(MIDDAY_MS - length, interval)
    coarse = list(candles(lane, interval, first, last, MIDDAY_MS))
    fine = list(candles(lane, "1m", first, next_open(last, interval) - 1, MIDDAY_MS))
    assert coarse[0].open_ms == first
    assert coarse[0].bar.open == fine[0].bar.open
    assert coarse[-1].bar.close == fine[-1].bar.close
    assert max(each.bar.high for each in coarse) == max(each.bar.high for each in fine)
    assert min(each.bar.low for each in coarse) == min(each.bar.low for each in fine)
    assert sum(each.bar.volume for each in coarse) == sum(each.bar.volume for each in fine)
    assert sum(each.bar.taker for each in coarse) == sum(each.bar.taker for each in fine)
    assert sum(each.trades for each in coarse) == sum(each.trades for each in fine)


@pytest.mark.parametrize(
    ("interval", "at", "opens"),
    [
        ("1w", 1_767_225_600_000, 1_766_966_400_000),  # a Thursday belongs to the week of the Monday before
        ("1M", 1_767_225_600_000 - 1, 1_764_547_200_000),
        ("3d", 1_767_225_600_000 + 2 * 86_400_000, 1_767_225_600_000),
        ("4h", 1_767_225_600_000 + 5 * 3_600_000, 1_767_225_600_000 + 4 * 3_600_000),
    ],
)
def test_klines_open_where_the_calendar_says(interval: str, at: int, opens: int) -> None:
    assert open_time(at, interval) == opens


def test_the_tape_plays_again_without_a_jump() -> None:
    exchange = DirectExchange.open(MIDDAY_MS, ("BTCUSDT",))
    lane = exchange.exchange.market.lanes["BTCUSDT"]
    length = len(RECORDINGS["BTCUSDT"])
    before, after = lane.tape.bar(length - 1), lane.tape.bar(length)
    assert abs(after.open - before.close) <= 1
    assert lane.tape.bar(length + 5).volume == lane.tape.bar(5).volume


def test_the_open_bar_grows_into_the_closed_one() -> None:
    lane = DirectExchange.open(MIDDAY_MS, ("SOLUSDT",)).exchange.market.lanes["SOLUSDT"]
    bar = lane.bar_at(MIDDAY_MS)
    high, low, volume, value = 0, 1 << 60, 0, 0.0
    for second in range(0, BAR_MS, 30_000):
        forming = lane.forming(lane.opens(bar) + second)
        assert forming.high >= high
        assert forming.low <= low
        assert forming.volume >= volume
        assert forming.quote >= value
        high, low, volume, value = forming.high, forming.low, forming.volume, forming.quote
    assert lane.closed(bar, bar + 1).at(0).volume >= volume


def test_a_market_without_trades_in_a_bar_still_tells_it() -> None:
    flat = np.full(60, 100.0)
    volume = np.full(60, 5.0)
    volume[40:] = 0.0
    recordings = {"BTCUSDT": Recording(flat, flat, flat, flat, volume)}
    exchange = DirectExchange.open(MIDDAY_MS, ("BTCUSDT",), recordings=recordings, start_bar=45)
    _, rows = exchange.request("GET", "/fapi/v1/klines", {"symbol": "BTCUSDT", "interval": "15m", "limit": "3"})
    assert [cells[5] for cells in rows] == ["0.000"] * 3
    assert (
        row(
            exchange.exchange.market.lanes["BTCUSDT"].grid,
            next(candles(exchange.exchange.market.lanes["BTCUSDT"], "15m", MIDDAY_MS - BAR_MS, MIDDAY_MS, MIDDAY_MS)),
        )[4]
        == "100.00"
    )


def test_a_bar_is_made_of_one_trade_a_second() -> None:
    lane = DirectExchange.open(MIDDAY_MS, ("BTCUSDT",)).exchange.market.lanes["BTCUSDT"]
    opens = lane.opens(DEFAULT_START_BAR - 1)
    trades = lane.prints(opens - 1, opens + BAR_MS - 1)
    assert len(trades) == VERTICES
    assert [trade.id for trade in trades] == list(range(trades[0].id, trades[0].id + VERTICES))
    assert lane.trades_between(opens, opens + BAR_MS - 1) == (trades[0].id, VERTICES)


def test_the_recorded_week_is_walked_through_minute_by_minute() -> None:
    exchange = DirectExchange.open(MIDDAY_MS, ("DOGEUSDT",), "minutes")
    opens = MIDDAY_MS // BAR_MS * BAR_MS
    exchange.advance(opens + 2 * BAR_MS)
    params = {"symbol": "DOGEUSDT", "interval": "1m", "startTime": str(opens), "limit": "30"}
    _, rows = exchange.request("GET", "/fapi/v1/klines", params)
    with np.load(DATA / "candles_1m.npz") as arrays:
        first = (DEFAULT_START_BAR - (LAPS - 1) * 672) * 15  # the last lap stands at the recorded prices
        columns = [
            arrays[f"DOGEUSDT.{name}"][first : first + 30] for name in ("open", "high", "low", "close", "volume")
        ]
    for number, cells in enumerate(rows):
        assert [float(cell) for cell in cells[1:6]] == pytest.approx([float(column[number]) for column in columns])


@given(
    st.lists(st.tuples(st.integers(50, 90), st.integers(0, 9), st.integers(0, 900)), min_size=15, max_size=15),
    st.data(),
)
def test_a_walk_through_minutes_sums_up_to_each_of_them(rows: list[tuple[int, int, int]], data: st.DataObject) -> None:
    low, span, volume = (np.array(column) for column in zip(*rows, strict=True))
    minutes = Minutes(low + span // 2, low + span, low, low + span // 3, volume)
    taker = data.draw(st.integers(0, int(volume.sum())))
    bar = Bar(
        int(minutes.open[0]),
        int(minutes.high.max()),
        int(low.min()),
        int(minutes.close[-1]),
        int(volume.sum()),
        taker,
        1.0,
    )
    path = walk_minutes(bar, minutes, (1, taker))
    assert path is not None
    whole = path.bar(len(path.price) - 1)
    assert (whole.open, whole.high, whole.low, whole.close, whole.volume, whole.taker) == (
        bar.open, bar.high, bar.low, bar.close, bar.volume, bar.taker
    )  # fmt: skip
    prices, volumes = path.price.reshape(15, -1), path.qty.reshape(15, -1)
    assert np.array_equal(prices.max(axis=1), minutes.high)
    assert np.array_equal(prices.min(axis=1), minutes.low)
    assert np.array_equal(prices[:, 0], minutes.open)
    assert np.array_equal(prices[:, -1], minutes.close)
    assert np.array_equal(volumes.sum(axis=1), minutes.volume)


def test_minutes_that_do_not_make_up_their_bar_are_left_aside() -> None:
    ones = np.ones(15, dtype=np.int64)
    assert walk_minutes(Bar(1, 1, 1, 1, 16, 0, 1.0), Minutes(ones, ones, ones, ones, ones), (1,)) is None
