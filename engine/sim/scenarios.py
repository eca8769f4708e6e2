"""What the exchange can play: courses of prices, and one scripted trouble for each drill."""

from __future__ import annotations

import numpy as np

from engine.sim.bend import Course
from engine.sim.faults import KINDS
from engine.sim.path import BAR_MS

PRICES = {
    "recorded": "Six recorded weeks of eight symbols, as they were.",
    "calm": "The recorded weeks with a quarter of their swings.",
    "trend_up": "A steady rise of about a quarter percent each quarter of an hour.",
    "trend_down": "A steady fall of about a quarter percent each quarter of an hour.",
    "whipsaw": "Swings of two percent and back within the hour, going nowhere.",
    "gap_down": "A minute after the start every market opens five percent lower, with no trade between.",
    "flash_crash": "A minute after the start every market falls twelve percent in half a minute and mostly recovers.",
    "capture": "A recorded order book of BTCUSDT, played as it was, over and over.",
    "minutes": "One recorded week of six symbols, walked through minute by minute.",
}
SCENARIOS: dict[str, str] = PRICES | {kind: f"The recorded weeks; {fault.words}" for kind, fault in KINDS.items()}

DRIFT = 0.0025
WHIPSAW_MS = 4 * BAR_MS


def course(scenario: str) -> Course:
    """The course of a scenario's prices; one that is not about prices plays the recording."""
    return _COURSES.get(scenario, Course())


def _trend(rate: float) -> Course:
    def factor(ms: np.ndarray) -> np.ndarray:
        grown: np.ndarray = np.exp(rate * (ms / BAR_MS))
        return grown

    return Course(power=0.5, factor=factor)


def _whipsaw(ms: np.ndarray) -> np.ndarray:
    return np.asarray(1.0 + 0.02 * np.sin(ms * (2 * np.pi / WHIPSAW_MS)))


def _gap(ms: np.ndarray) -> np.ndarray:
    return np.asarray(np.where(ms < 60_000, 1.0, 0.95))


def _crash(ms: np.ndarray) -> np.ndarray:
    return np.asarray(np.interp(ms, [60_000, 90_000, 110_000, 400_000], [1.0, 0.88, 0.885, 0.975]))


_COURSES = {
    "calm": Course(power=0.25),
    "trend_up": _trend(DRIFT),
    "trend_down": _trend(-DRIFT),
    "whipsaw": Course(power=0.5, factor=_whipsaw),
    "gap_down": Course(factor=_gap),
    "flash_crash": Course(factor=_crash),
}
