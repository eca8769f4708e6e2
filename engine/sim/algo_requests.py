"""REST requests about conditional orders (section 3.6)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from engine.sim import answers
from engine.sim.account import Account
from engine.sim.codes import refuse
from engine.sim.conditionals import Conditionals
from engine.sim.order_entry import read_conditional
from engine.sim.orders import Conditional
from engine.sim.parameters import Params
from engine.sim.venue import Venue

_DONE = {"code": 200, "msg": "The operation of cancel all open order is done."}


class AlgoRequests:
    """The algo family: place, cancel, query."""

    def __init__(self, venue: Venue, conditionals: Conditionals) -> None:
        self._venue = venue
        self._conditionals = conditionals

    def place(self, account: Account, params: Params, now_ms: int) -> Any:
        self._venue.script.obey("conditional")
        algo = read_conditional(account, self._venue, params, now_ms)
        self._conditionals.place(account, algo, now_ms)
        return answers.algo_ack(self._venue.rules(algo.symbol), algo)

    def cancel(self, account: Account, params: Params, now_ms: int) -> Any:
        self._venue.script.obey("cancel")
        algo = _named(account.open_conditionals(), params, -2011)
        self._conditionals.cancel(account, algo, now_ms)
        return answers.algo_cancelled(algo)

    def cancel_all(self, account: Account, params: Params, now_ms: int) -> Any:
        """DELETE algoOpenOrders: the conditional orders of one symbol."""
        symbol = params.required("symbol")
        self._venue.rules(symbol)
        for algo in account.open_conditionals(symbol):
            self._conditionals.cancel(account, algo, now_ms)
        return dict(_DONE)

    def one(self, account: Account, params: Params, now_ms: int) -> Any:
        algo = _named(account.conditionals.values(), params, -2013)
        return answers.algo_state(self._venue.rules(algo.symbol), algo)

    def open(self, account: Account, params: Params, now_ms: int) -> Any:
        symbol, number = params.text("symbol"), params.integer("algoId")
        if symbol is not None:
            self._venue.rules(symbol)
        return [
            answers.algo_open(self._venue.rules(algo.symbol), algo)
            for algo in account.open_conditionals(symbol)
            if number in {None, algo.algo_id}
        ]

    def all(self, account: Account, params: Params, now_ms: int) -> Any:
        """GET allAlgoOrders: from a number on, or the newest of a time window."""
        symbol = params.required("symbol")
        rules = self._venue.rules(symbol)
        limit, first = params.limit(500, 1000), params.integer("algoId")
        mine = [algo for algo in account.conditionals.values() if algo.symbol == symbol]
        if first is not None:
            mine = [algo for algo in mine if algo.algo_id >= first][:limit]
        else:
            start, end = params.window(now_ms)
            mine = [algo for algo in mine if start <= algo.created_ms <= end][-limit:]
        return [answers.algo_record(rules, algo) for algo in mine]


def _named(algos: Iterable[Conditional], params: Params, code: int) -> Conditional:
    number, client_id = params.integer("algoId"), params.text("clientAlgoId")
    if number is None and client_id is None:
        raise refuse(-1102, name="algoId")
    found = [algo for algo in algos if (algo.algo_id == number if number is not None else algo.client_id == client_id)]
    if not found:
        raise refuse(code)
    return max(found, key=lambda algo: algo.algo_id)
