from __future__ import annotations

from typing import Any

import pytest

from engine.store.audit import first_broken, link
from engine.store.queries import TradingQueries
from engine.store.rows import OperatorLogRow
from tests.support.stored import opened


def entry(n: int, **changes: Any) -> OperatorLogRow:
    given: dict[str, Any] = {
        "at_ms": n,
        "kind": "approve",
        "who": "console:alice",
        "text": f"signal {n}",
        "channel": "console",
    }
    return OperatorLogRow(**{**given, **changes})


async def test_the_journal_chains_entries_across_commits_and_restarts(trading_url: str) -> None:
    async with opened(trading_url) as (journal, _):
        await journal.commit(entry(1), entry(2))
        journal.put(entry(3))
    async with opened(trading_url) as (journal, reader):
        await journal.commit(entry(4))
        ask = TradingQueries(reader)
        assert [row.at_ms for row in await ask.operator_log()] == [1, 2, 3, 4]
        assert [row.at_ms for row in await ask.operator_log(limit=2)] == [3, 4]
        assert await ask.broken_link() is None


@pytest.mark.parametrize(
    "tamper", ["UPDATE operator_log SET who = 'x' WHERE at_ms = 2", "DELETE FROM operator_log WHERE at_ms = 2"]
)
async def test_a_changed_or_removed_entry_breaks_the_chain_after_it(trading_url: str, tamper: str) -> None:
    async with opened(trading_url) as (journal, reader):
        await journal.commit(entry(1), entry(2), entry(3))
        await journal.transact(lambda connection: connection.exec_driver_sql(tamper))
        broken = await TradingQueries(reader).broken_link()
        assert broken is not None
        assert broken.at_ms == 3


def test_every_field_is_bound_by_the_link() -> None:
    first = link(entry(1), None)
    second = link(entry(2), first)
    assert first_broken([first, second]) is None
    for change in (
        {"at_ms": 9},
        {"kind": "x"},
        {"who": "x"},
        {"text": "x"},
        {"channel": "x"},
        {"severity": "x"},
        {"payload": b"[]"},
    ):
        assert first_broken([link(entry(1, **change), None), second]) == second
