"""Does a score of 8 win more than a 5? What scores have earned, and what a fitted score would, judged out of sample.

Fits see the first part of the days only: an isotonic curve from score to win rate, and a logistic one from the points
of the components. Everything reported as `test` comes from the later part. Nothing here changes a parameter.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import numpy as np

from engine.research.stats import DAY_MS, summary
from engine.research.trades import Trade
from strategies.action_price.params import ComponentWeights
from strategies.model import F64

TRAINED: Final = 0.6  # share of the days
RIDGE: Final = 10.0  # penalty on standardised coefficients
STEPS: Final = 50
LEAST: Final = 60


class Ablation(msgspec.Struct, frozen=True):
    """One component: its spread, how it moves with the result, and what the fit loses without it."""

    name: str
    mean_points: float
    deviation: float
    correlation: float | None  # with net R, all days
    coefficient: float  # of the logistic fit, per standard deviation
    log_loss_without: float  # test, when the component is left out
    suggested_weight: float


class Calibration(msgspec.Struct, frozen=True):
    """One strategy's scores."""

    strategy: str
    trained: int
    tested: int
    score_correlation: float | None  # of score and net R
    isotonic: tuple[tuple[float, float], ...]  # score from, win rate, fitted in sample
    reliability: tuple[tuple[float, int, float, float], ...]  # test: predicted, n, won, mean net R
    brier: dict[str, float]  # test: base rate, isotonic, logistic
    log_loss: dict[str, float]
    components: tuple[Ablation, ...]
    correlations: dict[str, float]  # pairs of components above 0.5


