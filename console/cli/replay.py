"""`perpdeck replay`: a recorded session on the same screen."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from console.cli.failure import CommandFailed, Exit
from console.cli.invocation import Invocation, need_terminal, shared
from console.cli.run import screen_choices, screen_options
from engine.port.recording import NotARecording, Recording, opened

DAY = timedelta(days=1)


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--from", "from_", metavar="T", help="Begin there: HH:MM[:SS] (UTC) or an ISO time.")
@click.option("--speed", type=click.FloatRange(min=0, min_open=True, max=3_600), help="Recorded seconds per second.")
@screen_options
@shared
def replay(call: Invocation, file: Path, from_: str | None, speed: float | None, **given: Any) -> int:
    """A session kept by `run --record` on the same screen; with --json only what is in it."""
    try:
        with file.open("rb") as source, opened(source) as recording:
            from_ms = None if from_ is None else moment(from_, recording)
            if call.json:
                call.data(contents(file, recording))
                return int(Exit.OK)
            need_terminal(call)
            return _show(call, recording, file.name, speed or recorded_speed(recording), from_ms, given)
    except NotARecording as error:
        raise CommandFailed(
            Exit.USAGE, f"not a recording: {error.why}", name="not_a_recording", where=f"{file}:{error.line}",
            hint="perpdeck run --record makes one",
        ) from error  # fmt: skip


def moment(text: str, recording: Recording) -> int:
    """Exchange milliseconds of a time inside the recording. Raises CommandFailed naming what there is."""
    start = datetime.fromtimestamp(recording.start_ms / 1_000, UTC)
    try:
        at = _clock_time(text, start) if ":" in text and len(text) <= len("HH:MM:SS") else _iso(text)
    except ValueError as error:
        raise CommandFailed(
            Exit.USAGE, f"--from {text!r} is neither HH:MM[:SS] nor an ISO time", name="usage"
        ) from error
    at_ms = round(at.timestamp() * 1_000)
    if not recording.start_ms - 60_000 < at_ms <= recording.end_ms:
        span = f"{_text(recording.start_ms)} to {_text(recording.end_ms)}"
        raise CommandFailed(Exit.USAGE, f"--from {text}: the recording runs from {span}", name="usage")
    return max(at_ms, recording.start_ms)


def _clock_time(text: str, start: datetime) -> datetime:
    """The first such time of day since the recording's first minute."""
    parts = [int(part) for part in text.split(":")]
    hour, minute, second = (*parts, 0)[:3]
    at = start.replace(hour=hour, minute=minute, second=second, microsecond=0)
    return at if at >= start.replace(second=0, microsecond=0) else at + DAY


def _iso(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def recorded_speed(recording: Recording) -> float:
    """The pace of the session itself: a demo was recorded faster than the clock."""
    from engine.port.views import HealthView

    health = recording.newest("health", recording.start_ms + 60_000)
    speed = health.speed if isinstance(health, HealthView) else 1.0
    return float(round(speed)) if speed >= 1.5 else 1.0


def contents(file: Path, recording: Recording) -> dict[str, Any]:
    """What is in a recording, as plain data."""
    return {
        "file": str(file), "venue": recording.opening.venue, "account": recording.opening.account,
        "symbols": list(recording.opening.symbols), "start_ms": recording.start_ms, "end_ms": recording.end_ms,
        "start": _text(recording.start_ms), "end": _text(recording.end_ms), "events": recording.counts(),
    }  # fmt: skip


def _text(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _show(
    call: Invocation, recording: Recording, name: str, speed: float, from_ms: int | None, given: dict[str, Any]
) -> int:
    import msgspec

    from console.app import PerpdeckApp
    from console.memory import SeatMemory
    from console.replay import ReplayPort

    port = ReplayPort(recording, name, time.monotonic, speed, from_ms)
    chosen = screen_choices(call, given, None, SeatMemory(call.home / "seat.json"), demo=False)
    # What the past told is not what this person has seen of the running desk.
    options = msgspec.structs.replace(chosen, jump=port.jump, seen=None, notices_after=None, history=[])

    async def go() -> int | None:
        app = PerpdeckApp(port, options)
        await app.run_async(mouse=False)
        return app.return_code

    return int(Exit.ERROR if asyncio.run(go()) else Exit.OK)
