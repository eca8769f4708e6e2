"""A recorded session on the same screen: the frames of that time, the pace, jumps, and nothing that can be sent."""

from __future__ import annotations

import asyncio
import gzip
import io
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from textual.pilot import Pilot

from console.app import PerpdeckApp
from console.options import ConsoleOptions
from console.replay import ReplayPort
from engine.clock import VirtualClock, run_virtual
from engine.desk.notice_log import NoticeLog
from engine.desk.recorder import Recorder
from engine.desk.topics import Topics
from engine.port import commands as ask
from engine.port.notices import Degraded, EngineStarted
from engine.port.recording import Recording
from tests.support import console_views as views
from tests.support.frames import Hand, console, settle, text_frame, until

START_MS = views.NOW_MS
MINUTE_MS = 60_000
LENGTH_S = 180.0
IDS = {"id": "c1", "actor": "console:ann"}


def shown(topic: str, at_ms: int, args: Mapping[str, str]) -> Any:
    """A desk that changes: each minute another score, mark and ladder."""
    minute = (at_ms - START_MS) // MINUTE_MS
    symbol = args.get("symbol", "BTCUSDT")
    match topic:
        case "health":
            return views.health(at_ms, day_r=0.25 * minute, positions_open=int(minute))
        case "signals":
            kept = views.signals(at_ms)
            first = replace(kept.rows[0], score=4.0 + minute, revision=int(minute))
            return replace(kept, rows=(first, *kept.rows[1:]))
        case "positions":
            return views.positions(at_ms, rows=(views.position(mark=f"{3100 + minute}.00", r_now=0.1 * minute),))
        case "book":
            return views.book(at_ms, beat=int(minute) * 7, symbol=symbol)
        case "regime":
            view = views.regime(at_ms)
            return replace(view, focus=replace(view.focus, symbol=symbol))
        case "chart":
            return replace(views.chart(at_ms), symbol=symbol, timeframe=args.get("tf", "15m"))
        case "breakdown":
            view = views.breakdown(at_ms)
            return replace(view, signal=replace(view.signal, id=args.get("signal_id", "s1")))
    return {"limits": views.limits, "performance": views.performance}[topic](at_ms)


