from __future__ import annotations

import pytest

from engine.store.history_rows import CandleRow, TradeRow
from engine.store.history_tables import Candles, Trades
from engine.store.rows import Row
from engine.store.tables import HISTORY_TABLES, TRADING_TABLES

MAPPED = [*TRADING_TABLES.items(), *HISTORY_TABLES.items()]


def concrete_rows(base: type[Row] = Row) -> set[type[Row]]:
    return {row for child in base.__subclasses__() for row in ({child} | concrete_rows(child))}


def test_every_row_has_a_table() -> None:
    assert {row for row, _ in MAPPED} == concrete_rows()


@pytest.mark.parametrize(("row", "table"), MAPPED, ids=lambda kind: kind.__name__)
def test_a_table_has_exactly_the_fields_of_its_row(row: type[Row], table: type) -> None:
    columns = {column.name for column in table.__table__.columns}
    assert columns - {"id"} == set(row.__struct_fields__) - {"id"}


def test_tuples_of_bars_and_prints_follow_the_order_of_their_columns() -> None:
    assert CandleRow._fields == tuple(c.name for c in Candles.__table__.columns if c.name != "revision")
    assert TradeRow._fields == tuple(c.name for c in Trades.__table__.columns)
