"""What the exchange says when it says no: code, text and HTTP status (section 8 of the wire reference).

A refusal is raised as `Refused` anywhere behind the request and written as JSON once, at the facade.
"""

from __future__ import annotations

from typing import Any

_TEXT: dict[int, str] = {
    -1000: "An unknown error occurred while processing the request.",
    -1001: "Internal error; unable to process your request. Please try again.",
    -1003: (
        "Too many requests; current limit is {limit} requests per minute. "
        "Please use the websocket for live updates to avoid polling the API."
    ),
    -1007: "Unknown error, please check your request or try again later.",
    -1008: (
        "Request throttled by system-level protection. Reduce-only/close-position orders are exempt. Please try again."
    ),
    -1013: "Invalid message.",
    -1015: "Too many new orders; current limit is {limit} orders per {window}.",
    -1021: "Timestamp for this request is outside of the recvWindow.",
    -1022: "Signature for this request is not valid.",
    -1023: "Start time is greater than end time.",
    -1100: "Illegal characters found in parameter '{name}'; legal range is '{range}'.",
    -1102: "Mandatory parameter '{name}' was not sent, was empty/null, or malformed.",
    -1106: "Parameter '{name}' sent when not required.",
    -1111: "Precision is over the maximum defined for this asset.",
    -1115: "Invalid timeInForce.",
    -1116: "Invalid orderType.",
    -1117: "Invalid side.",
    -1120: "Invalid interval.",
    -1121: "Invalid symbol.",
    -1125: "This listenKey does not exist.",
    -1128: "Combination of optional parameters invalid.",
    -1127: "More than {hours} hours between startTime and endTime.",
    -1130: "Data sent for parameter '{name}' is not valid.",
    -2010: "New order rejected.",
    -2011: "Unknown order sent.",
    -2013: "Order does not exist.",
    -2014: "API-key format invalid.",
    -2015: "Invalid API-key, IP, or permissions for action.",
    -2018: "Balance is insufficient.",
    -2019: "Margin is insufficient.",
    -2020: "Unable to fill.",
    -2021: "Order would immediately trigger.",
    -2022: "ReduceOnly Order is rejected.",
    -2023: "User in liquidation mode now.",
    -2024: "Position is not sufficient.",
    -2025: "Reach max open order limit.",
    -2026: "This OrderType is not supported when reduceOnly.",
    -2027: "Exceeded the maximum allowable position at current leverage.",
    -2028: "Leverage is smaller than permitted: insufficient margin balance.",
    -4001: "Price less than 0.",
    -4002: "Price greater than max price.",
    -4003: "Quantity less than or equal to zero.",
    -4004: "Quantity less than min quantity.",
    -4005: "Quantity greater than max quantity.",
    -4006: "Stop price less than zero.",
    -4013: "Price less than min price.",
    -4014: "Price not increased by tick size.",
    -4015: "Client order id length should be less than 36 chars.",
    -4016: "Limit price can't be higher than {bound}.",
    -4023: "Quantity not increased by step size.",
    -4024: "Limit price can't be lower than {bound}.",
    -4028: "Leverage {leverage} is not valid.",
    -4045: "Reach max stop order limit.",
    -4046: "No need to change margin type.",
    -4047: "Margin type cannot be changed if there exists open orders.",
    -4048: "Margin type cannot be changed if there exists position.",
    -4049: "Add margin only support for isolated position.",
    -4050: "Cross balance insufficient.",
    -4051: "Isolated balance insufficient.",
    -4054: "Cannot add position margin: position is 0.",
    -4055: "Amount must be positive.",
    -4059: "No need to change position side.",
    -4060: "Invalid position side.",
    -4061: "Order's position side does not match user's setting.",
    -4062: "Invalid or improper reduceOnly value.",
    -4067: "Position side cannot be changed if there exists open orders.",
    -4068: "Position side cannot be changed if there exists position.",
    -4082: "Invalid number of batch place orders.",
    -4116: "ClientOrderId is duplicated.",
    -4117: "Stop order is in triggering.",
    -4118: "ReduceOnly Order Failed. Please check your existing position and open orders.",
    -4120: "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead.",
    -4130: "An open stop or take profit order with GTE and closePosition in the direction is existing.",
    -4131: "The counterparty's best price does not meet the PERCENT_PRICE filter limit.",
    -4135: "Invalid activation price.",
    -4136: "Target strategy invalid for orderType: {type}, closePosition: true.",
    -4137: "Quantity must be zero with closePosition equals true.",
    -4138: "Reduce only must be true with closePosition equals true.",
    -4140: "Invalid symbol status for opening position.",
    -4141: "Symbol is closed.",
    -4161: "Leverage reduction is not supported in Isolated Margin Mode with open positions.",
    -4164: "Order's notional must be no smaller than {notional} (unless you choose reduce only).",
    -4165: "Invalid time interval.",
    -4167: "Unable to adjust to Multi-Assets mode with symbols under isolated-margin mode.",
    -4168: "Unable to adjust to isolated-margin mode under the Multi-Assets mode.",
    -4170: "Unable to adjust Multi-Assets mode with open orders.",
    -4171: "Adjusted asset mode is currently set and does not need to be adjusted repeatedly.",
    -4531: (
        "Position mode change requires syncing UM and CM. "
        "Please close any open positions or orders in CM and try again."
    ),
    -5000: "Path {path}, Method {method} is invalid",
    -5021: "Due to the order could not be filled immediately, the FOK order has been rejected.",
    -5022: "Due to the order could not be executed as maker, the Post Only order will be rejected.",
    -5024: "Symbol is not in trading status. Order amendment is not permitted.",
    -5025: "Only limit order is supported.",
    -5026: "Exceed maximum modify order limit.",
    -5027: "No need to modify the order.",
    -5028: "Timestamp for this request is outside of the ME recvWindow.",
    -5029: "Order's notional must be no smaller than {notional}.",
    -5037: "Invalid price match.",
    -5038: "Price match only supports order type: LIMIT, STOP AND TAKE_PROFIT.",
    -5039: "Invalid self trade prevention mode.",
    -5040: "The goodTillDate timestamp must be greater than the current time plus 600 seconds.",
    -5041: "No depth matches this BBO order.",
    -5047: "The original order is not a reduce-only order",
}

_STATUS: dict[int, int] = {
    -1001: 503,
    -1003: 429,
    -1007: 503,
    -1008: 503,
    -1015: 429,
    -2014: 401,
    -2015: 401,
    -5000: 404,
}


class Refused(Exception):
    """A request the exchange turns down; nothing has happened."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(code, text)
        self.code = code
        self.text = text

    def __str__(self) -> str:
        return f"{self.code}: {self.text}"

    @property
    def status(self) -> int:
        return _STATUS.get(self.code, 400)

    @property
    def body(self) -> dict[str, Any]:
        return {"code": self.code, "msg": self.text}


def refuse(code: int, **facts: object) -> Refused:
    """The refusal of `code`, its text completed with `facts`; raise it."""
    return Refused(code, _TEXT.get(code, "Request rejected.").format_map(_Facts(facts)))


class _Facts(dict[str, object]):
    """Facts nobody named are left open: a scripted refusal knows only its code."""

    def __missing__(self, name: str) -> str:
        return f"<{name}>"
