"""Declarative bases of the two databases and the naming of their constraints."""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import BigInteger, MetaData
from sqlalchemy.orm import DeclarativeBase

from engine.store.columns import DecimalText, JsonText

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class TradingBase(DeclarativeBase):
    """Tables that must be durable before anything is acknowledged."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {int: BigInteger(), Decimal: DecimalText(), bytes: JsonText()}  # noqa: RUF012


class HistoryBase(DeclarativeBase):
    """Bulk tables, which can be fetched again."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {int: BigInteger()}  # noqa: RUF012
