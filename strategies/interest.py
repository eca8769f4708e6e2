"""Which verdicts open interest and funding could still change: only for those are they worth asking the exchange.

They are known per symbol on request, not streamed, so a close first decides without them. A verdict that no answer
could turn stands as it is; the few others are decided again with the answer.
"""

from __future__ import annotations

from typing import Final

from strategies.model import Refusal, Signal, StrategyId

LIFTED: Final[dict[str, frozenset[str]]] = {
    StrategyId.LIQUIDITY_SWEEP: frozenset(("flow",)),  # growing interest stands in for taker flow
    StrategyId.ORDER_FLOW: frozenset(("doi",)),
    StrategyId.VALUE_AREA: frozenset(("doi",)),
}
"""Conditions of a setup that a better number could lift."""

WEIGHED: Final = ("fail:confirmation", "fail:evidence", "fail:score")
"""Refusals after the setup in which the numbers have a say."""


def hinges(verdict: Signal | Refusal) -> bool:
    """Whether open interest or funding could turn this verdict around, or change its score."""
    if verdict.strategy == StrategyId.ACTION_PRICE:
        return False
    if isinstance(verdict, Signal) or verdict.reason.startswith(WEIGHED):
        return True
    return verdict.reason.partition(":")[2] in LIFTED.get(verdict.strategy, frozenset())
