"""Budgets of requests and orders in fixed windows of exchange time, and what happens to those who overdraw them."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass

from engine.sim.codes import Refused, refuse
from engine.sim.tariff import Pool

MINUTE_MS = 60_000
FIVE_MINUTES_MS = 300_000
TEN_SECONDS_MS = 10_000
WEIGHT_LIMIT = 2400
ORDERS_10S = 300
ORDERS_1M = 1200
POOL_LIMITS = {Pool.FUNDING: 500, Pool.DATA: 1000}
IGNORED_BEFORE_BAN = 10
LONGEST_BAN_S = 3 * 86_400


class OverBudget(Exception):
    """Refused for want of budget: 429, or 418 for those who went on asking."""

    def __init__(self, status: int, retry_after_s: int, refusal: Refused) -> None:
        super().__init__(status, retry_after_s)
        self.status = status
        self.retry_after_s = retry_after_s
        self.refusal = refusal


@dataclass(slots=True)
class Window:
    """A count that starts anew with each full window."""

    length_ms: int
    limit: int
    start_ms: int = 0
    used: int = 0

    def at(self, now_ms: int) -> Window:
        start = now_ms // self.length_ms * self.length_ms
        if start != self.start_ms:
            self.start_ms, self.used = start, 0
        return self

    def left_s(self, now_ms: int) -> int:
        """Seconds until it starts anew, at least one."""
        return max(1, math.ceil((self.start_ms + self.length_ms - now_ms) / 1000))


@dataclass(slots=True)
class Address:
    """What one peer address has used."""

    rest: Window
    socket: Window
    pools: dict[Pool, Window]
    refused_until_ms: int = 0
    ignored: int = 0
    banned_until_ms: int = 0
    bans: int = 0


class Pools:
    """All budgets of the exchange."""

    def __init__(self, ban_seconds: float = 120.0, bans: bool = True) -> None:
        self._ban_seconds = ban_seconds
        self._bans = bans
        self._addresses: defaultdict[str, Address] = defaultdict(_address)
        self._orders: dict[str, tuple[Window, Window]] = {}

    def admit(self, address: str, now_ms: int) -> None:
        """Refuse a banned address, and count who keeps asking after a 429. Raises OverBudget."""
        peer = self._addresses[address]
        if now_ms < peer.banned_until_ms:
            raise self._banned(peer, now_ms)
        if now_ms < peer.refused_until_ms:
            peer.ignored += 1
            if peer.ignored >= IGNORED_BEFORE_BAN and self._bans:
                self.ban(address, now_ms)
                raise self._banned(peer, now_ms)
            raise OverBudget(429, max(1, math.ceil((peer.refused_until_ms - now_ms) / 1000)), _too_many(WEIGHT_LIMIT))

    def charge(self, address: str, pool: Pool, weight: int, now_ms: int) -> int:
        """Take `weight` from a budget; returns what is used of it. Raises OverBudget."""
        peer = self._addresses[address]
        window = (peer.rest if pool is Pool.WEIGHT else peer.pools[pool]).at(now_ms)
        if window.used + weight > window.limit:
            if pool is Pool.WEIGHT:
                peer.refused_until_ms, peer.ignored = window.start_ms + window.length_ms, 0
            raise OverBudget(429, window.left_s(now_ms), _too_many(window.limit))
        window.used += weight
        return window.used

    def charge_socket(self, address: str, weight: int, now_ms: int) -> int:
        """The same for the WebSocket API, whose budget is its own."""
        peer = self._addresses[address]
        window = peer.socket.at(now_ms)
        if window.used + weight > window.limit:
            raise OverBudget(429, window.left_s(now_ms), _too_many(window.limit))
        window.used += weight
        return window.used

    def count_socket(self, address: str, now_ms: int) -> None:
        """An order sent over REST is seen by the budget of the WebSocket API, which does not refuse it."""
        self._addresses[address].socket.at(now_ms).used += 1

    def charge_orders(self, account: str, cost: tuple[int, int], now_ms: int) -> tuple[int, int]:
        """Count orders of an account: (used of ten seconds, used of the minute). Raises OverBudget."""
        windows = self._windows(account, now_ms)
        for window, amount, words in zip(windows, cost, ("TEN_SECONDS", "ONE_MINUTE"), strict=True):
            if window.used + amount > window.limit:
                refusal = refuse(-1015, limit=window.limit, window=words)
                raise OverBudget(429, window.left_s(now_ms), refusal)
        for window, amount in zip(windows, cost, strict=True):
            window.used += amount
        return windows[0].used, windows[1].used

    def order_counts(self, account: str, now_ms: int) -> tuple[int, int]:
        ten, minute = self._windows(account, now_ms)
        return ten.used, minute.used

    def exhaust(self, now_ms: int) -> None:
        """Use up every address's budget until its minute ends."""
        for peer in self._addresses.values():
            window = peer.rest.at(now_ms)
            window.used = window.limit

    def ban(self, address: str | None, now_ms: int, seconds: float | None = None) -> None:
        """Ban an address, or every known one; each ban of an address is twice as long as the one before."""
        peers = [self._addresses[address]] if address is not None else list(self._addresses.values())
        for peer in peers:
            length_s = seconds or min(self._ban_seconds * 2**peer.bans, LONGEST_BAN_S)
            peer.banned_until_ms = now_ms + int(length_s * 1000)
            peer.bans += 1
            peer.ignored = 0
            peer.refused_until_ms = 0

    def _banned(self, peer: Address, now_ms: int) -> OverBudget:
        text = (
            f"Way too many requests; IP banned until {peer.banned_until_ms}. "
            "Please use the websocket for live updates to avoid bans."
        )
        left_s = max(1, math.ceil((peer.banned_until_ms - now_ms) / 1000))
        return OverBudget(418, left_s, Refused(-1003, text))

    def _windows(self, account: str, now_ms: int) -> tuple[Window, Window]:
        if account not in self._orders:
            self._orders[account] = (Window(TEN_SECONDS_MS, ORDERS_10S), Window(MINUTE_MS, ORDERS_1M))
        ten, minute = self._orders[account]
        return ten.at(now_ms), minute.at(now_ms)


def _address() -> Address:
    pools = {pool: Window(FIVE_MINUTES_MS, limit) for pool, limit in POOL_LIMITS.items()}
    return Address(Window(MINUTE_MS, WEIGHT_LIMIT), Window(MINUTE_MS, WEIGHT_LIMIT), pools)


def _too_many(limit: int) -> Refused:
    return refuse(-1003, limit=limit)
