"""What the last process left behind, taken over before anything happens."""

from __future__ import annotations

import msgspec
import structlog

from engine.clock import Clock
from engine.desk.gauges import Gauges
from engine.desk.holds import BAN, ban_text
from engine.desk.incidents import incident_of
from engine.desk.notice_log import NoticeLog, to_json
from engine.port.notices import AnyNotice
from engine.store.journal import Journal
from engine.store.queries import TradingQueries
from engine.store.rows import KvRow, NoticeRow
from engine.trading.floor import TradingFloor
from engine.trading.performance import closed_trades

log = structlog.get_logger("engine")

KEPT_NOTICES = 500
MOST_TRADES = 100_000
BAN_KEY = "ban_until"


class Recovery:
    """Restores trading, notices and a ban; keeps the results view fresh."""

    def __init__(
        self, clock: Clock, journal: Journal, queries: TradingQueries, floor: TradingFloor, notices: NoticeLog,
        gauges: Gauges, keep_mode: bool,
    ) -> None:  # fmt: skip
        self._clock = clock
        self._journal = journal
        self._queries = queries
        self._floor = floor
        self._notices = notices
        self._gauges = gauges
        self._keep_mode = keep_mode
        self.ban_until_ms = 0

    async def restore(self) -> None:
        """Read everything. Raises StoreError: never start blind."""
        ban = await self._queries.kv(BAN_KEY)
        self.ban_until_ms = int(msgspec.json.decode(ban.value)) if ban is not None else 0
        await self._floor.recover(self._queries, self._keep_mode)
        rows = await self._queries.last_notices(KEPT_NOTICES)
        kept = [msgspec.json.decode(row.payload, type=AnyNotice) for row in rows]
        self._notices.restore(sorted(kept, key=lambda notice: notice.seq))
        await self.refresh_results()
        held = self._floor.keeper.positions()
        log.info("restored", positions=len(held), ban_until_ms=self.ban_until_ms)

    async def refresh_results(self) -> None:
        """Closed trades, for the performance view."""
        await self._journal.flush()
        self._gauges.closed = closed_trades(await self._queries.closed(limit=MOST_TRADES))

    async def remember_ban(self, until_ms: int, reason: str) -> None:
        """A ban is on disk before anything else happens."""
        self.ban_until_ms = until_ms
        row = KvRow(key=BAN_KEY, value=msgspec.json.encode(until_ms), updated_ms=self._clock.now_ms())
        await self._journal.commit(row)
        log.warning("ban_kept", until_ms=until_ms, reason=reason)
        self._floor.standing.hold(BAN, ban_text(until_ms))

    def store_notice(self, notice: AnyNotice) -> None:
        """Each notice is kept for the seats that come back."""
        self._journal.put(
            NoticeRow(
                seq=notice.seq, at_ms=notice.at_ms, kind=type(notice).__name__, severity=notice.severity,
                text=notice.text, symbol=notice.symbol, signal_id=getattr(notice, "signal_id", ""),
                payload=to_json(notice),
            )
        )  # fmt: skip
        if (incident := incident_of(notice)) is not None:
            self._journal.put(incident)
