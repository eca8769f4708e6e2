"""Listen keys: one for each account, alive for sixty minutes from its last renewal (sections 3.7 and 6)."""

from __future__ import annotations

from typing import Any

from engine.sim.account import Account
from engine.sim.account_events import listen_key_expired
from engine.sim.codes import refuse
from engine.sim.parameters import Params
from engine.sim.venue import Venue

LIFE_MS = 3_600_000


class ListenKeys:
    """Which key opens whose private stream, and until when."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._keys: dict[str, tuple[str, int]] = {}  # account name -> (key, expiry)

    def owner(self, key: str) -> str | None:
        """Name of the account a living key belongs to."""
        return next((name for name, (mine, _) in self._keys.items() if mine == key), None)

    def create(self, account: Account, params: Params, now_ms: int) -> Any:
        """POST: the key in force, extended, or a new one."""
        self._venue.script.obey("listen_key")
        key = self._alive(account, now_ms) or self._venue.ids.listen_key()
        self._keys[account.name] = (key, now_ms + LIFE_MS)
        return {"listenKey": key}

    def renew(self, account: Account, params: Params, now_ms: int) -> Any:
        """PUT: sixty more minutes; a key sent along is ignored."""
        self._venue.script.obey("listen_key")
        key = self._alive(account, now_ms)
        if key is None:
            raise refuse(-1125)
        self._keys[account.name] = (key, now_ms + LIFE_MS)
        return {"listenKey": key}

    def close(self, account: Account, params: Params, now_ms: int) -> Any:
        """DELETE: the stream falls silent without a word."""
        self._keys.pop(account.name, None)
        return {}

    def on_time(self, account: Account, now_ms: int) -> None:
        held = self._keys.get(account.name)
        if held is not None and now_ms >= held[1]:
            self.expire(account, now_ms)

    def expire(self, account: Account, now_ms: int) -> None:
        """End the key now; its last event says so."""
        held = self._keys.pop(account.name, None)
        if held is not None:
            self._venue.emit(account, listen_key_expired(held[0], now_ms))

    def _alive(self, account: Account, now_ms: int) -> str | None:
        held = self._keys.get(account.name)
        return held[0] if held is not None and now_ms < held[1] else None
