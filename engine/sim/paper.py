"""Paper trading: the simulator's account in memory, priced by the live market the desk watches.

Orders reach it through the same client as on a real exchange; only the transport ends here. `LiveMarket` shows the
account side what the desk sees: its own books, marks and trading rules. Nothing is consumed from a real book.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from engine.sim.accounts import AccountBook
from engine.sim.contract import Level, SymbolRules
from engine.sim.listing import DEFAULT_BRACKETS
from engine.sim.symbols import Contract, load_contracts

ACCOUNT = "paper"
HOST = "http://paper.invalid"
SLIPPAGE_SHARE = Decimal("0.0002")  # paid where no book is at hand


@dataclass(frozen=True, slots=True)
class LiveSymbol:
    """What the desk sees of a symbol; levels are (price, quantity), best first, empty where no book is kept."""

    tick: Decimal
    step: Decimal
    min_qty: Decimal
    max_qty: Decimal
    market_min_qty: Decimal
    market_max_qty: Decimal
    min_notional: Decimal
    min_price: Decimal
    max_price: Decimal
    price_up: Decimal
    price_down: Decimal
    status: str
    last: Decimal
    mark: Decimal
    bids: tuple[tuple[Decimal, Decimal], ...] = ()
    asks: tuple[tuple[Decimal, Decimal], ...] = ()
    funding_rate: Decimal = Decimal(0)
    next_funding_ms: int = 0


class LiveMarket:
    """`MarketSide` over the desk's own eyes. `look` raises KeyError for a symbol that is not watched."""

    def __init__(self, symbols: Callable[[], Sequence[str]], look: Callable[[str], LiveSymbol]) -> None:
        self._symbols = symbols
        self._look = look
        self._recorded: dict[str, Contract] = {}

    @property
    def symbols(self) -> Sequence[str]:
        return self._symbols()

    def rules(self, symbol: str) -> SymbolRules:
        seen = self._look(symbol)
        decimals = max(0, -int(seen.tick.normalize().as_tuple().exponent))
        row = {
            "symbol": symbol, "status": seen.status, "pricePrecision": decimals,
            "quantityPrecision": max(0, -int(seen.step.normalize().as_tuple().exponent)),
            "quoteAsset": "USDT", "marginAsset": "USDT", "baseAsset": symbol.removesuffix("USDT"), "pair": symbol,
            "contractType": "PERPETUAL",
        }  # fmt: skip
        return SymbolRules(
            symbol=symbol, status=seen.status, tick=seen.tick, step=seen.step, market_step=seen.step,
            min_qty=seen.min_qty, max_qty=seen.max_qty, market_min_qty=seen.market_min_qty,
            market_max_qty=seen.market_max_qty, min_notional=seen.min_notional, min_price=seen.min_price,
            max_price=seen.max_price, multiplier_up=seen.price_up, multiplier_down=seen.price_down, max_orders=200,
            trigger_protect=Decimal("0.05"), market_take_bound=Decimal("0.05"), liquidation_fee=Decimal("0.0125"),
            row=row,
        )  # fmt: skip

    def last(self, symbol: str) -> Decimal:
        return self._look(symbol).last

    def mark(self, symbol: str) -> Decimal:
        return self._look(symbol).mark

    def best(self, symbol: str) -> tuple[Decimal, Decimal]:
        seen = self._look(symbol)
        if seen.bids and seen.asks:
            return seen.bids[0][0], seen.asks[0][0]
        return seen.last - seen.tick, seen.last + seen.tick

    def ladder(self, symbol: str, side: str, limit: int) -> list[Level]:
        seen = self._look(symbol)
        levels = seen.asks if side == "BUY" else seen.bids
        if levels:
            return [Level(price, qty) for price, qty in levels[:limit]]
        sign = 1 if side == "BUY" else -1
        price = (seen.last * (1 + sign * SLIPPAGE_SHARE) / seen.tick).to_integral_value() * seen.tick
        return [Level(price, seen.market_max_qty)]

    def take(self, symbol: str, side: str, qty: Decimal, worst: Decimal | None, now_ms: int) -> list[Level]:
        sign = 1 if side == "BUY" else -1
        taken: list[Level] = []
        for level in self.ladder(symbol, side, 1000):
            if qty <= 0 or (worst is not None and sign * (level.price - worst) > 0):
                break
            part = min(qty, level.qty)
            taken.append(Level(level.price, part))
            qty -= part
        return taken

    def brackets(self, symbol: str) -> list[dict[str, Any]]:
        """Those recorded of the symbol; a newer one gets the usual ones of a small contract."""
        if not self._recorded:
            self._recorded = load_contracts(())
        known = self._recorded.get(symbol)
        return list(known.brackets) if known is not None else usual_brackets()

    def funding_rate(self, symbol: str) -> tuple[Decimal, int]:
        seen = self._look(symbol)
        return seen.funding_rate, seen.next_funding_ms


