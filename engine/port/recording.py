"""A recorded session as a file: gzipped JSON lines, each a moment of exchange time with a view or a notice.

The first line says whose session it is. A line is written whole or it is the last one; reading leaves a torn last line
out, and refuses anything else that does not belong with the number of its line.
"""

from __future__ import annotations

import gzip
import zlib
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from tempfile import TemporaryFile
from typing import IO, BinaryIO

import msgspec

from engine.port.notices import AnyNotice
from engine.port.views import AnyView, subject_of

FORMAT = "perpdeck-recording-1"
_GZIP = b"\x1f\x8b"
_CHUNK = 1 << 20

Key = tuple[str, tuple[tuple[str, str], ...]]


class Opening(msgspec.Struct, frozen=True, tag=True):
    """First line: which session this is."""

    format: str
    at_ms: int
    venue: str
    account: str
    symbols: tuple[str, ...] = ()


class Seen(msgspec.Struct, frozen=True, tag=True):
    """What a topic showed from this moment on. `at_ms` is exchange time, `mono_ms` machine time since the opening."""

    at_ms: int
    mono_ms: float
    topic: str
    view: AnyView


class Heard(msgspec.Struct, frozen=True, tag=True):
    """A notice, at the moment it was told."""

    at_ms: int
    mono_ms: float
    notice: AnyNotice


Line = Opening | Seen | Heard

_decoder = msgspec.json.Decoder(Line)
_encoder = msgspec.json.Encoder()


class NotARecording(Exception):
    """The file cannot be played; says which line and why."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(line, why)
        self.line = line
        self.why = why

    def __str__(self) -> str:
        return f"line {self.line}: {self.why}"


def encode(line: object) -> bytes:
    """One line of the file."""
    return _encoder.encode(line) + b"\n"


def key_of(topic: str, args: Mapping[str, str] | None) -> Key:
    """What tells two watched things apart."""
    return topic, tuple(sorted((args or {}).items()))


@dataclass
class Track:
    """Where the views of one subject stand in the file, in order of time."""

    times: list[int] = field(default_factory=list)
    places: list[tuple[int, int]] = field(default_factory=list)  # offset, length

    def index(self, at_ms: int) -> int:
        """Number of the view that stood at a time; -1 before the first."""
        return bisect_right(self.times, at_ms) - 1


class Recording:
    """A whole session by what was watched. Views stay in the file and are read when they are asked for."""

    def __init__(self, source: IO[bytes]) -> None:
        """Index a file that is open for reading; the last line may be torn. Raises NotARecording, OSError."""
        self._source = source
        self._tracks: dict[Key, Track] = {}
        self.heard: list[Heard] = []
        self.end_ms = 0
        opening: Opening | None = None
        offset = 0
        torn: NotARecording | None = None
        for number, text in enumerate(source, 1):
            if torn is not None:
                raise torn
            try:
                line = _decoder.decode(text)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                torn = NotARecording(number, str(error))
                continue
            if isinstance(line, Opening):
                if number > 1 or line.format != FORMAT:
                    raise NotARecording(number, f"{line.format!r} is not {FORMAT!r}, once and first")
                opening, self.end_ms = line, line.at_ms
            elif opening is None:
                raise NotARecording(number, "the opening line is missing")
            else:
                self._add(line, (offset, len(text)))
            offset += len(text)
        if opening is None:
            raise torn or NotARecording(1, "the file is empty")
        self.opening = opening

    def _add(self, line: Seen | Heard, place: tuple[int, int]) -> None:
        """Exchange time may be set back by a measurement; the order of lines is what happened."""
        self.end_ms = at_ms = max(self.end_ms, line.at_ms)
        if isinstance(line, Heard):
            self.heard.append(msgspec.structs.replace(line, at_ms=at_ms))
            return
        track = self._tracks.setdefault(key_of(line.topic, subject_of(line.view)), Track())
        track.times.append(at_ms)
        track.places.append(place)

    @property
    def start_ms(self) -> int:
        return self.opening.at_ms

    def index(self, key: Key, at_ms: int) -> int:
        """Number of the view of a subject that stood at a time; -1 where nothing was recorded of it yet."""
        track = self._tracks.get(key)
        return -1 if track is None else track.index(at_ms)

    def view(self, key: Key, index: int) -> AnyView:
        """The view of a subject by its number. Raises OSError."""
        offset, length = self._tracks[key].places[index]
        self._source.seek(offset)
        line = _decoder.decode(self._source.read(length))
        assert isinstance(line, Seen)
        return line.view

    def newest(self, topic: str, at_ms: int) -> AnyView | None:
        """The newest view of a topic at a time, of whatever subject."""
        found = [
            (track.times[index], key, index)
            for key, track in self._tracks.items()
            if key[0] == topic and (index := track.index(at_ms)) >= 0
        ]
        return self.view(*max(found)[1:]) if found else None

    def counts(self) -> dict[str, int]:
        """Lines by topic, and notices by kind."""
        found: dict[str, int] = {}
        for (topic, _), track in self._tracks.items():
            found[topic] = found.get(topic, 0) + len(track.times)
        for heard in self.heard:
            name = type(heard.notice).__name__
            found[name] = found.get(name, 0) + 1
        return dict(sorted(found.items()))


@contextmanager
def opened(file: BinaryIO) -> Iterator[Recording]:
    """The recording in a file, packed or plain, as far as it was written.

    A packed one is unpacked into a temporary file for as long as it is looked at. Raises NotARecording, OSError.
    """
    packed = file.read(len(_GZIP)) == _GZIP
    file.seek(0)
    if not packed:
        yield Recording(file)
        return
    with TemporaryFile() as lines:
        _unpack(file, lines)
        lines.seek(0)
        yield Recording(lines)


def _unpack(file: BinaryIO, lines: IO[bytes]) -> None:
    with gzip.open(file, "rb") as source:
        try:
            while chunk := source.read1(_CHUNK):
                lines.write(chunk)
        except EOFError:
            pass  # still being written, or its engine was killed
        except (zlib.error, gzip.BadGzipFile) as error:
            raise NotARecording(1, f"damaged after {lines.tell()} bytes: {error}") from error
