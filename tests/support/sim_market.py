"""A market the account side can be tested against: fixed books around a price that only moves when told to."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from engine.sim.accounts import AccountBook
from engine.sim.contract import Level, SymbolRules

START_MS = 1_795_305_600_000
HOUR_MS = 3_600_000
D = Decimal

_BRACKETS = (
    (1, 125, 0, 300_000, 0.004, 0.0),
    (2, 100, 300_000, 800_000, 0.005, 300.0),
    (3, 75, 800_000, 3_000_000, 0.0065, 1_500.0),
    (4, 50, 3_000_000, 12_000_000, 0.01, 12_000.0),
)


def rules(symbol: str, **changed: Any) -> SymbolRules:
    """BTCUSDT-like rules: tick 0.10 written with two decimals, step 0.001, at least 50 USDT."""
    facts: dict[str, Any] = {
        "symbol": symbol,
        "status": "TRADING",
        "tick": D("0.10"),
        "step": D("0.001"),
        "market_step": D("0.001"),
        "min_qty": D("0.001"),
        "max_qty": D(1000),
        "market_min_qty": D("0.001"),
        "market_max_qty": D(120),
        "min_notional": D(50),
        "min_price": D("261.10"),
        "max_price": D(809_484),
        "multiplier_up": D("1.05"),
        "multiplier_down": D("0.95"),
        "max_orders": 200,
        "trigger_protect": D("0.05"),
        "market_take_bound": D("0.05"),
        "liquidation_fee": D("0.0125"),
        "row": {"symbol": symbol, "pricePrecision": 2, "quantityPrecision": 3},
    }
    return SymbolRules(**(facts | changed))


class FakeMarket:
    """`MarketSide` with one price per symbol, a spread of two ticks and `depth` levels of `size` a tick apart."""

    def __init__(self, price: str = "90000", symbols: Sequence[str] = ("BTCUSDT", "ETHUSDT")) -> None:
        self.symbols = symbols
        self.changed: dict[str, dict[str, Any]] = {name: {} for name in symbols}
        self.prices = {name: D(price) for name in symbols}
        self.marks = {name: D(price) for name in symbols}
        self.size, self.depth = D(1000), 10
        self.funding = (D("0.0001"), START_MS + 8 * HOUR_MS)
        self.book: AccountBook | None = None  # told of the prices its own trades print

    def rules(self, symbol: str) -> SymbolRules:
        return rules(symbol, **self.changed[symbol])

    def last(self, symbol: str) -> Decimal:
        return self.prices[symbol]

    def mark(self, symbol: str) -> Decimal:
        return self.marks[symbol]

    def best(self, symbol: str) -> tuple[Decimal, Decimal]:
        tick = self.rules(symbol).tick
        return self.prices[symbol] - tick, self.prices[symbol] + tick

    def ladder(self, symbol: str, side: str, limit: int) -> list[Level]:
        bid, ask = self.best(symbol)
        tick = self.rules(symbol).tick
        start, step = (ask, tick) if side == "BUY" else (bid, -tick)
        return [Level(start + step * index, self.size) for index in range(min(limit, self.depth))]

    def take(self, symbol: str, side: str, qty: Decimal, worst: Decimal | None, now_ms: int) -> list[Level]:
        taken: list[Level] = []
        sign = 1 if side == "BUY" else -1
        for level in self.ladder(symbol, side, self.depth):
            if qty <= 0 or (worst is not None and (level.price - worst) * sign > 0):
                break
            taken.append(Level(level.price, min(qty, level.qty)))
            qty -= taken[-1].qty
        if taken and self.book is not None:
            self.book.on_price(symbol, self.prices[symbol], self.marks[symbol], now_ms)
        return taken

    def brackets(self, symbol: str) -> list[dict[str, Any]]:
        names = ("bracket", "initialLeverage", "notionalFloor", "notionalCap", "maintMarginRatio", "cum")
        return [dict(zip(names, row, strict=True)) for row in _BRACKETS]

    def funding_rate(self, symbol: str) -> tuple[Decimal, int]:
        return self.funding


class Bench:
    """A fake market and an account book on it, with the calls tests make all the time."""

    def __init__(self, balance: str = "10000", leverage: int = 20, seed: int = 7, price: str = "90000") -> None:
        self.market = FakeMarket(price)
        self.accounts = AccountBook(self.market, D(balance), seed, leverage)
        self.accounts.open_account("main", START_MS)
        self.market.book = self.accounts
        self.now_ms = START_MS + 1000

    def ask(self, method: str, path: str, **params: Any) -> tuple[int, Any]:
        raw = {name: str(value) for name, value in params.items() if value is not None}
        return self.accounts.request(method, f"/fapi/{path}", raw, "main", self.now_ms)

    def ok(self, method: str, path: str, **params: Any) -> Any:
        status, body = self.ask(method, path, **params)
        assert status == 200, body
        return body

    def code(self, method: str, path: str, **params: Any) -> int:
        """The code of a refusal."""
        status, body = self.ask(method, path, **params)
        assert status != 200, body
        return int(body["code"])

    def order(self, side: str, qty: Any, price: Any = None, symbol: str = "BTCUSDT", **more: Any) -> Any:
        return self.ok("POST", "v1/order", **self.terms(side, qty, price, symbol, **more))

    def refused(self, side: str, qty: Any, price: Any = None, symbol: str = "BTCUSDT", **more: Any) -> int:
        return self.code("POST", "v1/order", **self.terms(side, qty, price, symbol, **more))

    @staticmethod
    def terms(side: str, qty: Any, price: Any, symbol: str, **more: Any) -> dict[str, Any]:
        kind = {"type": "MARKET"} if price is None else {"type": "LIMIT", "price": price, "timeInForce": "GTC"}
        return {"symbol": symbol, "side": side, "quantity": qty, **kind, **more}

    def stop(self, side: str, trigger: Any, symbol: str = "BTCUSDT", **more: Any) -> Any:
        """A STOP_MARKET that closes the position, unless told otherwise."""
        return self.ok("POST", "v1/algoOrder", **self.stop_terms(side, trigger, symbol, **more))

    def stop_refused(self, side: str, trigger: Any, symbol: str = "BTCUSDT", **more: Any) -> int:
        return self.code("POST", "v1/algoOrder", **self.stop_terms(side, trigger, symbol, **more))

    @staticmethod
    def stop_terms(side: str, trigger: Any, symbol: str, **more: Any) -> dict[str, Any]:
        terms = {"symbol": symbol, "side": side, "algoType": "CONDITIONAL", "type": "STOP_MARKET"}
        return terms | {"triggerPrice": trigger, "closePosition": "true"} | more

    def move(self, last: Any, mark: Any = None, symbol: str = "BTCUSDT") -> list[dict[str, Any]]:
        """Move a market and return the private events it caused."""
        self.drain()
        self.now_ms += 100
        self.market.prices[symbol] = D(str(last))
        self.market.marks[symbol] = D(str(mark if mark is not None else last))
        self.accounts.on_price(symbol, self.market.prices[symbol], self.market.marks[symbol], self.now_ms)
        return self.drain()

    def wait(self, ms: int) -> list[dict[str, Any]]:
        """Let time pass and return the private events it caused."""
        self.drain()
        self.now_ms += ms
        self.accounts.on_time(self.now_ms)
        return self.drain()

    def drain(self) -> list[dict[str, Any]]:
        return [event for _, event in self.accounts.drain()]

    def position(self, symbol: str = "BTCUSDT", side: str = "BOTH") -> Decimal:
        rows = self.ok("GET", "v3/positionRisk", symbol=symbol)
        return next((D(row["positionAmt"]) for row in rows if row["positionSide"] == side), D(0))

    def wallet(self) -> Decimal:
        return D(self.ok("GET", "v3/account")["totalWalletBalance"])

    def open_ids(self) -> list[str]:
        return [row["clientOrderId"] for row in self.ok("GET", "v1/openOrders")]

    def armed_ids(self) -> list[str]:
        return [row["clientAlgoId"] for row in self.ok("GET", "v1/openAlgoOrders")]


def orders(events: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """(client id, execution, status) of each ORDER_TRADE_UPDATE."""
    return [
        (event["o"]["c"], event["o"]["x"], event["o"]["X"]) for event in events if "o" in event and "x" in event["o"]
    ]


def algos(events: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """(client id, status) of each ALGO_UPDATE."""
    return [(event["o"]["caid"], event["o"]["X"]) for event in events if event["e"] == "ALGO_UPDATE"]
