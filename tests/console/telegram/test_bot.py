"""The real library against a local Bot API: who is heard, what is sent, and that trouble loses and doubles nothing."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping

import pytest

from console.telegram.bot import BotOptions, TelegramSeat
from console.telegram.commands import COMMANDS
from console.telegram.guests import Guests
from engine.port.commands import AnyCommand, ApproveSignal, Done, Flatten, Pause, Query, Refused, RejectSignal, Reply
from engine.port.notices import AnyNotice, EntryFilled, SignalRaised, TierTaken
from engine.port.views import AnyView
from tests.support.bot_api import TOKEN, BotApi, broken, too_many
from tests.support.memory_outbox import MemoryOutbox

SIGNAL = {
    "id": "s1",
    "symbol": "币安人生USDT",
    "side": "long",
    "strategy": "action_price",
    "mode": "SCALP",
    "timeframe": "15m",
    "score": 4.0,
    "regime": "TREND",
    "entry": "1.2",
    "stop": "1.1",
    "stop_source": "initiator",
    "tp1": "1.3",
    "tp2": "1.35",
    "expires_ms": 900_000,
    "bar_time": 1,
    "zone_arm": "v2",
    "components": [{"name": "confirm_depth", "input": 0.4, "points": 1.0}],
    "modifiers": [],
    "conditions": [{"name": "room", "state": "passed", "value": 2.0, "need": ">= 1.2 R"}],
    "flips": [],
    "state": "pending",
}
ROW = {
    "name": "all",
    "trades": 3,
    "wins": 1,
    "losses": 1,
    "scratches": 1,
    "win_rate": 0.33,
    "profit_factor": 1.1,
    "expectancy_r": 0.1,
    "net_r": 0.3,
    "mfe_r": 1.0,
    "mae_r": -0.4,
    "max_drawdown_r": 1.0,
    "net_usdt": "3",
    "exits": {"stop": 1},
}
ANSWERS = {
    "signal": SIGNAL,
    "card": {**SIGNAL, "measured": "unmeasured", "zone_below": None, "zone_above": None},
    "vitals": {
        "version": "1",
        "venue": "sim",
        "mode": "approve",
        "account": "main",
        "state": "RUNNING",
        "desk": "running",
        "desk_reason": "",
        "uptime_s": 60,
        "symbols_active": 8,
        "symbols_failed": 0,
        "symbols_loading": 0,
        "signals_pending": 1,
        "positions_open": 0,
        "open_risk_r": 0.0,
        "day_r": 0.0,
        "weight_used": 1,
        "weight_limit": 2400,
        "last_cycle_ms": None,
        "last_cycle_took_ms": None,
        "btc_change_pct": None,
        "btc_blocks_reversion": False,
        "strategies": ["action_price"],
        "reconciled": True,
        "corrected": 0,
        "disagreeing": 0,
        "alarms": [],
        "blocks": [],
        "cooldowns": {},
    },
    "latency": {"stream_age_p50_ms": 1.0, "cycle": None},
    "zone_engine": {
        "provider": "v2",
        "watched": 8,
        "origins": {"v2": 1},
        "zones": 1,
        "symbols": {"BTCUSDT": 1},
        "by_kind": {"SUPPORT": 1},
        "by_grade": {"A": 1},
        "by_state": {"FRESH": 1},
    },
    "zone_arms": {"days": "30", "compared": {}, "arms": []},
    "status": {
        "venue": "sim",
        "mode": "approve",
        "state": "RUNNING",
        "loop_lag_p99_ms": 1,
        "loop_lag_max_ms_10s": 2,
        "heartbeat_age_ms": 0,
        "now_ms": 0,
        "books_synced": 1,
        "weight_used": 3,
        "speed": 1.0,
    },
    "regimes": {"counts": {"TREND": 3}, "btc": None},
    "strategies": [],
    "performance": {**ROW, "open": 1},
    "stats": [ROW],
    "ap_stats": {"total": ROW, "by_mode": [ROW], "by_score": [ROW]},
    "closed": [],
    "by_regime": [ROW],
    "by_confluence": [ROW],
    "validate": [],
    "zones": {"symbol": "BTCUSDT", "zones": []},
    "symbols": ["BTCUSDT"],
    "signals": [SIGNAL],
    "notices": [{"at_ms": 1, "text": "a < b"}],
    "period": {
        "days": "7",
        "total": ROW,
        "by_strategy": [ROW],
        "by_regime": [],
        "by_hour": [],
        "equity_r": [],
        "fees_usdt": "1",
        "funding_usdt": "0",
        "incidents": [],
        "incident_counts": {},
    },
}


class Port:
    """Answers queries from a table and remembers what was asked for."""

    def __init__(self) -> None:
        self.asked: list[AnyCommand] = []
        self.reply: Reply = Done("done so")
        self.news: asyncio.Queue[AnyNotice] = asyncio.Queue()

    async def submit(self, command: AnyCommand) -> Reply:
        if isinstance(command, Query):
            value = ANSWERS.get(command.what)
            return Refused("unknown", "nobody knows") if value is None else Done(data=json.dumps(value).encode())
        self.asked.append(command)
        return self.reply

    async def watch(
        self, topic: str, max_hz: float = 4.0, args: Mapping[str, str] | None = None
    ) -> AsyncIterator[AnyView]:
        raise ConnectionError(topic)
        yield

    async def notices(self, after: int = 0) -> AsyncIterator[AnyNotice]:
        while True:
            yield await self.news.get()


class Stage:
    def __init__(self, api: BotApi) -> None:
        self.api, self.port, self.outbox = api, Port(), MemoryOutbox()
        self.states: list[str] = []
        self.shelf = b""
        self.guests = Guests((1,), (2,), b"", lambda value: setattr(self, "shelf", value), lambda: 0)
        self.seat = TelegramSeat(
            self.port, BotOptions(TOKEN, api.url, "main"), self.guests, self.outbox, time.monotonic,
            lambda: round(time.monotonic() * 1000), self.states.append,
        )  # fmt: skip

    async def until(self, what: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not what():  # noqa: ASYNC110 - the other side is a server, it sets no event of ours
                await asyncio.sleep(0.01)

    async def raise_signal(self) -> None:
        notice = SignalRaised(
            seq=1, at_ms=0, severity="good", text="raised", symbol="X", signal_id="s1", score=4.0, expires_ms=900_000
        )
        self.port.news.put_nowait(notice)
        await self.until(lambda: len(self.api.texts(1)) >= 1 and len(self.api.texts(2)) >= 1)


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    api = BotApi()
    await api.start()
    made = Stage(api)
    running = asyncio.create_task(made.seat.run())
    yield made
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await api.close()


READS = [name for name, command in COMMANDS.items() if not command.control]


@pytest.mark.parametrize("name", READS)
async def test_every_reading_command_has_a_real_answer(stage: Stage, name: str) -> None:
    stage.api.says(f"/{name}", user=2)
    await stage.until(lambda: bool(stage.api.sent))
    assert stage.api.sent[0]["text"]
    assert "unknown command" not in stage.api.sent[0]["text"]


async def test_stranger_gets_no_answer_and_is_counted(stage: Stage) -> None:
    stage.api.says("/status", user=99)
    stage.api.presses("a:s1:000000", user=99)
    stage.api.says("/status", user=1)
    await stage.until(lambda: bool(stage.api.texts(1)))
    assert stage.api.texts(99) == []
    assert stage.guests.strangers == 2
    assert stage.port.asked == []


async def test_reader_may_look_but_not_command(stage: Stage) -> None:
    stage.api.says("/pause 5", user=2)
    await stage.until(lambda: bool(stage.api.sent))
    assert "only operators" in stage.api.texts(2)[0]
    assert stage.port.asked == []


async def test_pairing_code_from_the_screen_lets_a_person_in(stage: Stage) -> None:
    stage.api.says("/pair 00000000", user=50)
    stage.api.says(f"/pair {stage.guests.new_code('reader')}", user=50)
    await stage.until(lambda: bool(stage.api.texts(50)))
    assert "paired as reader" in stage.api.texts(50)[0]
    stage.api.says("/status", user=50)
    await stage.until(lambda: len(stage.api.texts(50)) == 2)


async def test_control_command_asks_back_and_acts_once(stage: Stage) -> None:
    stage.api.says("/pause 30", user=1)
    await stage.until(lambda: bool(stage.api.sent))
    data = stage.api.button("yes, pause")
    assert stage.port.asked == []
    stage.api.presses(data)
    stage.api.presses(data)
    await stage.until(lambda: len(stage.api.answers) == 2)
    (command,) = stage.port.asked
    assert isinstance(command, Pause)
    assert command.for_s == 1800
    assert command.actor == "telegram:1"
    assert "too late" in stage.api.answers[1]


async def test_another_operator_cannot_press_my_confirmation(stage: Stage) -> None:
    stage.guests._named[3] = "operator"
    stage.api.says("/halt", user=1)
    await stage.until(lambda: bool(stage.api.sent))
    stage.api.presses(stage.api.button("yes, halt"), user=3)
    await stage.until(lambda: bool(stage.api.answers))
    assert stage.port.asked == []


async def test_flatten_wants_the_account_typed(stage: Stage) -> None:
    stage.api.says("/flatten", user=1)
    await stage.until(lambda: len(stage.api.sent) == 1)
    assert "/flatten main" in stage.api.texts(1)[0]
    stage.api.says("/flatten main", user=1)
    await stage.until(lambda: bool(stage.port.asked))
    (command,) = stage.port.asked
    assert isinstance(command, Flatten)
    assert command.confirm == "main"


async def test_signal_card_grows_through_its_life_in_one_message(stage: Stage) -> None:
    await stage.raise_signal()
    assert "币安人生USDT" in stage.api.texts(1)[0]
    stage.port.news.put_nowait(
        EntryFilled(seq=2, at_ms=0, severity="good", text="entry at 1.2", signal_id="s1", price="1.2", quantity="3")
    )
    stage.port.news.put_nowait(
        TierTaken(seq=3, at_ms=0, severity="good", text="target 1 taken", signal_id="s1", tier=1, price="1.3", r=1.0)
    )
    await stage.until(lambda: "target 1 taken" in stage.api.texts(1)[0])
    assert len(stage.api.texts(1)) == 1
    assert "entry at 1.2" in stage.api.texts(1)[0]


async def test_approve_button_is_one_command_however_often_it_is_delivered(stage: Stage) -> None:
    await stage.raise_signal()
    data = stage.api.button("approve")
    stage.api.presses(data, query_id="same")
    stage.api.presses(data, query_id="same")
    await stage.until(lambda: len(stage.api.answers) == 2)
    ids = {command.id for command in stage.port.asked}
    assert ids == {"telegram-same"}
    assert all(isinstance(command, ApproveSignal) and command.signal_id == "s1" for command in stage.port.asked)


async def test_loser_of_a_race_is_told_what_happened(stage: Stage) -> None:
    await stage.raise_signal()
    stage.port.reply = Refused("AlreadyDecided", "s1 is approved by console:alice")
    stage.api.presses(stage.api.button("approve"))
    await stage.until(lambda: bool(stage.api.answers))
    assert stage.api.answers == ["refused: 币安人生USDT long is approved by console:alice"]


async def test_reject_why_and_expired_buttons(stage: Stage) -> None:
    await stage.raise_signal()
    stage.api.presses(stage.api.button("reject"))
    await stage.until(lambda: len(stage.api.answers) == 1)
    assert isinstance(stage.port.asked[0], RejectSignal)
    stage.api.presses(stage.api.button("why"))
    await stage.until(lambda: any("confirm_depth" in text for text in stage.api.texts(1)))
    stage.api.presses("a:s1:wrong0")
    stage.api.presses("a:gone:000000")
    stage.api.presses("nonsense")
    await stage.until(lambda: len(stage.api.answers) == 5)
    assert len(stage.port.asked) == 1


async def test_trouble_on_the_way_loses_nothing_and_doubles_nothing(stage: Stage) -> None:
    stage.api.trouble.extend([broken(), too_many(1), None])
    stage.port.news.put_nowait(
        EntryFilled(seq=5, at_ms=0, severity="good", text="only once", signal_id="x", price="1", quantity="1")
    )
    await stage.until(lambda: any("only once" in text for text in stage.api.texts(1)))
    await stage.until(lambda: any("only once" in text for text in stage.api.texts(2)))
    assert sum("only once" in text for text in stage.api.texts()) == 2


async def test_second_poller_is_an_alarm_and_messages_still_go_out(stage: Stage) -> None:
    stage.api.polling = False
    await stage.until(lambda: "another instance polls this bot" in stage.states)
    stage.port.news.put_nowait(
        EntryFilled(seq=6, at_ms=0, severity="good", text="still told", signal_id="y", price="1", quantity="1")
    )
    await stage.until(lambda: any("still told" in text for text in stage.api.texts(1)))
