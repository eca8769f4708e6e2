"""REST queries about the account (section 3.3)."""

from __future__ import annotations

from typing import Any

from engine.sim import account_answers, answers, figures
from engine.sim.account import Account
from engine.sim.margin import margins
from engine.sim.parameters import Params
from engine.sim.venue import TAKER_FEE, Venue

_RPI_FEE = "0.00005"
_ORDER_LIMITS = (("SECOND", 10, 300), ("MINUTE", 1, 1200))
_INDICATORS = (("UFR", 0.05, 0.995), ("IFER", 0.99, 0.99), ("GCR", 0.99, 0.99))


class AccountRequests:
    """Reading the account; nothing here changes it."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    def account_v2(self, account: Account, params: Params, now_ms: int) -> Any:
        return account_answers.account_v2(account, self._venue, margins(account, self._venue))

    def account_v3(self, account: Account, params: Params, now_ms: int) -> Any:
        return account_answers.account_v3(account, self._venue, margins(account, self._venue))

    def balance(self, account: Account, params: Params, now_ms: int) -> Any:
        return [account_answers.balance_row(account, margins(account, self._venue))]

    def position_risk_v2(self, account: Account, params: Params, now_ms: int) -> Any:
        return account_answers.position_risk_v2(account, self._venue, self._symbol(params))

    def position_risk_v3(self, account: Account, params: Params, now_ms: int) -> Any:
        return account_answers.position_risk_v3(account, self._venue, self._symbol(params))

    def config(self, account: Account, params: Params, now_ms: int) -> Any:
        return {
            "feeTier": 0,
            "canTrade": True,
            "canDeposit": True,
            "canWithdraw": True,
            "dualSidePosition": account.hedge,
            "updateTime": 0,
            "multiAssetsMargin": account.multi_assets,
            "tradeGroupId": -1,
        }

    def symbol_config(self, account: Account, params: Params, now_ms: int) -> Any:
        symbol = self._symbol(params)
        return [
            {
                "symbol": name,
                "marginType": "ISOLATED" if account.is_isolated(name) else "CROSSED",
                "isAutoAddMargin": False,
                "leverage": account.leverage(name),
                "maxNotionalValue": account_answers.max_notional(account, self._venue, name),
            }
            for name in ([symbol] if symbol is not None else self._venue.market.symbols)
        ]

    def brackets(self, account: Account, params: Params, now_ms: int) -> Any:
        """GET leverageBracket: an array, also with a symbol."""
        symbol = self._symbol(params)
        names = [symbol] if symbol is not None else self._venue.market.symbols
        return [{"symbol": name, "brackets": self._venue.market.brackets(name)} for name in names]

    def commission(self, account: Account, params: Params, now_ms: int) -> Any:
        symbol = params.required("symbol")
        self._venue.rules(symbol)
        return {
            "symbol": symbol,
            "makerCommissionRate": figures.bare(self._venue.maker_fee),
            "takerCommissionRate": figures.bare(TAKER_FEE),
            "rpiCommissionRate": _RPI_FEE,
        }

    def income(self, account: Account, params: Params, now_ms: int) -> Any:
        """GET income, by time; from a start onwards the oldest first, without one the newest of the last week."""
        symbol, kind = params.text("symbol"), params.text("incomeType")
        limit = params.limit(100, 1000)
        start, end = params.window(now_ms, span_ms=90 * 86_400_000)
        if params.text("startTime") is None and params.text("endTime") is None:
            start = now_ms - 7 * 86_400_000
        rows = [
            row
            for row in account.wallet.incomes
            if start <= row.at_ms <= end and symbol in {None, row.symbol} and kind in {None, row.kind}
        ]
        chosen = rows[:limit] if params.text("startTime") is not None else rows[-limit:]
        return [answers.income_row(row) for row in chosen]

    def order_limits(self, account: Account, params: Params, now_ms: int) -> Any:
        return [
            {"rateLimitType": "ORDERS", "interval": interval, "intervalNum": number, "limit": limit}
            for interval, number, limit in _ORDER_LIMITS
        ]

    def trading_status(self, account: Account, params: Params, now_ms: int) -> Any:
        """GET apiTradingStatus: an account in good standing."""
        symbol = self._symbol(params)
        traded = [symbol] if symbol is not None else sorted({order.symbol for order in account.orders.values()})
        indicators = {name: [_indicator(*row) for row in _INDICATORS] for name in traded}
        return {"indicators": indicators, "updateTime": now_ms}

    def adl_quantile(self, account: Account, params: Params, now_ms: int) -> Any:
        symbol = self._symbol(params)
        rows = account_answers.adl_quantile(account, self._venue)
        return [row for row in rows if symbol in {None, row["symbol"]}]

    def _symbol(self, params: Params) -> str | None:
        symbol = params.text("symbol")
        if symbol is not None:
            self._venue.rules(symbol)
        return symbol


def _indicator(name: str, value: float, trigger: float) -> dict[str, Any]:
    return {"isLocked": False, "plannedRecoverTime": 0, "indicator": name, "value": value, "triggerValue": trigger}
