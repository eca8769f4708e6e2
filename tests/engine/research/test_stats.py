"""Figures by the definitions of the rules, and intervals that know that a day's trades hang together."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from config.schema import RiskSettings
from engine.research.calibration import calibrate, isotonic, weights_file
from engine.research.measured import buckets_of
from engine.research.portfolio import allowed
from engine.research.stats import DAY_MS, drawdown_r, most_open, summary
from engine.research.trades import Trade
from engine.research.walkforward import walk_forward
from strategies.action_price.params import ComponentWeights

T0 = 20_000 * DAY_MS
BAR = 900_000


def trade(day: float = 0.0, r: float = 1.0, **changes: Any) -> Trade:
    """Entered `day` days after the start, four bars long."""
    at_ms = T0 + int(day * 96) * BAR
    values: dict[str, Any] = {
        "symbol": "AAAUSDT", "strategy": "action_price", "variant": "immediate", "side": 1, "signal_ms": at_ms,
        "entry_ms": at_ms, "exit_ms": at_ms + 4 * BAR, "entry": 100.0, "stop": 99.0, "exit": 100.0 + r, "r_net": r,
        "r_gross": r + 0.1, "costs_r": 0.1, "funding_r": 0.0, "reason": "stop", "score": 5.0, "mode": "SCALP",
        "regime": "TREND", "atr": 1.0, "mfe_r": 1.0, "mae_r": -1.0, "tp1_ms": 0, "tp2_ms": 0,
        "exit_close_ms": at_ms + 5 * BAR,
    }  # fmt: skip
    return Trade(**values | changes)


def test_win_scratch_and_loss() -> None:
    found = summary([trade(k, r) for k, r in enumerate((0.06, 0.05, -0.05, -0.06, 2.0))])
    assert (found.wins, found.scratches, found.losses) == (2, 2, 1)
    assert found.win_rate == pytest.approx(0.4)
    assert found.profit_factor == pytest.approx(2.11 / 0.11)
    assert found.expectancy_ci95 is None  # fewer than 30


def test_nothing_is_none_not_zero() -> None:
    empty = summary([])
    assert (empty.win_rate, empty.profit_factor, empty.expectancy_r) == (None, None, None)
    assert summary([trade()]).profit_factor is None  # no loss


def test_drawdown_runs_over_exits_from_the_start() -> None:
    results = [(0, -2.0), (1, 3.0), (2, -1.5), (3, -1.0), (4, 4.0)]
    assert drawdown_r([trade(day, r) for day, r in reversed(results)]) == pytest.approx(2.5)
    assert drawdown_r([trade(0, -2.0)]) == pytest.approx(2.0)


def test_intervals_are_wider_when_days_hang_together() -> None:
    rng = np.random.default_rng(5)
    alone = [trade(k, float(r)) for k, r in enumerate(rng.choice((-1.0, 1.1), 400))]
    days = rng.choice((-1.0, 1.1), 20)
    together = [trade(k // 20 + k % 20 / 50, float(days[k // 20])) for k in range(400)]
    narrow, wide = summary(alone).expectancy_ci95, summary(together).expectancy_ci95
    assert narrow is not None
    assert wide is not None
    assert wide[1] - wide[0] > 2.5 * (narrow[1] - narrow[0])


def test_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(9)
    covered = 0
    for _ in range(60):
        found = summary([trade(k, float(r)) for k, r in enumerate(rng.normal(0.2, 1.0, 60))]).expectancy_ci95
        assert found is not None
        covered += found[0] <= 0.2 <= found[1]
    assert covered >= 51


def test_most_open_lets_one_make_room_for_the_next() -> None:
    first = trade(0)
    next_ = trade(0, entry_ms=first.exit_ms, exit_ms=first.exit_ms + BAR)
    assert most_open([first, next_]) == 1
    assert most_open([first, trade(0), trade(0)]) == 3


LIMITS = RiskSettings(risk_pct=1.0, scalp_risk_pct=1.0, max_open_risk_pct=50.0, max_open=3, max_same_side=2,
                      max_daily_loss_pct=3.0, max_weekly_loss_pct=5.0)  # fmt: skip


@pytest.mark.parametrize(
    ("trades", "taken", "reason"),
    [
        ([trade(0), trade(0.01)], 1, "symbol_open"),
        ([trade(0, symbol=f"S{k}", side=1 - 2 * (k % 2)) for k in range(4)], 3, "max_open"),
        ([trade(0, symbol=f"S{k}") for k in range(3)], 2, "max_same_side"),
        ([trade(k / 10, -1.0) for k in range(4)], 3, "daily_loss"),
        ([trade(3 + day + k / 10, -1.0) for day in range(4) for k in range(2)], 5, "weekly_loss"),
    ],
)
def test_limits_of_an_account(trades: list[Trade], taken: int, reason: str) -> None:
    found, refused = allowed(trades, LIMITS)
    assert len(found) == taken
    assert list(refused) == [reason]


def test_a_trade_past_its_first_target_risks_nothing_more() -> None:
    limits = msgspec.structs.replace(LIMITS, max_open_risk_pct=1.0)
    long_ = trade(0, exit_ms=T0 + 96 * BAR)
    assert len(allowed([long_, trade(0.5, symbol="B")], limits)[0]) == 1
    safe = msgspec.structs.replace(long_, tp1_ms=T0 + BAR)
    assert len(allowed([safe, trade(0.5, symbol="B")], limits)[0]) == 2


def test_isotonic_never_falls_and_keeps_the_mean() -> None:
    score = np.array([1.0, 2, 3, 4, 5, 6] * 10)
    won = (np.arange(60) * 7919 % 10 < score + 1).astype(float)
    steps = isotonic(score, won)
    values = [value for _, value in steps]
    assert values == sorted(values)
    fitted = [next(value for start, value in reversed(steps) if start <= one) for one in score]
    assert np.mean(fitted) == pytest.approx(won.mean())


def test_a_score_that_ranks_is_recognised_and_one_that_does_not_is_not() -> None:
    rng = np.random.default_rng(2)
    good, noise = [], []
    for k in range(600):
        score = float(rng.integers(3, 10))
        points = (("depth", score - 3), ("colour", float(rng.integers(0, 2))))
        chance = 0.2 + 0.08 * (score - 3)
        good.append(trade(k / 3, 1.0 if rng.random() < chance else -1.0, score=score, points=points))
        noise.append(trade(k / 3, 1.0 if rng.random() < 0.5 else -1.0, score=score, points=points))
    found, random = calibrate(good, "action_price"), calibrate(noise, "action_price")
    assert found is not None
    assert random is not None
    assert found.log_loss["isotonic"] < found.log_loss["base rate"] - 0.02
    assert random.log_loss["logistic"] > random.log_loss["base rate"] - 0.02
    weights = {one.name: one.suggested_weight for one in found.components}
    assert weights["depth"] > 2 * weights["colour"]
    assert calibrate(good[:20], "action_price") is None


def test_suggested_weights_are_settings_that_load() -> None:
    rng = np.random.default_rng(4)
    trades = []
    for k in range(300):
        points = (("confirm_depth", float(rng.integers(-2, 3))), ("retest_tag", 2.0 * (k % 2)), ("volume", 0.0))
        won = rng.random() < 0.4 + 0.1 * points[0][1]
        trades.append(trade(k / 3, 1.0 if won else -1.0, points=points))
    found = calibrate(trades, "action_price")
    assert found is not None
    weights = weights_file(found)["strategies"]["action_price"]["weights"]
    assert weights.keys() == {"confirm_depth", "retest_tag"}  # gates are not components
    assert msgspec.convert(weights, ComponentWeights).confirm_depth > 0.5


def test_groups_beside_signals_have_enough_trades() -> None:
    trades = [trade(k / 2, 1.0 if k % 2 else -1.0, score=4.0 + k % 3) for k in range(120)]
    found = buckets_of(trades)
    assert found
    assert all(bucket.n >= 30 for bucket in found)
    assert found[0].regime == "TREND"  # the nearer group is asked first
    assert sum(bucket.n for bucket in found if not bucket.regime) == 120


def test_walk_forward_chooses_by_the_past_only() -> None:
    """The second setting wins in the first half and loses in the second: the past prefers it, the test shows it."""
    days = np.arange(0, 400, 0.5)
    steady = [trade(day, 0.1 if k % 2 else -0.05) for k, day in enumerate(days)]
    fading = [trade(day, (0.5 if day < 200 else -0.5) + (0.1 if k % 2 else -0.1)) for k, day in enumerate(days)]
    found = walk_forward([{"a": 1}, {"a": 2}], [steady, fading], folds=4, embargo_days=7)
    assert found.trials == 2
    assert found.folds[0].chosen == {"a": 2}
    assert found.joined.expectancy_r is not None
    assert found.joined.expectancy_r < 0 < (found.unchosen.expectancy_r or 0)


def test_walk_forward_purges_and_embargoes() -> None:
    trades = [trade(day, 0.1) for day in np.arange(0, 400, 0.5)]
    lasting = msgspec.structs.replace(trades[250], r_net=1e6, exit_close_ms=T0 + 300 * DAY_MS)
    found = walk_forward([{}], [[*trades[:250], lasting, *trades[251:]]], folds=2, embargo_days=10)
    for fold in found.folds:
        assert fold.trained.expectancy_r == pytest.approx(0.1)
        assert fold.train_to < fold.test_from
