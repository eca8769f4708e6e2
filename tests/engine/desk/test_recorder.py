"""A recorded session: what was shown and told comes back from the file, once each, in order, bounded, owner only."""

from __future__ import annotations

import asyncio
import gzip
import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from engine.clock import VirtualClock, run_virtual
from engine.desk.notice_log import NoticeLog
from engine.desk.recorder import Recorder
from engine.desk.topics import Topics
from engine.log import Masker
from engine.port.notices import Degraded, EngineStarted
from engine.port.recording import FORMAT, NotARecording, Opening, Recording, encode, key_of, opened
from engine.port.views import AnyView
from tests.support import console_views as views

START_MS = views.NOW_MS
Live = Callable[[VirtualClock], Mapping[str, Callable[[Mapping[str, str]], Any]]]


def topics_of(clock: VirtualClock, more: Mapping[str, Callable[[Mapping[str, str]], Any]]) -> Topics:
    """A desk whose views stand still, but for those that are given."""
    topics = Topics(clock)
    still: dict[str, AnyView] = {
        **views.desk(), "performance": views.performance(), "chart": views.chart(),
    }  # fmt: skip
    for name, view in still.items():
        topics.add(name, more.get(name, lambda args, view=view: _of(view, args)))
    return topics


def _of(view: Any, args: Mapping[str, str]) -> Any:
    symbol = args.get("symbol")
    if symbol and hasattr(view, "symbol"):
        view = replace(view, symbol=symbol)
    return replace(view, timeframe=args["tf"]) if "tf" in args else view


def record(folder: Path, seconds: float, live: Live = lambda _clock: {}, **over: Any) -> tuple[Path, NoticeLog]:
    """Record a desk for a while of virtual time."""

    async def main(clock: VirtualClock) -> tuple[Path | None, NoticeLog]:
        notices = NoticeLog(clock)
        notices.tell(EngineStarted, "engine on sim", symbol="")
        topics = topics_of(clock, live(clock))
        recorder = Recorder(
            clock, topics.now, notices, lambda: "BTCUSDT", lambda: ["ETHUSDT", "BTCUSDT"], folder,
            **over,
        )  # fmt: skip
        task = asyncio.create_task(recorder.run())
        await clock.sleep(seconds / 2)
        notices.tell(Degraded, "token=abcdefghij went late", severity="warn", what="x")
        await clock.sleep(seconds / 2)
        task.cancel()
        return recorder.file, notices

    return run_virtual(main, START_MS)  # type: ignore[no-any-return]


@contextmanager
def read(content: bytes) -> Iterator[Recording]:
    with opened(io.BytesIO(content)) as recording:
        yield recording


def counts(content: bytes) -> dict[str, int]:
    with read(content) as found:
        return found.counts()


def test_what_was_shown_and_told_comes_back(tmp_path: Path) -> None:
    file, notices = record(tmp_path / "recordings", 10.0)
    signals, chart = key_of("signals", None), key_of("chart", {"symbol": "BTCUSDT", "tf": "4h"})
    with read(file.read_bytes()) as found:
        assert (found.opening.at_ms, found.opening.symbols) == (START_MS, ("BTCUSDT", "ETHUSDT"))
        assert [heard.notice for heard in found.heard] == list(notices.kept)
        shown = found.view(signals, found.index(signals, START_MS))
        assert shown == replace(views.signals(), revision=shown.revision)
        assert found.index(chart, START_MS + 1) == 0


def test_a_view_that_stands_still_is_written_once(tmp_path: Path) -> None:
    file, _ = record(tmp_path, 60.0)
    found = counts(file.read_bytes())
    assert found["signals"] == found["positions"] == found["limits"] == found["health"] == 1


