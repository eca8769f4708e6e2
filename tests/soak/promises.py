"""What must hold at the end of a soak: no position left bare, each signal ended once, both sides agree, no bar lost."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter, defaultdict
from contextlib import closing
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from engine.port.address import socket_path
from engine.port.client import PortClient
from engine.port.views import PositionRow, PositionsView
from tests.soak.page import Page, counted, percentiles, slope
from tests.soak.watch import LOOK_S, Exchange, stopped

if TYPE_CHECKING:
    from tests.soak.run import Soak

NAKED_S = 2.0
SEEN_S = NAKED_S + 2 * LOOK_S  # a spell is seen a look late at its beginning and at its end
GROWTH_PCT_A_DAY = 5.0
SHORT_H = 12.0  # a shorter run fills caches; its slope says nothing of a day
FILES_MORE = 5
CONNECTIONS = (
    64 + 2 * 6
)  # the pool of requests, and six of streams (600 symbols, 200 on one), each twice while replaced
ENDS = (["approved"], ["approved", "refused"], ["refused"], ["rejected"], ["expired"])
TRIES = 60


async def look(run: Soak) -> Page:
    """Everything that was promised, looked at once trouble is over."""
    options = run.options
    page = Page(
        f"soak: {options.hours:g} h of exchange time at {options.speed:g}x, {options.symbols} symbols, "
        f"seed {options.seed}"
    )
    _bare(run, page)
    await _agreement(run, page)
    _signals(run, page)
    _bars(run, page)
    _machine(run, page)
    _figures(run, page)
    return page


def _bare(run: Soak, page: Page) -> None:
    """Two clocks say how long: looks from outside, and the desk's own count, which knows what no look fell into."""
    spells = [*run.watcher.bare, *run.recorder.stops]
    free = [spell for spell in spells if not run.trouble.obstructed(spell.from_s, spell.to_s)]
    longest = max((spell.lasted_s for spell in free), default=0.0)
    page.promise(
        "held without a stop", f"{longest:.1f} s at most, {len(free)} spells", f"≤ {NAKED_S:g} s while orders can pass",
        longest <= SEEN_S,
    )  # fmt: skip
    hindered = [spell.lasted_s for spell in spells if spell not in free]
    page.figure("bare while orders failed", f"{max(hindered, default=0.0):.1f} s at most, {len(hindered)} spells")
    page.figure("orders could pass", f"{run.trouble.free_share(run.began_s, run.began_s + run.wall_s):.0%} of the time")
    page.figure("entry to resting stop", percentiles([spell.lasted_s * 1000 for spell in run.recorder.stops]))
    page.figure("looks at the account", f"{run.watcher.looks}, {run.watcher.blind} unanswered, at most "
                f"{run.watcher.most_held} held")  # fmt: skip


class Account(msgspec.Struct, frozen=True):
    """The account by the exchange's own word: signed quantities, and what is wrong with the orders beside them."""

    held: dict[str, Decimal]
    bare: set[str]  # held without a stop
    orphans: set[str]  # with orders, not held


async def account(exchange: Exchange) -> Account | None:
    """None where any part of it was not answered: nothing known is not the same as nothing held."""
    held = await exchange.positions()
    orders, algos = await exchange.ask("/fapi/v1/openOrders"), await exchange.ask("/fapi/v1/openAlgoOrders")
    if held is None or orders is None or algos is None:
        return None
    orphans = {str(row["symbol"]) for row in (*orders, *algos)} - held.keys()
    return Account(held, held.keys() - stopped(held, algos), orphans)


async def _agreement(run: Soak, page: Page) -> None:
    """Both sides, asked until they agree or the time for it is over: a close may fall between two questions."""
    client = await PortClient.connect(socket_path(run.desk.home), "console:judge", read_only=True)
    ours: dict[str, Decimal] = {}
    theirs: Account | None = None
    try:
        for _ in range(TRIES):
            ours, answer = await _ours(client), await account(run.exchange)
            theirs = answer or theirs
            if answer is not None and ours == answer.held and not answer.orphans and not answer.bare:
                break
            await asyncio.sleep(0.5)
    finally:
        await client.close()
    if theirs is None:
        for name in ("local equals exchange", "held have a resting stop", "orders without a position"):
            page.promise(name, "the exchange does not answer", "0", False)
    else:
        pairs = {symbol: (ours.get(symbol), theirs.held.get(symbol)) for symbol in ours | theirs.held}
        apart = {symbol: pair for symbol, pair in pairs.items() if pair[0] != pair[1]}
        seen = f"{len(theirs.held)} positions, {len(apart)} differ {list(apart.items())[:3] or ''}"
        page.promise("local equals exchange", seen, "0 differ", not apart)
        bare, orphans = theirs.bare, theirs.orphans
        page.promise("held have a resting stop", f"{len(bare)} without {sorted(bare)[:3] or ''}", "0", not bare)
        page.promise("orders without a position", f"{len(orphans)} {sorted(orphans)[:3] or ''}", "0", not orphans)
    health = run.recorder.health
    page.promise(
        "the desk says it agrees", "yes" if health is not None and health.reconciled else "no", "yes",
        health is not None and health.reconciled,
    )  # fmt: skip


async def _ours(client: PortClient) -> dict[str, Decimal]:
    """Signed quantities as the desk shows them."""
    ours: defaultdict[str, Decimal] = defaultdict(Decimal)
    for row in await _rows(client):
        if not row.shadow:
            ours[row.symbol] += Decimal(row.quantity) * (1 if row.side == "long" else -1)
    return {symbol: quantity for symbol, quantity in ours.items() if quantity}


