"""Rows into statements and back: upserts by key, deletes, and typed reads, the same on both databases."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import groupby
from typing import Any, TypeVar, cast

from sqlalchemy import ColumnElement, Connection, Table, and_, bindparam, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import Delete, Insert

from engine.errors import InvariantBroken
from engine.store.audit import link
from engine.store.rows import Deleted, OperatorLogRow, OutboxRow, Row
from engine.store.tables import HISTORY_TABLES, TRADING_TABLES

R = TypeVar("R", bound=Row)
Change = Row | Deleted

# Tables whose identity is not their primary key.
_IDENTITY: dict[type[Row], tuple[str, ...]] = {OutboxRow: ("dedupe_key",)}


def table_of(row_type: type[Row]) -> Table:
    """The table that holds `row_type`; raises InvariantBroken for a type without one."""
    mapped = TRADING_TABLES.get(row_type) or HISTORY_TABLES.get(row_type)
    if mapped is None:
        raise InvariantBroken(f"{row_type.__name__} has no table")
    return cast(Table, mapped.__table__)


def identity(row_type: type[Row]) -> tuple[str, ...]:
    """The fields that say which row it is."""
    return _IDENTITY.get(row_type) or tuple(column.name for column in table_of(row_type).primary_key)


def key_of(row: Row) -> tuple[Any, ...] | None:
    """Type and identity of a row; None while the database has yet to number it."""
    values = tuple(getattr(row, name) for name in identity(type(row)))
    return None if None in values else (type(row), *values)


def write(connection: Connection, changes: Iterable[Change]) -> None:
    """Apply changes in their order; neighbours of one kind share a statement."""
    for (kind, row_type, numbered), group in groupby(changes, _shape):
        members = list(group)
        if kind is Deleted:
            connection.execute(_delete(row_type), [_keys(cast(Deleted, change).row) for change in members])
        elif row_type is OperatorLogRow:
            _append_chained(connection, cast(list[OperatorLogRow], members))
        else:
            statement = _upsert(row_type, connection.dialect.name, numbered)
            connection.execute(statement, [_values(cast(Row, change), numbered) for change in members])


def read(
    connection: Connection,
    row_type: type[R],
    *criteria: ColumnElement[bool],
    order_by: Sequence[ColumnElement[Any]] = (),
    limit: int | None = None,
) -> list[R]:
    """Rows that satisfy all criteria (expressions over `table_of(row_type).c`)."""
    table = table_of(row_type)
    statement = select(*(table.c[name] for name in row_type.__struct_fields__)).order_by(*order_by)
    if criteria:
        statement = statement.where(and_(*criteria))
    if limit is not None:
        statement = statement.limit(limit)
    return [row_type(**found) for found in connection.execute(statement).mappings()]


def _shape(change: Change) -> tuple[type, type[Row], bool]:
    if isinstance(change, Deleted):
        return Deleted, type(change.row), True
    return Row, type(change), getattr(change, "id", 0) is not None


def _values(row: Row, numbered: bool) -> dict[str, Any]:
    values = {name: getattr(row, name) for name in row.__struct_fields__}
    if not numbered:
        del values["id"]
    return values


def _keys(row: Row) -> dict[str, Any]:
    return {f"key_{name}": getattr(row, name) for name in identity(type(row))}


@lru_cache(maxsize=256)
def _upsert(row_type: type[Row], dialect: str, numbered: bool) -> Insert:
    table = table_of(row_type)
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    fields = [name for name in row_type.__struct_fields__ if numbered or name != "id"]
    statement = insert(table).values({name: bindparam(name) for name in fields})
    if not numbered:
        return statement
    key = identity(row_type)
    changed = {name: statement.excluded[name] for name in fields if name not in key}
    return statement.on_conflict_do_update(index_elements=list(key), set_=changed)


@lru_cache(maxsize=256)
def _delete(row_type: type[Row]) -> Delete:
    table = table_of(row_type)
    return delete(table).where(and_(*(table.c[name] == bindparam(f"key_{name}") for name in identity(row_type))))


def _append_chained(connection: Connection, entries: list[OperatorLogRow]) -> None:
    table = table_of(OperatorLogRow)
    newest = read(connection, OperatorLogRow, order_by=[table.c.id.desc()], limit=1)
    before = newest[0] if newest else None
    for entry in entries:
        before = link(entry, before)
        connection.execute(_upsert(OperatorLogRow, connection.dialect.name, False), _values(before, False))
