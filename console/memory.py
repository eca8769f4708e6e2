"""What a person's screen remembers between visits: the last notice seen, the command bar's history."""

from __future__ import annotations

from pathlib import Path

import msgspec

KEPT_LINES = 200


class _Kept(msgspec.Struct):
    notices_after: int | None = None
    history: list[str] = []


class SeatMemory:
    """Reads what was kept; `save` writes it back. An unreadable file is forgotten, not an error."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.first_time = not file.exists()
        try:
            self._kept = msgspec.json.decode(file.read_bytes(), type=_Kept)
        except (OSError, msgspec.MsgspecError):
            self._kept = _Kept()

    @property
    def notices_after(self) -> int | None:
        return self._kept.notices_after

    @property
    def history(self) -> list[str]:
        """The very list the command bar appends to."""
        return self._kept.history

    def saw(self, seq: int) -> None:
        """A notice was shown."""
        self._kept.notices_after = max(seq, self._kept.notices_after or 0)

    def save(self) -> None:
        del self._kept.history[:-KEPT_LINES]
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file.write_bytes(msgspec.json.encode(self._kept))
