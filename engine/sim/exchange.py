"""One exchange without any I/O: requests in, answers out, time handed in by its clock.

Doors differ in how a request arrives; from here on it takes the same way: admission by address, key and signature,
the order budget, scripted trouble, then the market's or the account side's answer.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from engine.sim.account_paths import ACCOUNT_PATHS, order_cost
from engine.sim.accounts import AccountBook
from engine.sim.clockwork import ExchangeClock
from engine.sim.codes import Refused, refuse
from engine.sim.keys import Keys, Verifier
from engine.sim.market import Market
from engine.sim.parameters import Params
from engine.sim.pools import OverBudget, Pools
from engine.sim.public_answers import PublicAnswers
from engine.sim.signing import authenticate, check_signed, parameters
from engine.sim.tariff import CHARGES, ORDER_WRITES, Access, Pool
from engine.sim.trouble import Trouble
from engine.sim.venue import MAKER_FEE

LENIENT: dict[str, str] = {
    "legacy_routes": "unrouted stream paths push every stream",
    "avg_price_in_ack": "order answers carry avgPrice and cumQuote, as before 2026-06-30",
    "ban": "nobody is banned, however often a 429 is ignored",
    "listen_key": "a private socket opened with a wrong listen key hears the account all the same",
}
NEW_ORDERS = frozenset({("POST", "/fapi/v1/order"), ("POST", "/fapi/v1/algoOrder"), ("POST", "/fapi/v1/batchOrders")})
ORDER_ANSWERS = frozenset({("POST", "/fapi/v1/order"), ("PUT", "/fapi/v1/order"), ("DELETE", "/fapi/v1/order")})


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it arrived; query and body raw."""

    method: str
    path: str
    query: str = ""
    body: str = ""
    api_key: str | None = None
    address: str = "127.0.0.1"


@dataclass(slots=True)
class Answer:
    """What goes back: after `hold_s` wall seconds, or never when `lost`."""

    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)
    hold_s: float = 0.0
    lost: bool = False


