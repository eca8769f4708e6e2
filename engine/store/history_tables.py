"""Tables of closed bars, holes and the tape. Prices are floats here: they are analysed, not paid."""

from __future__ import annotations

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from engine.store.base import HistoryBase


class Candles(HistoryBase):
    __tablename__ = "candles"
    # The key is the row's order on disk, so a series is read in one sweep.
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012
    symbol: Mapped[str] = mapped_column(primary_key=True)
    tf: Mapped[str] = mapped_column(primary_key=True)
    open_time: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    open: Mapped[float]
    high: Mapped[float]
    low: Mapped[float]
    close: Mapped[float]
    volume: Mapped[float]
    quote_volume: Mapped[float | None]
    trades: Mapped[int | None]
    taker_buy: Mapped[float | None]
    taker_buy_quote: Mapped[float | None]
    revision: Mapped[int]


class Gaps(HistoryBase):
    __tablename__ = "gaps"
    __table_args__ = (Index(None, "state", "from_ms"),)
    symbol: Mapped[str] = mapped_column(primary_key=True)
    tf: Mapped[str] = mapped_column(primary_key=True)
    from_ms: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    to_ms: Mapped[int]
    missing: Mapped[int]
    attempts: Mapped[int]
    state: Mapped[str]
    first_try_ms: Mapped[int | None]
    next_try_ms: Mapped[int]


class Trades(HistoryBase):
    __tablename__ = "trades"
    __table_args__ = (Index(None, "symbol", "at_ms"),)
    symbol: Mapped[str] = mapped_column(primary_key=True)
    trade_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at_ms: Mapped[int]
    price: Mapped[float]
    quantity: Mapped[float]
    buyer_maker: Mapped[bool]
