"""Margin, rates and brackets of the account as the risk gate reads them; asked for when they change, never guessed."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import structlog

from engine.clock import Clock
from engine.errors import DeskError
from engine.exchange.orders import AccountState, Bracket, Gateway, WalletChanged
from engine.money import ZERO, decimal
from engine.trading.risk import Account

log = structlog.get_logger("engine")

REFRESH_S = 15.0
MIN_PAUSE_S = 1.0


class AccountWatch:
    """Newest account figures. Without a gateway (no key) the paper equity of the settings stands in."""

    def __init__(self, gateway: Gateway | None, paper_equity: float, clock: Clock) -> None:
        self._gateway = gateway
        self._clock = clock
        self._paper = decimal(paper_equity)
        self._state: AccountState | None = None
        self._brackets: dict[str, tuple[Bracket, ...]] = {}
        self._commission: dict[str, tuple[Decimal, Decimal]] = {}
        self._asked = asyncio.Event()

    @property
    def equity(self) -> Decimal:
        """Margin balance, or the paper equity while no account was read."""
        return self._state.margin_balance if self._state is not None else self._paper

    @property
    def known(self) -> bool:
        """Whether the figures come from an account."""
        return self._state is not None

    def on_wallet(self, event: WalletChanged) -> None:
        """Money moved: ask again soon."""
        self._asked.set()

    async def refresh(self) -> None:
        """Ask for the account now. Raises ExchangeError."""
        if self._gateway is not None:
            self._state = await self._gateway.account()

    async def run(self) -> None:
        """Keep the figures fresh; an exchange that does not answer leaves the last ones standing."""
        while True:
            try:
                await self.refresh()
            except (DeskError, TimeoutError) as error:
                log.info("account_not_read", reason=str(error))
            self._asked.clear()
            try:
                async with asyncio.timeout(REFRESH_S):
                    await self._asked.wait()
            except TimeoutError:
                continue
            await self._clock.sleep(MIN_PAUSE_S)

    async def account(self, symbol: str) -> Account:
        """Everything risk needs about the account for one symbol. Raises ExchangeError when brackets cannot be read."""
        if self._gateway is None:
            return Account(equity=self._paper, wallet=self._paper, available=self._paper)
        if self._state is None:
            await self.refresh()
        if symbol not in self._brackets:
            self._brackets[symbol] = tuple(await self._gateway.brackets(symbol))
        if symbol not in self._commission:
            self._commission[symbol] = await self._gateway.commission(symbol)
        return self.known_account(symbol)

    def known_account(self, symbol: str) -> Account:
        """The same from what is at hand, without asking."""
        state = self._state
        if state is None:
            return Account(equity=self._paper, wallet=self._paper, available=self._paper)
        maker, taker = self._commission.get(symbol, (None, None))
        return Account(
            equity=state.margin_balance, wallet=state.wallet, available=state.available,
            maintenance=state.maintenance, unrealized=min(state.unrealized, ZERO),
            brackets=self._brackets.get(symbol, ()), maker=maker, taker=taker,
        )  # fmt: skip
