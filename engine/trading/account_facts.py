"""Margin, brackets and commission rates at hand, so that an approval asks nobody: fetched before, kept fresh aside."""

from __future__ import annotations

from decimal import Decimal

from engine.clock import Clock
from engine.errors import DataError, ExchangeError
from engine.exchange.orders import AccountState, Bracket, Gateway, WalletChanged
from engine.trading.risk import Account

_EVERY_S = 10.0
_SOON_S = 1.0
_READ_ERRORS = (ExchangeError, DataError, TimeoutError)


class AccountFacts:
    """What the account may do. `paper_equity` stands in until the account has been read."""

    def __init__(self, gateway: Gateway, clock: Clock, paper_equity: Decimal) -> None:
        self._gateway = gateway
        self._clock = clock
        self._paper = paper_equity
        self._state: AccountState | None = None
        self._brackets: dict[str, tuple[Bracket, ...]] = {}
        self._rates: dict[str, tuple[Decimal, Decimal]] = {}
        self._dirty = False

    @property
    def equity(self) -> Decimal:
        """Wallet and open results together."""
        return self._state.margin_balance if self._state is not None else self._paper

    async def run(self) -> None:
        """Read the account again every ten seconds, and soon after a wallet event."""
        waited_s = 0.0
        while True:
            await self._clock.sleep(_SOON_S)
            waited_s += _SOON_S
            if self._dirty or self._state is None or waited_s >= _EVERY_S:
                waited_s = 0.0
                await self.refresh()

    async def refresh(self) -> bool:
        """Read the account now; False when it could not be read, and the last reading stands."""
        try:
            self._state = await self._gateway.account()
        except _READ_ERRORS:
            return False
        self._dirty = False
        return True

    def on_wallet(self, _event: WalletChanged) -> None:
        """Money moved: read again soon."""
        self._dirty = True

    async def warm(self, symbol: str) -> None:
        """Fetch what an approval on this symbol will need. What cannot be read now is tried again next time."""
        try:
            if symbol not in self._brackets:
                self._brackets[symbol] = tuple(await self._gateway.brackets(symbol))
            if symbol not in self._rates:
                self._rates[symbol] = await self._gateway.commission(symbol)
        except _READ_ERRORS:
            return

    def account(self, symbol: str) -> Account:
        """The picture risk judges by."""
        maker, taker = self._rates.get(symbol, (None, None))
        brackets = self._brackets.get(symbol, ())
        state = self._state
        if state is None:
            return Account(self._paper, self._paper, self._paper, brackets=brackets, maker=maker, taker=taker)
        return Account(
            equity=state.margin_balance,
            wallet=state.wallet,
            available=state.available,
            maintenance=state.maintenance,
            unrealized=state.unrealized,
            brackets=brackets,
            maker=maker,
            taker=taker,
        )
