"""Recordings through the client's own path: bytes, envelope, decoder, protocol, book."""

from __future__ import annotations

import json
from collections.abc import Iterable
from random import Random

import pytest

from engine.clock import run_virtual
from engine.market.depth_sync import SyncState
from tests.support.captures import capture
from tests.support.recorded_wire import Frame, Playback, frames

BTC = "um_btcusdt_2024-08-08_depth0ms_trade_bookTicker.jsonl.zst"
ALTS = "um_4alts_2021-07-22_depth100ms_aggTrade_kline_bookTicker.jsonl.zst"
START_MS = 1_767_225_600_000


def thinned(recording: Iterable[Frame]) -> list[Frame]:
    """Without the best prices that no depth event shares its id with, but for each tenth of them."""
    kept = list(recording)
    shared = {json.loads(frame.data)["u"] for frame in kept if "@depth" in frame.stream}
    return [
        frame
        for number, frame in enumerate(kept)
        if "bookTicker" not in frame.stream or number % 10 == 0 or json.loads(frame.data)["u"] in shared
    ]


class Spoiler:
    """Loses, doubles and swaps depth frames now and then; how often each was done."""

    def __init__(self, seed: int, every: int) -> None:
        self._rng = Random(seed)
        self._every = every
        self._seen = 0
        self._held: str | None = None
        self.done = {"lost": 0, "doubled": 0, "swapped": 0}

    def __call__(self, frame: Frame) -> Iterable[str]:
        if "@depth" not in frame.stream:
            return (frame.text,)
        if self._held is not None:
            held, self._held = self._held, None
            return (frame.text, held)
        self._seen += 1
        if self._seen % self._every:
            return (frame.text,)
        kind = self._rng.choice(sorted(self.done))
        self.done[kind] += 1
        if kind == "lost":
            return ()
        if kind == "doubled":
            return (frame.text, frame.text)
        self._held = frame.text
        return ()


def test_a_busy_recording_has_no_false_gap_and_the_exchanges_best_prices() -> None:
    recording = thinned(frames(capture(BTC)))
    played: Playback = run_virtual(lambda clock: Playback(clock, recording).run(), START_MS)
    assert (played.lost, played.crossed, played.snapshots) == ([], 0, {"BTCUSDT": 1})
    assert played.streams.decode_errors == 0
    shared = played.shared("BTCUSDT")
    assert len(shared) >= 620
    assert [pair for pair in shared if pair[0] != pair[1]] == []


def test_four_quiet_recordings_side_by_side_have_none_either() -> None:
    recording = list(frames(capture(ALTS), ("depth", "bookTicker", "kline", "aggTrade")))
    played: Playback = run_virtual(lambda clock: Playback(clock, recording).run(), START_MS)
    assert (played.lost, played.crossed, played.streams.decode_errors) == ([], 0, 0)
    assert set(played.snapshots.values()) == {1}
    for symbol in played.snapshots:
        assert played.books._kept[symbol].sync.state is SyncState.SYNCED
        assert all(ours == theirs for ours, theirs in played.shared(symbol))


@pytest.mark.parametrize("seed", range(2))
def test_injected_gaps_cost_one_snapshot_each_and_never_show_a_crossed_book(seed: int) -> None:
    recording = thinned(frames(capture(BTC)))
    spoiler = Spoiler(seed, every=500)
    # Slowed down, so that the gaps lie minutes apart: a book that breaks three times in five minutes is left to rest.
    pace = 2_000.0 / recording[-1].at_s
    played: Playback = run_virtual(lambda clock: Playback(clock, recording, spoiler, pace).run(), START_MS)
    assert played.crossed == 0
    gaps = spoiler.done["lost"] + spoiler.done["swapped"]
    assert gaps >= 3
    assert len(played.lost) == gaps
    assert played.snapshots == {"BTCUSDT": 1 + gaps}
    assert played.books._kept["BTCUSDT"].sync.state is SyncState.SYNCED
    assert [pair for pair in played.shared("BTCUSDT") if pair[0] != pair[1]] == []
