"""What every job of the account side shares: the market, the numbers given out, the events on their way."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from engine.sim.account import Account
from engine.sim.brackets import Ladder
from engine.sim.codes import refuse
from engine.sim.contract import MarketSide, SymbolRules
from engine.sim.ids import Ids
from engine.sim.script import Script

MAKER_FEE = Decimal("0.0002")
TAKER_FEE = Decimal("0.0005")


class Venue:
    """Shared ground of matching, conditionals, funding and liquidation."""

    def __init__(self, market: MarketSide, seed: int, maker_fee: Decimal = MAKER_FEE) -> None:
        self.market = market
        self.maker_fee = maker_fee
        self.ids = Ids(seed)
        self.script = Script()
        self._events: list[tuple[str, dict[str, Any]]] = []
        self._known: frozenset[str] = frozenset()
        self._ladders: dict[str, Ladder] = {}

    def emit(self, account: Account, event: dict[str, Any]) -> None:
        """Put an event on the account's private stream."""
        self._events.append((account.name, event))

    def drain(self) -> list[tuple[str, dict[str, Any]]]:
        events, self._events = self._events, []
        return events

    def listed(self, symbol: str) -> bool:
        if symbol not in self._known:
            self._known = frozenset(self.market.symbols)
        return symbol in self._known

    def rules(self, symbol: str) -> SymbolRules:
        """The rules of a listed symbol; any other is refused (-1121)."""
        if not self.listed(symbol):
            raise refuse(-1121)
        return self.market.rules(symbol)

    def ladder(self, symbol: str) -> Ladder:
        """Leverage brackets of a symbol."""
        if symbol not in self._ladders:
            self._ladders[symbol] = Ladder.of(self.market.brackets(symbol))
        return self._ladders[symbol]

    def price(self, symbol: str, working_type: str) -> Decimal:
        """The price a trigger looks at."""
        return self.market.mark(symbol) if working_type == "MARK_PRICE" else self.market.last(symbol)
