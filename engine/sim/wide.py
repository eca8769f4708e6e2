"""A listing as wide as the exchange's own: every recorded perpetual, as if all of them traded against USDT today.

Of the recorded perpetuals some were settling or about to open on the day of the recording, and some are quoted in
another coin. Here all of them trade, and those of another quote stand beside their namesakes under a name of their own
(`BTCUSDC` as `BTCUUSDT`) with the filters that were recorded of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.sim.symbols import Contract, contract_of, listed_symbols

QUOTE = "USDT"


def widest() -> int:
    """How many symbols a wide listing can have."""
    return len(_rows())


def wide_contracts(count: int) -> dict[str, Contract]:
    """The first `count` contracts, those that really traded against USDT first. Raises ValueError beyond `widest`."""
    rows = _rows()
    if not 1 <= count <= len(rows):
        raise ValueError(f"from 1 to {len(rows)} symbols can be served, asked for {count}")
    return {entry["row"]["symbol"]: contract_of(entry) for entry in rows[:count]}


def _rows() -> list[dict[str, Any]]:
    listed = [entry for entry in listed_symbols().values() if entry["row"]["contractType"] == "PERPETUAL"]
    return [_trading(entry) for entry in sorted(listed, key=lambda entry: _rank(entry["row"]))]


def _rank(row: Mapping[str, Any]) -> int:
    """0 for what can be served as it was recorded, 1 for what did not trade, 2 for what needs another quote."""
    if row["quoteAsset"] != QUOTE:
        return 2
    return 0 if row["status"] == "TRADING" else 1


def _trading(entry: Mapping[str, Any]) -> dict[str, Any]:
    row = {**entry["row"], "status": "TRADING"}
    if row["quoteAsset"] != QUOTE:
        base = f"{row['baseAsset']}{row['quoteAsset'][0]}"
        row |= {"symbol": base + QUOTE, "pair": base + QUOTE, "baseAsset": base}
        row |= {"quoteAsset": QUOTE, "marginAsset": QUOTE}
    return {**entry, "row": row}
