"""The rules that protect a position or the money, each as the piece of code without which it is gone.

`python -m tests.house.mutants` takes them away one at a time, in a copy, and expects the named tests to notice.
"""

from __future__ import annotations

from typing import NamedTuple


class SafetyRule(NamedTuple):
    """`code` stands exactly once in `file`; with `without` in its place the rule no longer holds."""

    name: str
    file: str
    code: str
    without: str
    tests: str


_T = "engine/trading"
_POSITION = f"tests/{_T}/test_position.py tests/{_T}/test_keeper.py"
_RISK = f"tests/{_T}/test_risk.py tests/{_T}/test_admission.py"
_QUEUE = f"tests/{_T}/test_approval.py tests/{_T}/test_admission.py"
_RECONCILE = f"tests/{_T}/test_reconcile.py tests/{_T}/test_recovery.py"

RULES = (
    SafetyRule(
        "a position gets a stop", f"{_T}/protection.py",
        "    return [_place(position, exposure, resting)]\n", "    return []\n", _POSITION,
    ),
    SafetyRule(
        "naked too long closes at market", f"{_T}/protection.py",
        'if position.state != "open" or naked_ms < max(limit_ms - _CLOSE_AHEAD_MS, limit_ms / 2):', "if True:",
        _POSITION,
    ),
    SafetyRule(
        "the old stop rests until the new one does", f"{_T}/protection.py",
        "    if right:\n", "    if right or resting:\n", _POSITION,
    ),
    SafetyRule(
        "a stop refused as already passed closes", f"{_T}/protection.py",
        "if code == _WOULD_TRIGGER:", "if False:", _POSITION,
    ),
    SafetyRule(
        "a stop is never loosened", f"{_T}/trailing.py",
        "if position.plan.side * (price - position.stop) > 0:", "if True:", _POSITION,
    ),
    SafetyRule(
        "the intent is written before the order is sent", f"{_T}/executor.py",
        "        await self._journal.commit(pending, *rows())\n", "", f"tests/{_T}/test_keeper.py {_RECONCILE}",
    ),
    SafetyRule(
        "an order without an answer is asked about", f"{_T}/executor.py",
        "        if isinstance(answer, OrderLost):\n", "        if False:\n", _POSITION,
    ),
    SafetyRule(
        "one claims a signal", f"{_T}/approval.py",
        "    if entry.claimed_by:\n", "    if False:\n", _QUEUE,
    ),
    SafetyRule(
        "expiry means no", f"{_T}/approval.py",
        "    if entry.pending and is_expired(entry, now_ms, mono_ms):\n", "    if False:\n", _QUEUE,
    ),
    SafetyRule(
        "what was decided stays decided", f"{_T}/approval.py",
        "    if not allowed:\n", "    if False:\n", _QUEUE,
    ),
    SafetyRule(
        "a changed signal is not the one that was seen", f"{_T}/approval.py",
        "if revision is not None and revision != entry.revision:", "if False:", _QUEUE,
    ),
    SafetyRule(
        "a command is done once", f"{_T}/once.py",
        "        if known is not None:\n", "        if False:\n", _QUEUE,
    ),
    SafetyRule(
        "no entry without a book in sync", f"{_T}/risk.py",
        "if not quote.synced or not quote.bids or not quote.asks:", "if not quote.bids or not quote.asks:", _RISK,
    ),
    SafetyRule(
        "no more risk than the policy", f"{_T}/risk.py",
        "        if not 0 < asked <= share:\n", "        if False:\n", _RISK,
    ),
    SafetyRule(
        "one position a symbol", f"{_T}/risk.py",
        "if any(trade.symbol == signal.symbol for trade in trades):", "if False:", _RISK,
    ),
    SafetyRule(
        "open risk has a limit", f"{_T}/risk.py",
        "if after > decimal(settings.max_open_risk_pct):", "if False:", _RISK,
    ),
    SafetyRule(
        "a lost day ends entries", f"{_T}/risk.py",
        "if day >= decimal(settings.max_daily_loss_pct):", "if False:", _RISK,
    ),
    SafetyRule(
        "a stop well before liquidation", f"{_T}/risk.py",
        "    if share > limit:\n", "    if False:\n", _RISK,
    ),
    SafetyRule(
        "a drifted price is not taken", f"{_T}/risk.py",
        "        found.append(drift)\n", "        pass\n", _RISK,
    ),
    SafetyRule(
        "a position nobody knows is adopted and protected", f"{_T}/reconcile.py",
        "if state.quantity and state.symbol not in held:", "if False:", _RECONCILE,
    ),
    SafetyRule(
        "a position that vanished is closed", f"{_T}/reconcile.py",
        "    if theirs == 0:\n", "    if False:\n", _RECONCILE,
    ),
    SafetyRule(
        "orphaned orders are swept, strangers' are not", f"{_T}/reconcile.py",
        "if order.client_id not in known and _orphaned(order, picture, prefix):", "if False:", _RECONCILE,
    ),
)  # fmt: skip
