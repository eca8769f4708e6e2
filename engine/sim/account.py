"""One account of the simulated exchange: wallet, settings, positions, and every order it ever placed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal

from engine.sim.figures import ZERO
from engine.sim.orders import Amendment, Conditional, Order, Trade
from engine.sim.positions import Position
from engine.sim.wallet import Wallet


class Account:
    """State only; the rules that change it live in the modules named after them."""

    def __init__(self, name: str, leverage: int, max_leverage: Callable[[str], int]) -> None:
        self.name = name
        self.wallet = Wallet()
        self.hedge = False
        self.multi_assets = False
        self.fee_burn = True
        self.warned = False  # a margin call is out and not yet cured
        self.isolated: set[str] = set()
        self.countdowns: dict[str, int] = {}
        self.positions: dict[str, dict[str, Position]] = {}
        self.orders: dict[int, Order] = {}
        self.resting: dict[str, dict[int, Order]] = {}
        self.conditionals: dict[int, Conditional] = {}
        self.armed: dict[str, dict[int, Conditional]] = {}
        self.trades: list[Trade] = []
        self.amendments: list[Amendment] = []
        self._leverage: dict[str, int] = {}
        self._default_leverage = leverage
        self._max_leverage = max_leverage

    def leverage(self, symbol: str) -> int:
        return self._leverage.get(symbol) or min(self._default_leverage, self._max_leverage(symbol))

    def set_leverage(self, symbol: str, leverage: int) -> None:
        self._leverage[symbol] = leverage

    def position(self, symbol: str, side: str) -> Position:
        """The position of a symbol and side; an empty one is kept from the first question on."""
        sides = self.positions.setdefault(symbol, {})
        if side not in sides:
            sides[side] = Position(symbol, side)
        return sides[side]

    def held(self, symbol: str | None = None) -> Iterator[Position]:
        """Positions that are not flat, of one symbol or of all."""
        groups = [self.positions.get(symbol, {})] if symbol is not None else list(self.positions.values())
        for sides in groups:
            for position in sides.values():
                if position.qty:
                    yield position

    def open_orders(self, symbol: str | None = None) -> list[Order]:
        """Resting plain orders, oldest first."""
        groups = [self.resting.get(symbol, {})] if symbol is not None else list(self.resting.values())
        return sorted((order for group in groups for order in group.values()), key=lambda order: order.order_id)

    def open_conditionals(self, symbol: str | None = None) -> list[Conditional]:
        """Untriggered conditional orders, oldest first."""
        groups = [self.armed.get(symbol, {})] if symbol is not None else list(self.armed.values())
        return sorted((algo for group in groups for algo in group.values()), key=lambda algo: algo.algo_id)

    def is_isolated(self, symbol: str) -> bool:
        return symbol in self.isolated

    @property
    def cross_wallet(self) -> Decimal:
        """What is not locked into isolated positions."""
        return self.wallet.balance - sum((position.isolated_wallet for position in self.held()), ZERO)

    def touches(self, symbol: str) -> bool:
        """Whether a price of this symbol can matter to the account at all."""
        return bool(self.resting.get(symbol) or self.armed.get(symbol) or any(self.held(symbol)))
