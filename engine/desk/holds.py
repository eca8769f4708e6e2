"""What holds entries back until it passes: a ban, a clock in doubt, a database that is slow to write."""

from __future__ import annotations

from engine.clock import Clock, utc_text
from engine.exchange.client import ExchangeClient
from engine.store.journal import Journal
from engine.trading.standing_desk import StandingDesk

EVERY_S = 0.5
SLOW_COMMIT_MS = 500.0
BAN, CLOCK, STORE = "ban", "clock", "database"


def ban_text(until_ms: int) -> str:
    """What a ban is told as, whoever sees it first."""
    return f"the exchange answers nothing until {utc_text(until_ms)}"


class Holds:
    """Looks twice a second and lifts what was cured; positions are managed all the while."""

    def __init__(self, client: ExchangeClient, journal: Journal, standing: StandingDesk, clock: Clock) -> None:
        self._client = client
        self._journal = journal
        self._standing = standing
        self._clock = clock

    async def run(self) -> None:
        """Ends only by cancellation."""
        while True:
            self.look()
            await self._clock.sleep(EVERY_S)

    def look(self) -> None:
        """Hold or lift each cause by what is true now."""
        ledger = self._client.ledger
        gate = ledger.gate_state.lower()
        banned = ledger.banned_until_ms > self._clock.now_ms()
        detail = ban_text(ledger.banned_until_ms) if banned else gate
        self._set(BAN, gate in ("banned", "probing", "blocked"), detail)
        self._set(CLOCK, not self._client.clock_sync.usable, "the exchange's clock is being measured again")
        latency_ms = self._journal.latency_p95_ms
        self._set(STORE, latency_ms > SLOW_COMMIT_MS, f"a commit takes {latency_ms:.0f} ms")
        self._standing.look()

    def _set(self, cause: str, on: bool, detail: str) -> None:
        if on:
            # The first word stands: a reason that grows would be a new reason twice a second.
            if not any(name == cause for name, _ in self._standing.value.holds):
                self._standing.hold(cause, detail)
        else:
            self._standing.lift(cause)