async def _rows(client: PortClient) -> tuple[PositionRow, ...]:
    async for view in client.watch("positions"):
        assert isinstance(view, PositionsView)
        return view.rows
    raise ConnectionError("the engine is gone")


def _signals(run: Soak, page: Page) -> None:
    wrong = {signal: states for signal, states in run.recorder.decided.items() if states not in ENDS}
    twice = [signal for signal, times in run.recorder.closed.items() if times > 1]
    page.promise(
        "each signal ends once", f"{len(run.recorder.decided)} decided, {len(wrong)} more than once, "
        f"{len(twice)} closed twice {list(wrong.items())[:2] or ''}", "0 more than once", not wrong and not twice,
    )  # fmt: skip
    with closing(_trading(run)) as database:
        lost = database.execute(
            "SELECT count(*) FROM signals WHERE status = 'pending' AND bar_ms < ?", (run.until_ms - 4 * 3_600_000,)
        ).fetchone()[0]
        taken = dict(database.execute("SELECT status, count(*) FROM signals GROUP BY status").fetchall())
        unknown = database.execute(
            "SELECT count(*) FROM intents WHERE state IN ('pending', 'unknown') AND created_ms < ?", (run.until_ms,)
        ).fetchone()[0]
    page.promise("signals left hanging", f"{lost}", "0", lost == 0)
    page.promise("requests of unknown outcome", f"{unknown}", "0", unknown == 0)
    page.figure("signals on record", counted(taken))


def _trading(run: Soak) -> sqlite3.Connection:
    file = next((run.desk.home / "sim").glob("*/trading.sqlite"))
    return sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=30)


def _bars(run: Soak, page: Page) -> None:
    holes = run.desk.holes(run.since_ms, run.until_ms)
    lost = Counter(open_ms for missing in holes.values() for open_ms in missing)
    when = ", ".join(f"{count} of {(open_ms - run.since_ms) / 3_600_000:.2f} h" for open_ms, count in lost.items())
    page.promise("bars lost", f"{lost.total()} in {len(holes)} symbols {when}".strip(), "0", not holes)
    with run.desk.history() as database:
        gaps = dict(database.execute("SELECT state, count(*) FROM gaps GROUP BY state").fetchall())
    left = gaps.get("open", 0) + gaps.get("queued", 0)
    page.promise("holes left", f"{left} ({counted(gaps)})", "0", left == 0)
    cycles = [one for one in run.desk.events("strategies") if one.get("event") == "cycle"]
    cycles = [one for one in cycles if run.since_ms <= one["close_ms"] <= run.until_ms]
    first: dict[int, int] = {}
    for one in cycles:
        first[one["close_ms"]] = max(first.get(one["close_ms"], 0), int(one["symbols"]))
    missed = [one for one in run.desk.events("market") if one.get("event") == "bars_missed"]
    late = sum(int(one["symbols"]) for one in missed)
    full = sum(1 for count in first.values() if count >= run.options.symbols)
    page.figure("closes", f"{len(first)}, {full} with all symbols at once; {late} bars late in {len(missed)} closes")
    page.figure("a close, wall", percentiles([float(one["wall_ms"]) for one in cycles]))


def _machine(run: Soak, page: Page) -> None:
    memory = [(hours, mib) for hours, mib, _, _ in run.meter.rows]
    per_hour, start = slope(memory), memory[len(memory) // 2][1]
    grown_pct = per_hour * 24 / start * 100
    seen = f"{memory[0][1]:.0f} → {start:.0f} → {memory[-1][1]:.0f} MiB, {per_hour:+.2f} MiB/h"
    if run.options.hours >= SHORT_H:
        page.promise("memory", seen, f"≤ {GROWTH_PCT_A_DAY:g} % a day", grown_pct <= GROWTH_PCT_A_DAY)
    else:
        page.figure("memory", seen)
    # The pool hands out the connection that rested longest, so a burst keeps many of them busy for hours: they are
    # held against the pool's own limit. Whatever else is never given back is still open when everything is calm.
    before, after = run.calm_files
    seen = f"{before} → {after} when calm, without connections to the exchange"
    if run.options.hours >= SHORT_H:
        page.promise("open files", seen, f"≤ {FILES_MORE} more", after <= before + FILES_MORE)
    else:
        page.figure("open files", seen)
    most = max(row[3] for row in run.meter.rows)
    page.promise("connections", f"{most} to the exchange at most", f"≤ {CONNECTIONS}", most <= CONNECTIONS)
    page.figure("open files at work", f"at most {max(row[2] for row in run.meter.rows)}")


def _figures(run: Soak, page: Page) -> None:
    page.figure("loop lag, most in 10 s", percentiles(run.recorder.lag_ms))
    page.figure("approval to answer", percentiles(run.approver.answers_ms))
    page.figure("faults", f"{run.trouble.begun.total()}: {counted(run.trouble.begun)}")
    page.figure("asked of the desk", counted(run.approver.asked))
    page.figure("told by the desk", counted(run.recorder.kinds))
    screens = [f"attached {one.attached} times, {one.views.total()} views" for one in run.screens]
    page.figure("screens", "; ".join(screens))
    sent = len(run.chatter.api.sent)
    page.figure("chat", f"{run.chatter.written} written, {sent} messages, {len(run.chatter.api.edits)} edits")
    page.figure("machine", f"{run.wall_s:.0f} s wall, {run.cpu_share:.0%} of a core for the engine")