TOPICS = ("health", "signals", "positions", "book", "regime", "chart", "breakdown", "limits", "performance")


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Three minutes of that desk, recorded by the recorder."""

    async def main(clock: VirtualClock) -> Path:
        topics, notices = Topics(clock), NoticeLog(clock)
        for name in TOPICS:
            topics.add(name, lambda args, name=name: shown(name, clock.now_ms(), args))
        notices.tell(EngineStarted, "engine on sim")
        recorder = Recorder(
            clock, topics.now, notices, lambda: "BTCUSDT", lambda: ["BTCUSDT", "ETHUSDT"],
            tmp_path_factory.mktemp("home") / "recordings",
        )  # fmt: skip
        task = asyncio.create_task(recorder.run())
        await clock.sleep(90.0)
        notices.tell(Degraded, "the link went late", severity="warn", what="link")
        await clock.sleep(LENGTH_S - 90.0)
        task.cancel()
        assert recorder.file is not None
        return recorder.file

    return gzip.decompress(run_virtual(main, START_MS).read_bytes())  # type: ignore[no-any-return]


@asynccontextmanager
async def replaying(
    session: bytes, from_s: float = 0.0, speed: float = 1.0
) -> AsyncIterator[tuple[PerpdeckApp, Pilot[Any], ReplayPort, Hand]]:
    hand = Hand()
    from_ms = START_MS + round(from_s * 1_000)
    port = ReplayPort(Recording(io.BytesIO(session)), "session.jsonl", hand, speed, from_ms)
    options = ConsoleOptions(
        mono_s=hand, next_id=lambda: "c1", guard_ms=0.0, actor="console:ann", link="fast", jump=port.jump
    )
    app = PerpdeckApp(port, options)
    async with app.run_test(size=(140, 40)) as pilot:
        wanted = {"health", "signals", "positions", "book", "regime", "breakdown", "limits"}
        await until(pilot, lambda: app.feed.state == "up" and wanted <= app.feed.views.keys())
        await settle(pilot, app)
        yield app, pilot, port, hand


async def live_frame(at_s: float) -> list[str]:
    """What the screen showed at that time, with the top line and the banner of a replay."""
    at_ms = START_MS + round(at_s * 1_000)
    clock = datetime.fromtimestamp(at_ms / 1_000, UTC).strftime("%H:%M:%S")
    then = {name: shown(name, at_ms, {}) for name in TOPICS}
    banner = f"REPLAY · session.jsonl · {then['health'].venue} · {clock}"
    then["health"] = replace(then["health"], venue="replay", banner=banner, speed=1.0)
    async with console(views=then, link="fast", jump=lambda _steps: 0) as (app, pilot, _):
        await settle(pilot, app)
        return text_frame(app)


@pytest.mark.parametrize("at_s", [10.0, 70.0, 130.0])
async def test_replay_shows_the_frames_the_live_screen_showed(session: bytes, at_s: float) -> None:
    live = await live_frame(at_s)
    async with replaying(session, at_s) as (app, _pilot, _port, _hand):
        assert text_frame(app) == live


async def test_time_runs_at_the_chosen_pace_is_held_and_jumps(session: bytes) -> None:
    async with replaying(session, 10.0) as (app, pilot, port, hand):
        hand.s += 2.0
        assert port.now_ms() == START_MS + 12_000
        await pilot.press("+")
        await until(pilot, lambda: port.speed == 2.0)
        hand.s += 5.0
        assert port.now_ms() == START_MS + 22_000
        await until(pilot, lambda: app.feed.health is not None and app.feed.health.speed == 2.0)
        await pilot.press("space")
        await until(pilot, lambda: port.speed == 0.0)
        hand.s += 100.0
        assert port.now_ms() == START_MS + 22_000
        await pilot.press(".")
        await until(pilot, lambda: port.now_ms() == START_MS + 82_000)
        later = await live_frame(82.0)
        await until(pilot, lambda: text_frame(app)[4:-2] == later[4:-2])
        await pilot.press(",")
        earlier = await live_frame(22.0)
        await until(pilot, lambda: text_frame(app)[4:-2] == earlier[4:-2])


async def test_notices_come_at_their_time_and_are_forgotten_by_a_jump_back(session: bytes) -> None:
    async with replaying(session, 80.0) as (app, pilot, _port, hand):
        assert [notice.text for notice in app.notices] == ["engine on sim"]
        hand.s += 15.0
        await until(pilot, lambda: len(app.notices) == 2)
        await pilot.press(",")
        await until(pilot, lambda: len(app.notices) == 1)
        hand.s += 60.0
        await until(pilot, lambda: len(app.notices) == 2)


async def test_the_end_stands_still_and_says_so(session: bytes) -> None:
    async with replaying(session, 170.0, speed=4.0) as (app, pilot, port, hand):
        hand.s += 60.0
        assert port.now_ms() == Recording(io.BytesIO(session)).end_ms
        await until(pilot, lambda: "end · held" in text_frame(app)[1])


@pytest.mark.parametrize(
    "command",
    [
        ask.ApproveSignal(signal_id="s1", revision=1, **IDS), ask.Pause(**IDS), ask.StopEngine(**IDS),
        ask.ClosePosition(position_id="p1", **IDS), ask.PreviewTicket(signal_id="s1", **IDS),
    ],
    ids=lambda command: type(command).__name__,
)  # fmt: skip
async def test_nothing_can_be_sent(session: bytes, command: ask.AnyCommand) -> None:
    port = ReplayPort(Recording(io.BytesIO(session)), "x", Hand())
    assert await port.submit(command) == ask.Refused("recording", "a recording: nothing can be sent")


async def test_questions_are_answered_where_the_recording_can(session: bytes) -> None:
    port = ReplayPort(Recording(io.BytesIO(session)), "x", Hand(), from_ms=START_MS + 70_000)
    told = {}
    for what in ("directory", "signals", "positions", "notices", "trades"):
        reply = await port.submit(ask.Query(what=what, **IDS))
        told[what] = reply.data if isinstance(reply, ask.Done) else reply.detail.encode()
    assert told["directory"] == b'["BTCUSDT","ETHUSDT"]'
    assert b'"score":5.0' in told["signals"]
    assert b'"mark":"3101.00"' in told["positions"]
    assert b"engine on sim" in told["notices"]
    assert b"late" not in told["notices"]
    assert told["trades"] == b"trades is not in the recording"


async def test_what_was_not_recorded_is_said_not_made_up(session: bytes) -> None:
    port = ReplayPort(Recording(io.BytesIO(session)), "x", Hand())
    found = {}
    for topic, args in (("book", {"symbol": "XUSDT"}), ("breakdown", {"signal_id": "?"}), ("regime", {"symbol": "?"}),
                        ("chart", {"symbol": "XUSDT", "tf": "1h"})):  # fmt: skip
        found[topic] = await anext(port.watch(topic, 50.0, args))
    assert (found["book"].symbol, found["book"].reason) == ("XUSDT", "not in the recording")
    assert found["breakdown"].why_empty == "not in the recording"
    assert found["chart"].bars == ()
    assert found["regime"].focus is None
    assert found["regime"].breadth
    with pytest.raises(ConnectionError):
        await anext(port.watch("nonsense"))
