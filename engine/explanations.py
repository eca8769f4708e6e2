"""What a word or a number of a refusal means and what to do about it: the exchange's error codes and our own reasons.

One table, read by the command line. The codes are those of section 8 of the wire reference; `effect` says whether the
request behind the answer may have happened, which is what matters for an order.
"""

from __future__ import annotations

import msgspec


class Explanation(msgspec.Struct, frozen=True):
    """One refusal in words; `effect` is none, unknown, or done (it is already so)."""

    code: str
    by: str  # exchange | desk
    meaning: str
    mend: str
    effect: str = "none"


# code: meaning | what to do [| effect]
_EXCHANGE = """
451: the exchange does not serve the region this address is in | run from where you may trade; check proxy and VPN
403: the exchange's firewall refused the address | nothing is sent for five minutes; lower the rate, change the address
418: the address is banned for going on after 429 | wait until the time shown; the desk sends nothing before it
429: too many requests in this minute | the desk waits by itself; other programs on this address share the budget
-1000: the exchange failed in a way it does not name | orders are asked about by client id, reads repeated | unknown
-1001: the exchange lost a connection inside | tried again by itself
-1002: the key may not do this | allow futures for the key on the exchange's API page
-1003: too many requests, or banned | the desk waits by itself; perpdeck limits shows the budgets
-1006: an unexpected answer inside the exchange | the order is asked about by client id | unknown
-1007: the exchange does not know what became of the request | the order is asked about by client id | unknown
-1008: the exchange is overloaded and turns new orders away; exits are exempt | tried again by itself
-1010: the message was refused | update the program; report it with the log
-1013: the order breaks a filter of the symbol | size, price or notional is out of bounds; perpdeck preview shows it
-1015: too many new orders in ten seconds or a minute | order sending waits; exits keep a reserve
-1016: the service is shutting down | tried again by itself
-1020: not supported for this product | update the program; report it with the log
-1021: the time stamp is too old or too far ahead | the clock is measured again by itself; if it stays, sync by NTP
-1022: the signature is wrong | the secret does not belong to the key; check PERPDECK_API_SECRET
-1023: a start later than its end | update the program; report it with the log
-1099: not found, or not allowed | update the program; report it with the log
-1100: characters a parameter may not have | update the program; report it with the log
-1101: too many parameters | update the program; report it with the log
-1102: a parameter is missing or malformed | update the program; report it with the log
-1104: a parameter nobody reads | update the program; report it with the log
-1105: an empty parameter | update the program; report it with the log
-1106: a parameter that does not belong here, such as reduceOnly in hedge mode | set one-way mode
-1111: more digits than the symbol has | trading rules changed; they are read again by themselves within the hour
-1112: nobody is in the book | wait for a market
-1115: time in force not valid | update the program; report it with the log
-1116: order type not valid | update the program; report it with the log
-1117: side not valid | update the program; report it with the log
-1120: interval not valid | update the program; report it with the log
-1121: symbol not valid | it was delisted or misspelt; names are as in BTCUSDT
-1122: the symbol's status does not allow this | it is not trading at present
-1125: the listen key is gone | a new one is fetched by itself and the account is reconciled
-1127: a time range too wide | update the program; report it with the log
-1128: parameters that do not go together | update the program; report it with the log
-1130: a value that is not valid | update the program; report it with the log
-2010: the order was refused | the message beside it says why
-2011: no such open order to cancel | it has filled or gone; the desk asks and takes it as done
-2012: not all orders were cancelled | cancel again
-2013: no such order | it never arrived, or is too young to be seen; asked again before it is believed
-2014: the form of the API key is wrong | copy the whole key into PERPDECK_API_KEY
-2015: key, address or permission refused | check the key's list of addresses and that futures are allowed
-2017: keys are locked for this account | unlock them on the exchange's API page
-2018: the balance does not suffice | transfer money to the futures wallet or lower the risk
-2019: the margin does not suffice | lower the risk, close something, or transfer money
-2020: the order cannot be filled | thin book; try smaller or later
-2021: the trigger lies on the wrong side of the price | for a stop: price is through already, the desk closes at market
-2022: reduce-only order with nothing to reduce | usually flat already; the desk reconciles
-2023: the account is being liquidated | look at the account now
-2024: the position is too small for this | the desk reconciles
-2025: too many open orders | cancel some; perpdeck orders lists ours
-2026: this order type cannot be reduce-only | update the program; report it with the log
-2027: the position would exceed the bracket of this leverage | lower leverage or size
-2028: leverage too small for the margin | raise leverage or lower size
-4000: invalid order status | the desk reconciles
-4001: price below zero | update the program; report it with the log
-4002: price above the symbol's maximum | update the program; report it with the log
-4003: quantity is zero after rounding | raise the risk; the symbol's step is coarse
-4004: quantity below the minimum | raise the risk
-4005: quantity above the maximum of one order | lower the risk
-4006: stop price below zero | update the program; report it with the log
-4013: price below the symbol's minimum | update the program; report it with the log
-4014: price is not on the tick | trading rules changed; they are read again by themselves within the hour
-4015: client order id too long | update the program; report it with the log
-4016: limit price above the allowed band | wait for the mark price, or reprice
-4021: depth limit not valid | update the program; report it with the log
-4023: quantity is not on the step | trading rules changed; they are read again by themselves within the hour
-4024: limit price below the allowed band | wait for the mark price, or reprice
-4028: leverage not valid for the symbol | choose a lower one
-4045: 200 conditional orders are open already | cancel stale ones; the limit counts all symbols
-4046: margin mode is already so | nothing to do | done
-4047: margin mode cannot change while orders are open | cancel them first
-4048: margin mode cannot change while a position is open | close it first
-4049: margin can be added to isolated positions only | nothing to do in cross margin
-4050: the cross balance does not suffice | transfer money
-4051: the isolated balance does not suffice | add margin
-4054: no position to add margin to | nothing to do
-4055: the amount must be positive | enter a positive amount
-4059: position mode is already so | nothing to do | done
-4060: position side not valid | set one-way mode
-4061: position side does not match the account | the account is in hedge mode; set one-way mode
-4062: reduce-only contradicts the order | update the program; report it with the log
-4067: position mode cannot change while orders are open | cancel them, also the coin-margined ones
-4068: position mode cannot change while positions are open | close them, also the coin-margined ones
-4082: too many orders in one batch | update the program; report it with the log
-4083: the batch failed | the desk asks about each
-4087: the account may only reduce | the exchange restricted it; see its notices
-4088: the account may not place orders | the exchange restricted it; see its notices
-4104: contract type not valid | update the program; report it with the log
-4109: the futures account is not active | transfer money to it once
-4116: this client id is in use by an open order | the first one exists; the desk takes it as the answer
-4117: the conditional order is triggering at this moment | wait for its fill
-4118: reduce-only order refused for what is held and open | cancel opposite orders; the desk reconciles
-4120: conditional orders have an address of their own | update the program; report it with the log
-4130: a closing stop in this direction rests already | it protects; the desk cancels it before it places another
-4131: the market is too far from the mark for a market order | thin book; the desk tries again
-4135: activation price not valid | choose one on the right side of the market
-4136: this type cannot close a position | update the program; report it with the log
-4137: a closing order carries no quantity | update the program; report it with the log
-4138: reduce-only must go with closing | update the program; report it with the log
-4140: the symbol takes no new positions | it is being delisted or paused
-4141: the symbol is closed | it is being delisted or paused
-4144: pair not valid | it was delisted or misspelt
-4161: isolated leverage cannot be lowered with a position | close it first
-4164: the order is worth less than the minimum | raise the risk; exits are exempt
-4165: time range not valid | update the program; report it with the log
-4167: multi-assets mode does not go with isolated symbols | set them to cross
-4168: isolated does not go with multi-assets mode | leave multi-assets mode
-4170: multi-assets mode cannot change while orders are open | cancel them first
-4171: the asset mode is already so | nothing to do | done
-4183: stop price above its multiplier of the mark | place the stop nearer
-4184: stop price below its multiplier of the mark | place the stop nearer
-4192: trading is paused by a cooling-off period | wait; it was set on the exchange
-4400: the account broke the quantitative rules: reduce only | stop opening; the exchange lifts it after a time
-4401: a large position: reduce only | reduce it
-4402: not allowed for compliance reasons | see the exchange's messages
-4403: not allowed for compliance reasons | see the exchange's messages
-4531: position mode is shared with coin-margined futures | close positions and orders there first
-5000: the address is retired or wrong | update the program; check the host settings
-5021: fill-or-kill could not be filled | try smaller
-5022: post-only would have taken | reprice
-5024: the symbol is not trading, nothing can be amended | wait
-5025: only limit orders can be amended | cancel and place anew
-5026: the order was amended too often | cancel and place anew
-5027: nothing to amend | nothing to do | done
-5028: the order came too late to the matching engine | the clock is measured again by itself
-5029: the amended order is worth less than the minimum | raise it
-5037: price match not valid | update the program; report it with the log
-5038: price match does not go with this type | update the program; report it with the log
-5039: self-trade prevention not valid | update the program; report it with the log
-5040: good-till-date too near | update the program; report it with the log
-5041: no depth for this price match | thin book; try later
-5047: the order to amend is not reduce-only | cancel and place anew
"""

