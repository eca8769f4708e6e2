"""Strategies of the user's own: told apart, told where they failed, and never in anybody's way."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
import structlog

from engine.supervise import Failure
from engine.trading.apart import Apart
from engine.trading.user_frames import frame_of
from engine.trading.user_strategies import FAILURES_TO_REST, UserStrategies, judge, load_user_strategies
from strategies.indicators import indicators
from strategies.model import Family, MarketSnapshot, Refusal, RegimeState, Signal, State
from strategies.settings import StrategySettings
from tests.support.analysis import regime, snapshot
from tests.support.series import walk

SETTINGS = StrategySettings()
EXAMPLE = Path(__file__).parents[3] / "docs" / "examples" / "ema_pullback.py"
HEAD = "from engine.user import Condition, Proposal, Refused\nNAME = 'mine'\n"


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Tracebacks are drawn at length where no log is open, which takes seconds."""
    with structlog.testing.capture_logs():
        yield


def market(n: int = 400, seed: int = 3, direction: int = 0) -> MarketSnapshot:
    bars = {"15m": walk(seed, n)}
    state = regime(RegimeState.TREND, direction) if direction else regime()
    return snapshot(bars, {"15m": indicators(bars["15m"])}, state=state)


def loaded(tmp_path: Path, body: str, name: str = "mine.py") -> UserStrategies:
    file = tmp_path / name
    file.write_text(HEAD + body)
    found, broken = load_user_strategies([file])
    assert not broken, broken
    return UserStrategies(found, Apart("test"), call_s=30.0)


def asked(users: UserStrategies, snap: MarketSnapshot) -> tuple[Signal | Refusal, ...] | Failure:
    (strategy,) = users.due(snap)
    return asyncio.run(users.ask(strategy, snap, SETTINGS))


PROPOSES = """
def evaluate(snapshot):
    bars = snapshot.frame("15m")
    close, atr = float(bars.close.iloc[-1]), float(bars.ta.atr(length=14).iloc[-1])
    return Proposal("short", close + atr, 4.5, (Condition("always", {holds}, 1.0, "> 0"),), kind="mean_reversion",
                    notes={{"atr": atr}})
"""
CLOSE = """
def evaluate(snapshot):
    close = float(snapshot.frame("15m").close.iloc[-1])
"""


def test_a_proposal_becomes_a_signal_with_its_own_score_and_conditions(tmp_path: Path) -> None:
    snap = market()
    (signal,) = asked(loaded(tmp_path, PROPOSES.format(holds=True)), snap)
    assert isinstance(signal, Signal)
    close, atr = float(snap.bars["15m"].close[-1]), float(snap.ind["15m"].atr[-1])
    assert (signal.strategy, signal.side, signal.score, signal.family) == ("mine", -1, 4.5, Family.MEAN_REVERSION)
    assert signal.stop == pytest.approx(close + atr, rel=1e-6)  # the accessor agrees with our own ATR
    assert [(c.name, c.state, c.value) for c in signal.conditions] == [("always", State.PASSED, 1.0)]
    assert signal.evidence["atr"] == pytest.approx(atr, rel=1e-6)
    assert sum(part.points for part in signal.components) == signal.score


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (PROPOSES.format(holds=False), "fail:always"),
        (PROPOSES.format(holds=None), "absent:always"),
        (CLOSE + "    return Proposal('long', close + 1, 4.0)\n", "fail:stop_side"),
        (CLOSE + "    return Proposal('long', 0.5 * close, 4.0)\n", "fail:stop_width"),
        ("def evaluate(s):\n    return Refused('long', 'too quiet', score=1.0)\n", "own:too quiet"),
    ],
)  # fmt: skip
def test_a_proposal_that_does_not_hold_is_refused_with_its_reason(tmp_path: Path, body: str, reason: str) -> None:
    (refusal,) = asked(loaded(tmp_path, body), market())
    assert isinstance(refusal, Refusal)
    assert refusal.reason == reason


def test_nothing_to_say_is_no_verdict(tmp_path: Path) -> None:
    assert asked(loaded(tmp_path, "def evaluate(s):\n    return None\n"), market()) == ()