def test_a_restless_book_is_written_at_the_pace_of_a_screen_and_found_by_its_time(tmp_path: Path) -> None:
    def moving(clock: VirtualClock) -> dict[str, Any]:
        return {"book": lambda args: views.book(clock.now_ms(), beat=clock.now_ms() // 100, symbol=args["symbol"])}

    file, _ = record(tmp_path, 20.0, live=moving)
    key = key_of("book", {"symbol": "BTCUSDT"})
    with read(file.read_bytes()) as found:
        assert found.index(key, found.end_ms) + 1 == pytest.approx(40, abs=1)
        for at_ms in (START_MS, START_MS + 7_300, START_MS + 19_000):
            assert 0 <= at_ms - found.view(key, found.index(key, at_ms)).as_of_ms < 500


def test_decision_is_seen_at_once(tmp_path: Path) -> None:
    def live(clock: VirtualClock) -> dict[str, Any]:
        def state() -> str:
            return "pending" if clock.now_ms() < START_MS + 5_250 else "approved"

        return {
            "signals": lambda _args: replace(views.signals(), rows=(views.signal(state=state()),)),
            "breakdown": lambda _args: views.breakdown(signal=views.signal(state=state())),
        }

    file, _ = record(tmp_path, 20.0, live=live)
    key = key_of("breakdown", {"signal_id": "s1"})
    with read(file.read_bytes()) as found:
        states = [found.view(key, found.index(key, START_MS + at_ms)).signal.state for at_ms in (5_000, 5_500)]
    assert states == ["pending", "approved"]


def test_secrets_are_masked_and_the_file_is_the_owners(tmp_path: Path) -> None:
    file, _ = record(tmp_path / "r", 4.0, clean=Masker(("abcdefghij",)).clean)
    lines = gzip.decompress(file.read_bytes())
    assert b"token=***" in lines
    assert b"abcdefghij" not in lines
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


def test_full_file_ends_the_recording_and_says_so(tmp_path: Path) -> None:
    file, notices = record(tmp_path, 10.0, largest_bytes=1)
    assert counts(file.read_bytes())
    assert "recording is full" in notices.kept[1].text


def test_folder_that_cannot_be_made_is_told_and_harms_nobody(tmp_path: Path) -> None:
    (tmp_path / "recordings").write_text("in the way")
    file, notices = record(tmp_path / "recordings", 2.0)
    assert file is None
    assert "cannot be written" in notices.kept[1].text


def test_second_session_of_the_same_second_gets_a_file_of_its_own(tmp_path: Path) -> None:
    assert record(tmp_path, 1.0)[0] != record(tmp_path, 1.0)[0]


def test_torn_last_line_is_left_out(tmp_path: Path) -> None:
    file, _ = record(tmp_path, 10.0)
    packed = file.read_bytes()
    plain = gzip.decompress(packed)
    for whole in (packed, plain):
        for cut in (1, 40, 400):
            assert sum(counts(whole[:-cut]).values()) >= 1


def test_what_is_still_being_written_can_be_read(tmp_path: Path) -> None:
    async def main(clock: VirtualClock) -> dict[str, int]:
        notices = NoticeLog(clock)
        recorder = Recorder(clock, topics_of(clock, {}).now, notices, lambda: "BTCUSDT", list, tmp_path)
        task = asyncio.create_task(recorder.run())
        await clock.sleep(5.2)
        assert recorder.file is not None
        found = counts(recorder.file.read_bytes())
        task.cancel()
        return found

    assert run_virtual(main, START_MS)["signals"] == 1


def test_damaged_packing_is_refused(tmp_path: Path) -> None:
    packed = bytearray(record(tmp_path, 10.0)[0].read_bytes())
    packed[200:260] = bytes(60)
    with pytest.raises(NotARecording):
        counts(bytes(packed))


OPENING = encode(Opening(FORMAT, START_MS, "sim", "main"))


@pytest.mark.parametrize(
    ("content", "line", "word"),
    [
        (b"", 1, "empty"),
        (b"\x00\x01 not a recording", 1, "JSON"),
        (b'{"type":"Seen"}\n', 1, "missing"),
        (encode(Opening("other-2", START_MS, "sim", "main")), 1, "other-2"),
        (OPENING + OPENING, 2, "once"),
        (OPENING + b"{torn\n" + OPENING, 2, "JSON"),
    ],
)
def test_foreign_file_is_refused_with_its_line(content: bytes, line: int, word: str) -> None:
    with pytest.raises(NotARecording, match=word) as raised:
        counts(content)
    assert raised.value.line == line
