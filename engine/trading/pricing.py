"""What a signal would become at this moment: one answer for the ticket on screen and for the approval itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import InvalidOperation

from msgspec import structs

from engine.clock import Clock
from engine.money import Instrument, Side, decimal
from engine.port.commands import PreviewTicket
from engine.port.views import Ticket
from engine.trading.account_facts import AccountFacts
from engine.trading.geometry import drift_limits_r, drift_r
from engine.trading.keeper import Keeper
from engine.trading.plan import costs_of
from engine.trading.quotes import Quote
from engine.trading.refusals import RiskRefusal
from engine.trading.risk import ApprovedPlan, Edits, Refusals, Rules, check
from engine.trading.ticket import make_ticket, preview_signal
from strategies.model import Signal


@dataclass(frozen=True)
class Surroundings:
    """What admission asks of the rest of the engine."""

    quote: Callable[[str], Quote]
    instrument: Callable[[str], Instrument | None]
    seats: Callable[[], int] = lambda: 1
    atr: Callable[[str], float | None] = lambda _symbol: None
    venue: str = ""
    config_hash: str = ""
    epoch: int = 1


class Pricing:
    """Joins the live book, the account and the portfolio for `risk`."""

    def __init__(self, keeper: Keeper, facts: AccountFacts, clock: Clock, rules: Rules, around: Surroundings) -> None:
        self._keeper = keeper
        self._facts = facts
        self._clock = clock
        self._rules = rules
        self._around = around

    def check(self, signal: Signal, edits: Edits, expires_ms: int) -> ApprovedPlan | Refusals:
        """Judge a signal by everything known now."""
        instrument = self._around.instrument(signal.symbol)
        if instrument is None:
            return Refusals((RiskRefusal("UnknownSymbol", f"no symbol {signal.symbol}"),))
        account = self._facts.account(signal.symbol)
        return check(
            signal, instrument, self._around.quote(signal.symbol), account, self._keeper.portfolio(),
            costs_of(self._rules.risk, account.maker, account.taker), self._rules, self._clock.now_ms(),
            edits=edits, expires_ms=expires_ms,
        )  # fmt: skip

    def ticket(self, signal: Signal, risk_pct: float | None = None, stop: str | None = None) -> Ticket | RiskRefusal:
        """What an approval of `signal` would do; a refusal only when it cannot even be priced."""
        try:
            edits = Edits(risk_pct, decimal(stop) if stop is not None else None)
        except (ValueError, InvalidOperation):
            return RiskRefusal("BadPrice", f"not a price: {stop!r}")
        answer = self.check(signal, edits, 0)
        quote, account = self._around.quote(signal.symbol), self._facts.account(signal.symbol)
        ticket = make_ticket(answer, quote, account)
        if ticket is None and isinstance(answer, Refusals):
            return answer.reasons[0]
        if ticket is None:
            return RiskRefusal("Unpriced", "no price")
        drift = drift_r(signal, float(ticket.entry), float(ticket.stop))
        return structs.replace(ticket, drift_r=drift, drift_limits_r=drift_limits_r(signal, self._rules.approval))

    def preview(self, command: PreviewTicket) -> Ticket | RiskRefusal:
        """The what-if of symbol, side and stop by hand."""
        if command.symbol is None or command.side not in ("long", "short") or command.stop is None:
            return RiskRefusal("Incomplete", "a preview needs a signal id, or symbol, side and stop")
        if self._around.instrument(command.symbol) is None:
            return RiskRefusal("UnknownSymbol", f"no symbol {command.symbol}")
        quote = self._around.quote(command.symbol)
        if quote.mid is None:
            return RiskRefusal("BookNotSynced", f"book of {command.symbol}: {quote.reason or 'not synced'}")
        try:
            stop, targets = decimal(command.stop), tuple(float(target) for target in command.targets)
        except (ValueError, InvalidOperation):
            return RiskRefusal("BadPrice", "stop and targets are prices")
        signal = preview_signal(
            command.symbol, Side.of(command.side), stop, quote.mid, self._around.atr(command.symbol), targets,
            self._clock.now_ms(),
        )  # fmt: skip
        return self.ticket(signal, command.risk_pct)