@pytest.mark.parametrize(
    ("body", "place", "what"),
    [
        ("def evaluate(s):\n    x = 1\n    return x / 0\n", "mine.py:5", "ZeroDivisionError"),
        ("def evaluate(s):\n    return s.frame('15m').nothing\n", "mine.py:4", "AttributeError"),
        ("def evaluate(s):\n    raise SystemExit(3)\n", "mine.py:4", "leaves the program"),
        ("def evaluate(s):\n    return 'buy'\n", "mine.py", "answered str"),
        ("def evaluate(s):\n    return Proposal('long', 'ninety', 4.0)\n", "mine.py", "Expected `float`"),
        ("def evaluate(s):\n    return Proposal('up', 90.0, 4.0)\n", "mine.py", "Invalid enum value"),
    ],
)
def test_an_error_is_told_with_its_file_and_line(tmp_path: Path, body: str, place: str, what: str) -> None:
    answer = asked(loaded(tmp_path, body), market())
    assert isinstance(answer, Failure)
    assert f"{place}: " in answer.text
    assert what in answer.text
    assert answer.name == "mine on TESTUSDT"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("NAME = 'a'\ndef evaluate(s:\n", "bad.py:2: SyntaxError"),
        ("NAME = 'a'\nimport no_such_module\n", "bad.py:2: ModuleNotFoundError"),
        ("NAME = 'a'\nraise SystemExit\n", "bad.py:2: leaves the program"),
        ("NAME = 'A b'\ndef evaluate(s): ...\n", "bad.py: NAME must be"),
        ("NAME = 'pullback'\ndef evaluate(s): ...\n", "bad.py: NAME pullback is taken"),
        ("NAME = 'a'\nTIMEFRAME = '2m'\ndef evaluate(s): ...\n", "bad.py: TIMEFRAME must be"),
        ("NAME = 'a'\nSYMBOLS = 'BTCUSDT'\ndef evaluate(s): ...\n", "bad.py: SYMBOLS must be"),
        ("NAME = 'a'\n", "bad.py: evaluate(snapshot) is missing"),
        (None, "FileNotFoundError"),
    ],
)
def test_a_file_that_cannot_be_used_costs_only_itself(tmp_path: Path, text: str | None, told: str) -> None:
    good, bad = tmp_path / "good.py", tmp_path / "bad.py"
    good.write_text("NAME = 'good'\ndef evaluate(s): ...\n")
    if text is not None:
        bad.write_text(text)
    found, broken = load_user_strategies([bad, good])
    assert [one.name for one in found] == ["good"]
    assert len(broken) == 1
    assert told in broken[0].text


def test_only_the_symbols_and_closes_it_named_are_asked(tmp_path: Path) -> None:
    users = loaded(tmp_path, "SYMBOLS = ['BTCUSDT']\ndef evaluate(s): ...\n")
    snap = market()
    assert users.due(snap) == ()
    here = msgspec.structs.replace(snap, symbol="BTCUSDT")
    assert len(users.due(here)) == 1
    assert users.due(msgspec.structs.replace(here, t_ms=here.t_ms + 900_000)) == ()


def test_one_that_keeps_failing_rests_until_the_next_close(tmp_path: Path) -> None:
    users, snap = loaded(tmp_path, "def evaluate(s):\n    return 1 / 0\n"), market()
    for _ in range(FAILURES_TO_REST):
        assert isinstance(asked(users, snap), Failure)
    assert users.due(snap) == ()
    later = market(401)
    assert len(users.due(later)) == 1


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def test_one_that_hangs_is_not_waited_for(tmp_path: Path, gate: threading.Event) -> None:
    users, snap = loaded(tmp_path, "def evaluate(s): ...\n"), market()
    (strategy,) = users.due(snap)
    stuck = msgspec.structs.replace(strategy, run=lambda _snapshot: gate.wait())
    hasty = UserStrategies([stuck], Apart("test"), call_s=0.05)

    async def twice() -> tuple[object, int]:
        answer = await hasty.ask(stuck, snap, SETTINGS)
        return answer, len(hasty.due(snap))

    answer, still_due = asyncio.run(twice())
    assert isinstance(answer, Failure)
    assert "no answer within 0.05 s" in answer.text
    assert still_due == 0


def test_frame_is_the_users_own_copy() -> None:
    candles = walk(1, 50)
    before = candles.close.copy()
    frame = frame_of(candles)
    frame["close"] = 0.0
    frame.loc[frame.index[0], "high"] = -1.0
    assert np.array_equal(candles.close, before)
    assert candles.high[0] > 0
    assert list(frame.columns) == ["open", "high", "low", "close", "volume", "taker_buy"]
    assert str(frame.index.tz) == "UTC"
    assert int(frame.index[0].timestamp() * 1000) == int(candles.open_time[0])


def test_the_documented_example_signals_on_both_sides_with_a_stop_behind_price() -> None:
    (strategy,), broken = load_user_strategies([EXAMPLE])
    assert not broken
    found: dict[int, Signal] = {}
    refused = 0
    for seed in range(120):
        for direction in (1, -1):
            snap = market(300, seed, direction)
            for verdict in judge(strategy, snap, SETTINGS):
                if isinstance(verdict, Signal):
                    found.setdefault(verdict.side, verdict)
                else:
                    refused += 1
        if len(found) == 2 and refused:
            break
    assert set(found) == {1, -1}
    assert refused > 0
    for side, signal in found.items():
        assert side * (signal.ref_close - signal.stop) > 0
        assert {c.name for c in signal.conditions} == {"turned", "rsi"}
