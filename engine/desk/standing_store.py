"""The desk's standing orders on disk: written before they are acknowledged, alive after a restart."""

from __future__ import annotations

import msgspec

from engine.store.queries import TradingQueries
from engine.store.rows import BlockRow, CooldownRow, Deleted, KvRow, Row
from engine.trading.standing import Block, Standing

KEY = "standing"


class _Kept(msgspec.Struct, frozen=True):
    mode: str
    desk: str
    paused_until_ms: int
    reason: str
    actor: str


def standing_rows(before: Standing, after: Standing, now_ms: int) -> list[Row | Deleted]:
    """What has to be written so that `after` is found by the next process."""
    kept = _Kept(after.mode, after.desk, after.paused_until_ms, after.reason, after.actor)
    rows: list[Row | Deleted] = [KvRow(key=KEY, value=msgspec.json.encode(kept), updated_ms=now_ms)]
    rows += [Deleted(_block_row(block, now_ms)) for block in before.blocks if block not in after.blocks]
    rows += [_block_row(block, now_ms) for block in after.blocks if block not in before.blocks]
    for key, until_ms in after.cooldowns.items():
        if before.cooldowns.get(key) != until_ms:
            strategy, symbol, side = key.split("|")
            rows.append(CooldownRow(strategy_id=strategy, symbol=symbol, side=side, until_ms=until_ms))
    return rows


async def restored(queries: TradingQueries, fresh: Standing, now_ms: int) -> Standing:
    """The standing orders of the last process, or `fresh` on a first start. A set mode outlives restarts."""
    row = await queries.kv(KEY)
    blocks = tuple(
        Block(b.block_id, b.symbol, b.side, b.strategy, b.until_ms, b.reason, b.actor)
        for b in await queries.blocks(now_ms)
    )
    cooldowns = {f"{c.strategy_id}|{c.symbol}|{c.side}": c.until_ms for c in await queries.cooldowns(now_ms)}
    if row is None:
        return msgspec.structs.replace(fresh, blocks=blocks, cooldowns=cooldowns)
    kept = msgspec.json.decode(row.value, type=_Kept)
    return msgspec.structs.replace(
        fresh, desk=kept.desk, paused_until_ms=kept.paused_until_ms, reason=kept.reason, actor=kept.actor,
        blocks=blocks, cooldowns=cooldowns,
    )  # fmt: skip


def _block_row(block: Block, now_ms: int) -> BlockRow:
    return BlockRow(
        block_id=block.id, symbol=block.symbol, side=block.side, strategy=block.strategy, until_ms=block.until_ms,
        reason=block.reason, actor=block.actor, created_ms=now_ms,
    )  # fmt: skip