def calibrate(trades: Sequence[Trade], strategy: str) -> Calibration | None:
    """The calibration of one strategy; None with too few trades."""
    ours = sorted((trade for trade in trades if trade.strategy == strategy), key=lambda trade: trade.entry_ms)
    days = sorted({trade.entry_ms // DAY_MS for trade in ours})
    if len(ours) < LEAST or len(days) < 10:
        return None
    split = days[int(len(days) * TRAINED)]
    # A trade that reaches into the test days belongs to neither part.
    train = np.array([trade.exit_close_ms <= split * DAY_MS for trade in ours])
    test = np.array([trade.entry_ms >= split * DAY_MS for trade in ours])
    won = np.array([trade.won for trade in ours], dtype=np.float64)
    net = np.array([trade.r_net for trade in ours])
    score = np.array([trade.score for trade in ours])
    if train.sum() < LEAST // 2 or test.sum() < LEAST // 2 or won[train].min() == won[train].max():
        return None
    names, points = _points(ours)
    steps = isotonic(score[train], won[train])
    base = float(won[train].mean())
    fitted = _logistic(points[train], won[train])
    predicted = {
        "base rate": np.full(int(test.sum()), base),
        "isotonic": stepped(steps, score[test]),
        "logistic": fitted.predict(points[test]),
    }
    return Calibration(
        strategy=strategy, trained=int(train.sum()), tested=int(test.sum()), score_correlation=_correlation(score, net),
        isotonic=steps, reliability=_reliability(predicted["isotonic"], won[test], net[test]),
        brier={name: float(np.mean((p - won[test]) ** 2)) for name, p in predicted.items()},
        log_loss={name: _log_loss(p, won[test]) for name, p in predicted.items()},
        components=tuple(_ablations(names, points, net, won, train, test, fitted)),
        correlations=_pairs(names, points),
    )  # fmt: skip


def isotonic(score: F64, won: F64) -> tuple[tuple[float, float], ...]:
    """Pool adjacent violators: the non-decreasing steps of win rate over score that fit best."""
    levels, index = np.unique(score, return_inverse=True)
    blocks: list[list[float]] = []  # score from, sum, count
    for level, total, count in zip(levels, np.bincount(index, weights=won), np.bincount(index), strict=True):
        blocks.append([float(level), float(total), float(count)])
        while len(blocks) > 1 and blocks[-2][1] / blocks[-2][2] >= blocks[-1][1] / blocks[-1][2]:
            _, more, further = blocks.pop()
            blocks[-1][1] += more
            blocks[-1][2] += further
    return tuple((start, total / count) for start, total, count in blocks)


def stepped(steps: Sequence[tuple[float, float]], score: F64) -> F64:
    """The fitted win rate at each score; below the first step that of the first."""
    starts = np.array([start for start, _ in steps])
    values = np.array([value for _, value in steps])
    fitted: F64 = values[np.maximum(np.searchsorted(starts, score, side="right") - 1, 0)]
    return np.clip(fitted, 0.01, 0.99)


class _Fit(msgspec.Struct, frozen=True, eq=False):
    centre: F64
    spread: F64
    weights: F64  # the constant first

    def predict(self, points: F64) -> F64:
        return _sigmoid(_with_constant((points - self.centre) / self.spread) @ self.weights)


def _logistic(points: F64, won: F64) -> _Fit:
    """Ridge logistic regression by Newton's method; a component that never moves has no weight."""
    centre, spread = points.mean(axis=0), points.std(axis=0)
    spread = np.where(spread > 0, spread, np.inf)
    x = _with_constant((points - centre) / spread)
    penalty = np.full(x.shape[1], RIDGE)
    penalty[0] = 1e-9
    weights = np.zeros(x.shape[1])
    for _ in range(STEPS):
        p = _sigmoid(x @ weights)
        slope = x.T @ (won - p) - penalty * weights
        curvature = (x * (p * (1 - p))[:, None]).T @ x + np.diag(penalty)
        change = np.linalg.solve(curvature, slope)
        weights = weights + change
        if float(np.abs(change).max()) < 1e-9:
            break
    return _Fit(centre, spread, weights)


def _ablations(
    names: Sequence[str], points: F64, net: F64, won: F64, train: Any, test: Any, fitted: _Fit
) -> list[Ablation]:
    found: list[Ablation] = []
    per_point = np.where(np.isfinite(fitted.spread), fitted.weights[1:] / fitted.spread, 0.0)
    typical = float(np.abs(per_point).mean()) or 1.0
    for k, name in enumerate(names):
        without = np.delete(points, k, axis=1)
        refit = _logistic(without[train], won[train])
        found.append(
            Ablation(
                name, float(points[:, k].mean()), float(points[:, k].std()), _correlation(points[:, k], net),
                float(fitted.weights[k + 1]), _log_loss(refit.predict(without[test]), won[test]),
                round(max(0.0, min(2.0, float(per_point[k]) / typical)), 2),
            )
        )  # fmt: skip
    return found


def _points(trades: Sequence[Trade]) -> tuple[list[str], F64]:
    names = list(dict.fromkeys(name for trade in trades for name, _ in trade.points))
    rows = [dict(trade.points) for trade in trades]
    return names, np.array([[row.get(name, 0.0) for name in names] for row in rows], dtype=np.float64)


def _reliability(predicted: F64, won: F64, net: F64) -> tuple[tuple[float, int, float, float], ...]:
    return tuple(
        (float(value), int(mask.sum()), float(won[mask].mean()), float(net[mask].mean()))
        for value in np.unique(predicted)
        if (mask := predicted == value).any()
    )


def _pairs(names: Sequence[str], points: F64) -> dict[str, float]:
    found: dict[str, float] = {}
    for i, first in enumerate(names):
        for j in range(i + 1, len(names)):
            value = _correlation(points[:, i], points[:, j])
            if value is not None and abs(value) > 0.5:
                found[f"{first} / {names[j]}"] = value
    return found


def _correlation(a: F64, b: F64) -> float | None:
    if len(a) < 3 or a.std() == 0 or b.std() == 0:
        return None
    return float(np.corrcoef(a, b)[0, 1])


def _sigmoid(x: F64) -> F64:
    return 1.0 / (1.0 + np.exp(-np.clip(x, -30, 30)))


def _with_constant(x: F64) -> F64:
    return np.column_stack((np.ones(len(x)), x))


def _log_loss(p: F64, won: F64) -> float:
    p = np.clip(p, 1e-6, 1 - 1e-6)
    return float(-np.mean(won * np.log(p) + (1 - won) * np.log(1 - p)))


def weights_file(found: Calibration) -> dict[str, Any]:
    """Suggested factors of Action Price as a settings file; whoever wants them names the file, nothing loads it."""
    known = ComponentWeights.__struct_fields__
    weights = {one.name: one.suggested_weight for one in found.components if one.name in known}
    return {"strategies": {"action_price": {"weights": weights}}}


def score_groups(trades: Sequence[Trade]) -> dict[str, Any]:
    """Figures by whole score, for the page."""
    groups: dict[int, list[Trade]] = {}
    for trade in trades:
        groups.setdefault(int(np.floor(trade.score)), []).append(trade)
    return {str(key): summary(groups[key]).row() for key in sorted(groups)}