_DESK = """
AboveBracket: the position would exceed the leverage bracket of its symbol | lower risk or leverage
AlreadyClosing: the position is being closed | wait for the fill
AlreadyDecided: the signal was decided before | nothing to do
BadPrice: not a price, or on the wrong side | enter a price with a dot, as in 61234.5
BadShare: a share outside 0 to 100 % | enter a percentage
BeyondInitialRisk: the stop would be wider than at entry | stops may only be tightened
Blocked: symbol, side or strategy is blocked | perpdeck unblock
BookNotSynced: no order book to price with | passes by itself in seconds; perpdeck status shows the books
BookTooThin: the book cannot take the size within the allowed slippage | lower the risk or wait
Changed: it changed since you looked | look again and repeat
Cooldown: the symbol or strategy rests after a loss | wait until the time shown
CostTooHigh: fees, slippage and funding eat too much of the reward | nothing to do; the signal is not worth it
DailyLossReached: the day's loss limit is reached | no new entries until the next UTC day; resume lifts it knowingly
EntryFailed: the entry did not come about | perpdeck audit show names the exchange's answer
ExchangeRefused: the exchange said no | explain the code beside it
ExchangeSilent: the exchange did not answer in time | perpdeck doctor --online
ExchangeUnread: the exchange could not be asked | perpdeck doctor --online
Expired: the signal is older than it may be | wait for the next one
Halted: the desk is halted | perpdeck resume asks for the account's name
Incomplete: a confirmation lacks what was asked for | repeat the command with it
MarginShort: free margin does not suffice | lower the risk or close something
NeedsConfirmation: the step asks for the account's name | repeat with --confirm NAME
NoEquity: the account's equity is not known or zero | perpdeck doctor --online
NotBlocked: there is no such block | perpdeck status lists the blocks
NotInDemo: only the embedded exchange's clock can be set | nothing to do
NotReconciled: we and the exchange disagree | perpdeck reconcile
NotionalTooSmall: worth less than the symbol's minimum | raise the risk
OpenRiskTooHigh: the sum of open risk is at its limit | close something or lower the risk
OpenSignal: the symbol has a signal that waits | decide that one first
PositionOpen: the symbol has a position | one position for each symbol
PriceMoved: the price has left the signal behind | wait for the next one, or allow more with --max-drift-bps
QuantityTooSmall: the size rounds to nothing | raise the risk
RewardTooSmall: the reward is too small for the risk | nothing to do
RiskAbovePolicy: more risk than the settings allow | lower --risk, or raise risk.risk_pct knowingly
SignalsOnly: the desk only signals | perpdeck mode approve
SpeedOutOfRange: not a speed the exchange can run at | 0 to 10000
SpreadTooWide: the spread is too wide | passes by itself or not; wait
Starting: history and reconciliation are not done | wait; perpdeck status shows how far it is
StillOpen: not everything was closed in time | perpdeck positions
StopBeyondEntry: the stop lies on the wrong side of the entry | place it on the losing side
StopInsideSpread: the stop lies within the spread | place it further away
StopNearLiquidation: the stop is too near the liquidation price | lower leverage or size
StopThrough: the stop would strike at once | place it on the losing side of the mark
StopTooFar: the stop is further than allowed | tighten it
StopTooTight: the stop is nearer than the noise | widen it
StopTooWide: the stop is wider than allowed | tighten it
StoreFailed: nothing is done that is not written down | check disk space; perpdeck doctor
SymbolNotTrading: the exchange does not trade the symbol now | wait, or choose another
ThinData: too little history to judge | wait for loading; perpdeck data gaps
TooManyOpen: as many positions as allowed are open | close one
TooManySameSide: as many positions in one direction as allowed | close one, or take the other side
UnknownCommand: nobody knows this command | update screen and engine to one version
UnknownMode: not a mode | signals, approve or auto
UnknownPosition: there is no such position | perpdeck positions
UnknownSide: not a side | long or short
UnknownSignal: there is no such signal | perpdeck signals
UnknownSymbol: the symbol is not watched | check the spelling and universe settings
Unpriced: no price is known for it | wait for data
WeeklyLossReached: the week's loss limit is reached | no new entries until the next week; resume lifts it knowingly
read_only: this seat may look but not act | attach without --read-only
unknown_id: there is no such id | list what there is
unknown_query: nobody answers this question | update screen and engine to one version
"""


def _read(text: str, by: str) -> dict[str, Explanation]:
    table = {}
    for line in text.strip().splitlines():
        code, _, rest = line.partition(": ")
        meaning, mend, *effect = rest.split(" | ")
        table[code] = Explanation(code, by, meaning, mend, effect[0] if effect else "none")
    return table


EXPLANATIONS: dict[str, Explanation] = _read(_EXCHANGE, "exchange") | _read(_DESK, "desk")
_BY_LOWER = {code.lower(): explanation for code, explanation in EXPLANATIONS.items()}


def explain(code: str) -> Explanation | None:
    """The explanation of a code or a reason; the minus may be left out, upper and lower case are alike."""
    asked = code.strip().lower()
    return _BY_LOWER.get(asked) or _BY_LOWER.get(f"-{asked}")
