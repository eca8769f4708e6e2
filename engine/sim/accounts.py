"""The account half of the simulated exchange behind one door: requests in, answers and private events out.

No I/O and no clock: exchange time comes with every call, and the same calls with the same seed give the same numbers.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar

from engine.sim.account import Account
from engine.sim.account_paths import ACCOUNT_PATHS
from engine.sim.account_requests import AccountRequests
from engine.sim.algo_requests import AlgoRequests
from engine.sim.codes import Refused, refuse
from engine.sim.conditionals import Conditionals
from engine.sim.contract import MarketSide
from engine.sim.funding import Funding
from engine.sim.liquidation import Liquidation
from engine.sim.listen_keys import ListenKeys
from engine.sim.matching import Matching
from engine.sim.order_history import OrderHistory
from engine.sim.order_requests import OrderRequests
from engine.sim.parameters import Params
from engine.sim.setting_requests import SettingRequests
from engine.sim.venue import MAKER_FEE, Venue

__all__ = ["ACCOUNT_PATHS", "AccountBook"]

T = TypeVar("T")
Handler = Callable[[Account, Params, int], Any]


class AccountBook:
    """All accounts of the exchange (`AccountSide` of the seam)."""

    def __init__(
        self, market: MarketSide, balance: Decimal, seed: int, leverage: int = 20, maker_fee: Decimal = MAKER_FEE
    ) -> None:
        self._venue = Venue(market, seed, maker_fee)
        self._balance = balance
        self._leverage = leverage
        self._accounts: dict[str, Account] = {}
        self._now_ms = 0
        self._busy = False
        self._waiting: deque[tuple[str, Decimal, Decimal, int, bool]] = deque()
        self._matching = Matching(self._venue)
        self._conditionals = Conditionals(self._venue, self._matching)
        self._liquidation = Liquidation(self._venue, self._matching)
        self._funding = Funding(self._venue)
        self._keys = ListenKeys(self._venue)
        self._orders = OrderRequests(self._venue, self._matching)
        self._routes = self._served()

    def open_account(self, name: str, now_ms: int = 0) -> None:
        """Open an account with the starting balance; an account that exists is left as it is."""
        if name in self._accounts:
            return
        account = Account(name, self._leverage, lambda symbol: self._venue.ladder(symbol).max_leverage)
        account.wallet.book("TRANSFER", self._balance, now_ms, self._venue.ids.transfer())
        self._accounts[name] = account

    # -- the seam ------------------------------------------------------------------------------------------------

    def on_price(self, symbol: str, last: Decimal, mark: Decimal, now_ms: int) -> None:
        """Liquidate, then trigger, then fill resting orders.

        A price printed by a trade of an account waits for the end of it, and fills no resting order: nobody is hit by
        the remainder of the order that made the price.
        """
        self._waiting.append((symbol, last, mark, now_ms, self._busy))
        if not self._busy:
            self._catch_up()

    def on_time(self, now_ms: int) -> None:
        """Funding, good-till dates, countdowns, listen keys."""
        self._alone(lambda: self._pass_time(now_ms))

    def request(
        self, method: str, path: str, params: dict[str, str], account: str | None, now_ms: int
    ) -> tuple[int, Any]:
        """Answer one request: (HTTP status, JSON body). Refusals are answers."""
        self._now_ms = max(self._now_ms, now_ms)
        try:
            handler = self._routes.get((method, path))
            if handler is None:
                raise refuse(-5000, path=path, method=method)
            if account is None or account not in self._accounts:
                raise refuse(-2015)
            owner = self._accounts[account]
            return 200, self._alone(lambda: handler(owner, Params(params), now_ms))
        except Refused as refusal:
            return refusal.status, refusal.body

    def drain(self) -> list[tuple[str, dict[str, Any]]]:
        """Private events since the last call, (account, event)."""
        return self._venue.drain()

    # -- what doors ask ------------------------------------------------------------------------------------------

    def drain_forced(self) -> list[dict[str, Any]]:
        """Public forceOrder events since the last call."""
        return self._liquidation.drain()

    def listen_key_owner(self, key: str) -> str | None:
        """The account whose living listen key this is."""
        return self._keys.owner(key)

    # -- scripted trouble ----------------------------------------------------------------------------------------

    def reject_next(self, kind: str, code: int, count: int = 1) -> None:
        """Refuse the next requests of a kind (`script.KINDS`); "trigger" rejects a conditional order at its trigger."""
        self._venue.script.reject(kind, code, count)

    def fill_partially_next(self, share: Decimal) -> None:
        """Fill only this share of the next resting order that is touched."""
        self._venue.script.fill_part(share)

    def liquidate(self, symbol: str, account: str | None = None) -> bool:
        """Liquidate the position in a symbol whatever its margin; False when there is none."""
        owner = self._owner(symbol, account)
        if owner is None:
            return False
        position = next(owner.held(symbol))
        self._alone(lambda: self._liquidation.close(owner, position, self._now_ms))
        return True

    def adl(self, symbol: str, qty: Decimal, account: str | None = None) -> bool:
        """Deleverage up to `qty` of the position in a symbol; False when there is none."""
        owner = self._owner(symbol, account)
        if owner is None:
            return False
        position = next(owner.held(symbol))
        self._alone(lambda: self._liquidation.deleverage(owner, position, qty, self._now_ms))
        return True

    def trade_by_other(
        self, symbol: str, side: str, qty: Decimal, account: str, reduce_only: bool = False
    ) -> tuple[int, Any]:
        """Another program of the same user trades at market."""
        params = {"symbol": symbol, "side": side, "type": "MARKET", "quantity": f"{qty:f}"}
        params |= {"newClientOrderId": f"web_{self._venue.ids.client_id()}", "newOrderRespType": "RESULT"}
        if reduce_only:
            params["reduceOnly"] = "true"
        return self.request("POST", "/fapi/v1/order", params, account, self._now_ms)

    def close_by_other(self, symbol: str, account: str | None = None) -> bool:
        """Another program of the same user closes the position; False when there is none."""
        owner = self._owner(symbol, account)
        if owner is None:
            return False
        position = next(owner.held(symbol))
        side = "SELL" if position.qty > 0 else "BUY"
        params = {"symbol": symbol, "side": side, "type": "MARKET", "quantity": f"{abs(position.qty):f}"}
        params |= {"newClientOrderId": f"web_{self._venue.ids.client_id()}", "positionSide": position.side}
        if not owner.hedge:
            params["reduceOnly"] = "true"
        status, _ = self.request("POST", "/fapi/v1/order", params, owner.name, self._now_ms)
        return status == 200

    def cancel_by_other(self, symbol: str, client_id: str, account: str) -> bool:
        """Another program of the same user cancels an order, plain or conditional; False when it is not open."""
        ids = {"symbol": symbol, "origClientOrderId": client_id, "clientAlgoId": client_id}
        answers = (
            self.request("DELETE", path, ids, account, self._now_ms)
            for path in ("/fapi/v1/order", "/fapi/v1/algoOrder")
        )
        return any(status == 200 for status, _ in answers)

    def expire_listen_key(self, account: str) -> None:
        """End the account's listen key before its time."""
        self._keys.expire(self._accounts[account], self._now_ms)

    # -- inside --------------------------------------------------------------------------------------------------

    def _owner(self, symbol: str, account: str | None) -> Account | None:
        """The named account, or the first one, if it holds a position in the symbol."""
        names = [account] if account is not None else list(self._accounts)
        return next((self._accounts[name] for name in names if any(self._accounts[name].held(symbol))), None)

    def _alone(self, act: Callable[[], T]) -> T:
        """Run one job to its end before the prices it prints are looked at."""
        if self._busy:
            return act()
        self._busy = True
        try:
            return act()
        finally:
            self._busy = False
            self._catch_up()

    def _catch_up(self) -> None:
        self._busy = True
        try:
            while self._waiting:
                self._follow_price(*self._waiting.popleft())
        finally:
            self._busy = False

    def _follow_price(self, symbol: str, last: Decimal, mark: Decimal, now_ms: int, own: bool) -> None:
        self._now_ms = max(self._now_ms, now_ms)
        for account in self._accounts.values():
            if account.touches(symbol):
                self._liquidation.check(account, symbol, now_ms)
                self._conditionals.on_price(account, symbol, last, mark, now_ms)
                if not own:
                    self._matching.cross(account, symbol, last, now_ms)

    def _pass_time(self, now_ms: int) -> None:
        self._now_ms = max(self._now_ms, now_ms)
        self._funding.on_time(list(self._accounts.values()), now_ms)
        for account in self._accounts.values():
            self._orders.on_time(account, now_ms)
            self._conditionals.on_time(account, now_ms)
            self._keys.on_time(account, now_ms)

    def _served(self) -> dict[tuple[str, str], Handler]:
        orders, history = self._orders, OrderHistory(self._venue)
        algos, settings = AlgoRequests(self._venue, self._conditionals), SettingRequests(self._venue)
        reads, keys = AccountRequests(self._venue), self._keys
        return {
            ("POST", "/fapi/v1/order"): orders.place,
            ("PUT", "/fapi/v1/order"): orders.modify,
            ("DELETE", "/fapi/v1/order"): orders.cancel,
            ("GET", "/fapi/v1/order"): history.one,
            ("POST", "/fapi/v1/order/test"): orders.test,
            ("POST", "/fapi/v1/batchOrders"): orders.place_batch,
            ("PUT", "/fapi/v1/batchOrders"): orders.modify_batch,
            ("DELETE", "/fapi/v1/batchOrders"): orders.cancel_batch,
            ("DELETE", "/fapi/v1/allOpenOrders"): orders.cancel_all,
            ("POST", "/fapi/v1/countdownCancelAll"): orders.countdown,
            ("GET", "/fapi/v1/openOrder"): history.one_open,
            ("GET", "/fapi/v1/openOrders"): history.open,
            ("GET", "/fapi/v1/allOrders"): history.all,
            ("GET", "/fapi/v1/userTrades"): history.trades,
            ("GET", "/fapi/v1/orderAmendment"): history.amendments,
            ("GET", "/fapi/v1/forceOrders"): history.forced,
            ("POST", "/fapi/v1/algoOrder"): algos.place,
            ("DELETE", "/fapi/v1/algoOrder"): algos.cancel,
            ("GET", "/fapi/v1/algoOrder"): algos.one,
            ("GET", "/fapi/v1/openAlgoOrders"): algos.open,
            ("GET", "/fapi/v1/allAlgoOrders"): algos.all,
            ("DELETE", "/fapi/v1/algoOpenOrders"): algos.cancel_all,
            ("POST", "/fapi/v1/leverage"): settings.leverage,
            ("POST", "/fapi/v1/marginType"): settings.margin_type,
            ("POST", "/fapi/v1/positionMargin"): settings.position_margin,
            ("GET", "/fapi/v1/positionSide/dual"): settings.position_mode,
            ("POST", "/fapi/v1/positionSide/dual"): settings.set_position_mode,
            ("GET", "/fapi/v1/multiAssetsMargin"): settings.asset_mode,
            ("POST", "/fapi/v1/multiAssetsMargin"): settings.set_asset_mode,
            ("GET", "/fapi/v1/feeBurn"): settings.fee_burn,
            ("POST", "/fapi/v1/feeBurn"): settings.set_fee_burn,
            ("GET", "/fapi/v2/account"): reads.account_v2,
            ("GET", "/fapi/v3/account"): reads.account_v3,
            ("GET", "/fapi/v2/balance"): reads.balance,
            ("GET", "/fapi/v3/balance"): reads.balance,
            ("GET", "/fapi/v2/positionRisk"): reads.position_risk_v2,
            ("GET", "/fapi/v3/positionRisk"): reads.position_risk_v3,
            ("GET", "/fapi/v1/accountConfig"): reads.config,
            ("GET", "/fapi/v1/symbolConfig"): reads.symbol_config,
            ("GET", "/fapi/v1/leverageBracket"): reads.brackets,
            ("GET", "/fapi/v1/commissionRate"): reads.commission,
            ("GET", "/fapi/v1/income"): reads.income,
            ("GET", "/fapi/v1/rateLimit/order"): reads.order_limits,
            ("GET", "/fapi/v1/apiTradingStatus"): reads.trading_status,
            ("GET", "/fapi/v1/adlQuantile"): reads.adl_quantile,
            ("POST", "/fapi/v1/listenKey"): keys.create,
            ("PUT", "/fapi/v1/listenKey"): keys.renew,
            ("DELETE", "/fapi/v1/listenKey"): keys.close,
        }
