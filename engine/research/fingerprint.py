"""One name for a result: trades, settings and costs, and nothing else.

Paths, file order, the number of workers and the time of day leave it alone; another trade, parameter or cost does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import msgspec

from engine.research.trades import Trade, in_order


def fingerprint(trades: Sequence[Trade], *settings: Any) -> str:
    """`sha256:` and the digest of a canonical form; floats by their exact printed value."""
    rows = [trade.row() for trade in in_order(list(trades))]
    digest = sha256()
    for part in (rows, *settings):
        digest.update(msgspec.json.encode(part, order="deterministic"))
        digest.update(b"\n")
    return f"sha256:{digest.hexdigest()}"