class Exchange:
    """Market, accounts, budgets and trouble behind one `answer`."""

    def __init__(
        self,
        market: Market,
        clock: ExchangeClock,
        seed: int,
        balance: Decimal = Decimal(10_000),
        lenient: Collection[str] = (),
        ban_seconds: float = 120.0,
        maker_fee: Decimal = MAKER_FEE,
    ) -> None:
        self.market, self.clock = market, clock
        self.keys = Keys.of(seed)
        self.verifier = Verifier(self.keys, seed)
        self.lenient = frozenset(lenient)
        self.account = AccountBook(market, balance, seed, maker_fee=maker_fee)
        self.account.open_account(self.keys.account, market.now_ms)
        market.attach(self.account)
        self.pools = Pools(ban_seconds, bans="ban" not in self.lenient)
        self.public = PublicAnswers(market, clock.now_ms)
        self.trouble = Trouble(market, self.account, self.pools, clock)
        self.trouble.stale = self.public.keep_stale

    def catch_up(self) -> None:
        """Bring market and accounts to the present."""
        self.market.advance(self.clock.now_ms())
        self.trouble.tick()

    def answer(self, request: Request) -> Answer:
        """Answer one REST request."""
        self.catch_up()
        now_ms = self.clock.now_ms()
        charge = CHARGES.get((request.method, request.path))
        refused = self.trouble.lasting("region_refused")
        if refused is not None:
            return Answer(451, {"code": 0, "msg": "Service unavailable from a restricted location."})
        if charge is None:
            return _refusal(refuse(-5000, path=request.path, method=request.method))
        params = parameters(request.query, request.body)
        try:
            self.pools.admit(request.address, now_ms)
            used = self.pools.charge(request.address, charge.pool, charge.weigh(params), now_ms)
        except OverBudget as over:
            return over_budget(over)
        headers = {"X-MBX-USED-WEIGHT-1M": str(used)} if charge.pool is Pool.WEIGHT else {}
        try:
            account = None
            if charge.access is not Access.OPEN:
                account = authenticate(self.verifier, request.api_key)
            if charge.access is Access.SIGNED:
                key = request.api_key or ""
                check_signed(self.verifier, self.clock, key, request.query, request.body, params)
            if (request.method, request.path) in ORDER_WRITES:
                self.pools.count_socket(request.address, now_ms)
            answer = self.perform(request.method, request.path, params, account)
        except Refused as refusal:
            answer = _refusal(refusal)
        except OverBudget as over:
            return over_budget(over)
        answer.headers = headers | answer.headers
        return answer

    def perform(self, method: str, path: str, params: Mapping[str, str], account: str | None) -> Answer:
        """Do what an admitted request asks for. Raises Refused and OverBudget."""
        failing = self.trouble.lasting("server_error")
        if failing is not None and failing["path"] in (None, path):
            return Answer(int(failing["status"]), {"code": -1000, "msg": "An unknown error occurred."})
        if (method, path) not in ACCOUNT_PATHS:
            return Answer(200, self.public.handlers[path](Params(params)))
        headers: dict[str, str] = {}
        cost = order_cost(method, path, params)
        if cost != (0, 0):
            ten, minute = self.pools.charge_orders(account or "", cost, self.market.now_ms)
            headers = {"X-MBX-ORDER-COUNT-10S": str(ten), "X-MBX-ORDER-COUNT-1M": str(minute)}
        if method != "GET":
            self._follow(params)
        answer = self._troubled(method, path, params, account) if (method, path) in NEW_ORDERS else None
        if answer is None:
            answer = self._ask(method, path, params, account)
        if answer.status == 200:
            answer.headers = headers
        return answer

    def private_events(self) -> list[tuple[str, dict[str, Any]]]:
        """Private events since the last call, as (account, event)."""
        return self.account.drain()

    def _ask(self, method: str, path: str, params: Mapping[str, str], account: str | None) -> Answer:
        status, body = self.account.request(method, path, dict(params), account, self.market.now_ms)
        if status == 200 and (method, path) in ORDER_ANSWERS and "avg_price_in_ack" in self.lenient:
            ids = {"symbol": body["symbol"], "orderId": str(body["orderId"])}
            _, known = self.account.request("GET", "/fapi/v1/order", ids, account, self.market.now_ms)
            body = body | {name: known[name] for name in ("avgPrice", "cumQuote") if name in known}
        return Answer(status, body)

    def _troubled(self, method: str, path: str, params: Mapping[str, str], account: str | None) -> Answer | None:
        """The answer to a new order when trouble waits for it; None lets it pass."""
        trouble, conditional = self.trouble, path.endswith("/algoOrder")
        reduces = _true(params.get("reduceOnly")) or _true(params.get("closePosition"))
        if trouble.lasting("overload") is not None and not reduces:
            return _refusal(refuse(-1008))
        if conditional:
            if trouble.take("would_trigger") is not None:
                return _refusal(refuse(-2021))
            if (rejected := trouble.take("stop_rejected")) is not None:
                return _refusal(refuse(int(rejected["code"])))
        elif reduces and (rejected := trouble.take("reduce_only_rejected")) is not None:
            return _refusal(refuse(int(rejected["code"])))
        if params.get("type", "").upper() == "MARKET" and (thin := trouble.take("partial_fill")) is not None:
            self.market.thin(params.get("symbol", ""), Decimal(str(thin["share"])))
        for kind in ("submit_timeout_lost", "submit_timeout_accepted"):
            if (lost := trouble.take(kind)) is not None:
                if kind.endswith("accepted"):
                    self._ask(method, path, params, account)
                return Answer(504, {}, hold_s=float(lost["seconds"]), lost=True)
        if trouble.take("unknown_lost") is not None:
            return _refusal(refuse(-1007))
        if trouble.take("unknown_accepted") is not None:
            self._ask(method, path, params, account)
            return _refusal(refuse(-1007))
        if (late := trouble.take("fill_before_ack")) is not None:
            answer = self._ask(method, path, params, account)
            answer.hold_s = float(late["seconds"])
            return answer
        return None

    def _follow(self, params: Mapping[str, str]) -> None:
        """An account does business in these symbols: their prices matter one by one from now on."""
        if "symbol" in params:
            self.market.trade(params["symbol"])
        if "batchOrders" in params:
            for symbol in _symbols(params["batchOrders"]):
                self.market.trade(symbol)


def over_budget(over: OverBudget) -> Answer:
    """A refusal for want of budget; it carries no weight header."""
    return Answer(over.status, over.refusal.body, {"Retry-After": str(over.retry_after_s)})


def _refusal(refusal: Refused) -> Answer:
    return Answer(refusal.status, refusal.body)


def _true(text: str | None) -> bool:
    return (text or "").lower() == "true"


def _symbols(batch: str) -> list[str]:
    try:
        items = json.loads(batch)
    except json.JSONDecodeError:
        return []
    return [str(item["symbol"]) for item in items if isinstance(item, dict) and "symbol" in item]