def usual_brackets() -> list[dict[str, Any]]:
    """Brackets of a contract nothing was recorded of."""
    cum, rows, last_ratio = 0.0, [], 0.0
    for number, leverage, floor, cap, ratio in DEFAULT_BRACKETS:
        cum += floor * (ratio - last_ratio)
        last_ratio = ratio
        rows.append({
            "bracket": number, "initialLeverage": leverage, "notionalCap": cap, "notionalFloor": floor,
            "maintMarginRatio": ratio, "cum": cum,
        })  # fmt: skip
    return rows


class PaperExchange:
    """The account behind an HTTP and a WebSocket transport. Events leave in the order they happened."""

    def __init__(self, market: LiveMarket, balance: Decimal, seed: int, now_ms: Callable[[], int]) -> None:
        self._book = AccountBook(market, balance, seed)
        self._book.open_account(ACCOUNT, now_ms())
        self._now_ms = now_ms
        self._sockets: list[PaperSocket] = []

    def on_price(self, symbol: str, last: Decimal, mark: Decimal) -> None:
        """The live market moved."""
        now_ms = self._now_ms()
        self._book.on_price(symbol, last, mark, now_ms)
        self._book.on_time(now_ms)
        self._deliver()

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], timeout_s: float
    ) -> tuple[int, dict[str, str], bytes]:
        """One signed request, already judged by the client's own signing; (status, headers, body)."""
        parts = urlsplit(url)
        if parts.path == "/fapi/v1/time":
            status, body = 200, {"serverTime": self._now_ms()}
        elif parts.path == "/fapi/v1/ping":
            status, body = 200, {}
        else:
            params = dict(parse_qsl(parts.query, keep_blank_values=True))
            status, body = self._book.request(method, parts.path, params, ACCOUNT, self._now_ms())
        self._deliver()
        return status, {"content-type": "application/json"}, json.dumps(body).encode()

    def open_socket(self, url: str) -> PaperSocket:
        """A private stream."""
        socket = PaperSocket(self)
        self._sockets.append(socket)
        return socket

    def forget(self, socket: PaperSocket) -> None:
        if socket in self._sockets:
            self._sockets.remove(socket)

    def _deliver(self) -> None:
        for _, event in self._book.drain():
            text = json.dumps(event)
            for socket in self._sockets:
                socket.put(text)


class PaperSocket:
    """The private stream of the paper account."""

    def __init__(self, exchange: PaperExchange) -> None:
        self._exchange = exchange
        self._texts: asyncio.Queue[str] = asyncio.Queue()

    def put(self, text: str) -> None:
        self._texts.put_nowait(text)

    async def send(self, text: str) -> None:
        """The paper account listens to nobody on its stream."""

    async def receive(self) -> str:
        return await self._texts.get()

    async def close(self) -> None:
        self._exchange.forget(self)
