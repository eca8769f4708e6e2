"""Which symbols are watched and which of them may raise signals. Pure; the lists come in, the choice goes out.

All TRADING perpetuals against USDT are watched. Candidates trade enough, are old enough and are not money themselves;
they leave only after staying well below the threshold three times in a row. A symbol with an open position, trade or
a place on the watch list is never removed, only closed for new signals.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from config.schema import UniverseSettings
from engine.money import Instrument

ANCHOR = "BTCUSDT"
QUOTE = "USDT"
LEAVE_SHARE = 0.70
LEAVE_AFTER = 3
DAY_MS = 86_400_000
MONEY = frozenset(
    (
        "USDC", "BUSD", "TUSD", "USDP", "FDUSD", "DAI", "USDT", "USD1", "USDE", "PYUSD", "RLUSD", "BFUSD", "XUSD",
        "UST", "USTC", "AEUR", "EURI", "EUR", "GBP", "AUD", "TRY", "BRL", "RUB", "UAH", "JPY", "CHF", "ZAR", "PLN",
        "RON", "ARS", "COP", "MXN", "CZK", "NGN",
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Universe:
    """The choice: members by falling volume, candidates among them, and what it takes to remember for the next one."""

    members: tuple[str, ...] = ()
    candidates: frozenset[str] = frozenset()
    volume: Mapping[str, float] = field(default_factory=dict)
    low_checks: Mapping[str, int] = field(default_factory=dict)  # checks in a row below the leaving threshold

    def rank(self, symbol: str) -> int | None:
        """1 for the highest 24 h quote volume; None for symbols outside."""
        try:
            return self.members.index(symbol) + 1
        except ValueError:
            return None


def choose(
    settings: UniverseSettings,
    instruments: Mapping[str, Instrument],
    volume: Mapping[str, float],
    held: Collection[str],
    before: Universe,
    now_ms: int,
    all_candidates: bool = False,
) -> Universe:
    """The universe of this moment.

    `volume` is 24 h quote volume; `held` are symbols with positions, open signals or a place on the watch list;
    `all_candidates` lifts the tests of volume, age and kind, as on an embedded exchange.
    """
    kept = frozenset(held) | frozenset(settings.pinned) | {ANCHOR}
    wanted = {symbol for symbol, instrument in instruments.items() if _watched(settings, instrument)}
    members = wanted | {symbol for symbol in kept if symbol in instruments}
    ordered = sorted(members, key=lambda symbol: (-volume.get(symbol, 0.0), symbol))
    if settings.max_symbols:
        ordered = _capped(ordered, kept, settings.max_symbols)
    low = {symbol: _low_checks(symbol, settings, volume, before) for symbol in ordered}
    candidates = frozenset(
        symbol
        for symbol in ordered
        if symbol in wanted
        and (
            all_candidates
            or (_mature(instruments[symbol], settings, now_ms) and _liquid(symbol, settings, volume, before, low))
        )
    )
    return Universe(tuple(ordered), candidates, {symbol: volume.get(symbol, 0.0) for symbol in ordered}, low)


def difference(before: Universe, after: Universe) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(added, removed) members, added by falling volume."""
    old, new = set(before.members), set(after.members)
    return tuple(s for s in after.members if s not in old), tuple(s for s in before.members if s not in new)


def load_order(universe: Universe, held: Collection[str]) -> list[str]:
    """In which order symbols are loaded: what is held first, then BTCUSDT, then by volume."""
    first = [symbol for symbol in universe.members if symbol in held]
    anchor = [ANCHOR] if ANCHOR in universe.members and ANCHOR not in held else []
    rest: Iterable[str] = (symbol for symbol in universe.members if symbol not in held and symbol != ANCHOR)
    return [*first, *anchor, *rest]


def _watched(settings: UniverseSettings, instrument: Instrument) -> bool:
    if instrument.status != "TRADING" or instrument.quote != QUOTE or instrument.symbol in settings.blocked:
        return False
    return not settings.symbols or instrument.symbol in settings.symbols


def _capped(ordered: list[str], kept: Collection[str], count: int) -> list[str]:
    room = max(0, count - sum(1 for symbol in ordered if symbol in kept))
    chosen = []
    for symbol in ordered:
        if symbol in kept:
            chosen.append(symbol)
        elif room > 0:
            room -= 1
            chosen.append(symbol)
    return chosen


def _mature(instrument: Instrument, settings: UniverseSettings, now_ms: int) -> bool:
    old_enough = now_ms - instrument.onboard_ms >= settings.min_age_days * DAY_MS
    return old_enough and instrument.base not in MONEY


def _low_checks(symbol: str, settings: UniverseSettings, volume: Mapping[str, float], before: Universe) -> int:
    low = volume.get(symbol, 0.0) < LEAVE_SHARE * settings.min_quote_volume
    return before.low_checks.get(symbol, 0) + 1 if low else 0


def _liquid(
    symbol: str,
    settings: UniverseSettings,
    volume: Mapping[str, float],
    before: Universe,
    low_checks: Mapping[str, int],
) -> bool:
    if volume.get(symbol, 0.0) >= settings.min_quote_volume:
        return True
    return symbol in before.candidates and low_checks[symbol] < LEAVE_AFTER
