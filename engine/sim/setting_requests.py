"""REST requests that change how the account trades (section 3.4)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from engine.sim import account_answers, figures
from engine.sim.account import Account
from engine.sim.account_events import account_update, asset_mode_changed, leverage_changed
from engine.sim.codes import refuse
from engine.sim.figures import cents
from engine.sim.margin import margins
from engine.sim.parameters import Params
from engine.sim.positions import Position
from engine.sim.venue import Venue

_SUCCESS = {"code": 200, "msg": "success"}
_MARGIN_TYPES = ("ISOLATED", "CROSSED")
_ADD, _REDUCE = 1, 2


class SettingRequests:
    """Leverage, margin type, position mode and the like."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    def leverage(self, account: Account, params: Params, now_ms: int) -> Any:
        """POST leverage. Too high for the symbol -4028, for the position held -2027; lower only as margin allows."""
        self._venue.script.obey("leverage")
        symbol, wanted = params.required("symbol"), params.required_integer("leverage")
        self._venue.rules(symbol)
        ladder = self._venue.ladder(symbol)
        if not 1 <= wanted <= ladder.max_leverage:
            raise refuse(-4028, leverage=wanted)
        before, held = account.leverage(symbol), list(account.held(symbol))
        mark = self._venue.market.mark(symbol)
        if any(abs(position.notional(mark)) > ladder.max_notional(wanted) for position in held):
            raise refuse(-2027)
        if held and wanted < before and account.is_isolated(symbol):
            raise refuse(-4161)
        account.set_leverage(symbol, wanted)
        if wanted < before and margins(account, self._venue).free < 0:
            account.set_leverage(symbol, before)
            raise refuse(-2028)
        if wanted != before:
            self._venue.emit(account, leverage_changed(symbol, wanted, now_ms))
        return {
            "leverage": wanted,
            "maxNotionalValue": account_answers.max_notional(account, self._venue, symbol),
            "symbol": symbol,
        }

    def margin_type(self, account: Account, params: Params, now_ms: int) -> Any:
        symbol = params.required("symbol")
        self._venue.rules(symbol)
        isolated = params.word("marginType", _MARGIN_TYPES, -1130) == "ISOLATED"
        if isolated == account.is_isolated(symbol):
            raise refuse(-4046)
        if isolated and account.multi_assets:
            raise refuse(-4168)
        if account.open_orders(symbol) or account.open_conditionals(symbol):
            raise refuse(-4047)
        if any(account.held(symbol)):
            raise refuse(-4048)
        (account.isolated.add if isolated else account.isolated.discard)(symbol)
        sides = ("LONG", "SHORT") if account.hedge else ("BOTH",)
        rows = [account.position(symbol, side) for side in sides]
        self._venue.emit(account, account_update(account, self._venue, "MARGIN_TYPE_CHANGE", now_ms, rows, change=None))
        return dict(_SUCCESS)

    def position_margin(self, account: Account, params: Params, now_ms: int) -> Any:
        """POST positionMargin: move money into (1) or out of (2) an isolated position."""
        symbol = params.required("symbol")
        self._venue.rules(symbol)
        amount, kind = cents(params.required_number("amount")), params.required_integer("type")
        side = params.word("positionSide", ("BOTH", "LONG", "SHORT"), -4060, "BOTH")
        if amount <= 0:
            raise refuse(-4055)
        if kind not in {_ADD, _REDUCE}:
            raise refuse(-1130, name="type")
        if account.hedge != (side != "BOTH"):
            raise refuse(-4061)
        if not account.is_isolated(symbol):
            raise refuse(-4049)
        position = account.position(symbol, side)
        if not position.qty:
            raise refuse(-4054)
        if kind == _ADD and amount > margins(account, self._venue).available:
            raise refuse(-4050)
        if kind == _REDUCE and amount > self._spare(account, position):
            raise refuse(-4051)
        position.isolated_wallet += amount if kind == _ADD else -amount
        position.updated_ms = now_ms
        self._venue.emit(account, account_update(account, self._venue, "MARGIN_TRANSFER", now_ms, [position]))
        return {
            "amount": float(amount),
            "code": 200,
            "msg": "Successfully modify position margin.",
            "type": kind,
        }

    def position_mode(self, account: Account, params: Params, now_ms: int) -> Any:
        return {"dualSidePosition": account.hedge}

    def set_position_mode(self, account: Account, params: Params, now_ms: int) -> Any:
        """POST positionSide/dual; no event tells of it."""
        params.required("dualSidePosition")
        hedge = bool(params.flag("dualSidePosition"))
        if hedge == account.hedge:
            raise refuse(-4059)
        if account.open_orders() or account.open_conditionals():
            raise refuse(-4067)
        if any(account.held()):
            raise refuse(-4068)
        account.hedge = hedge
        return dict(_SUCCESS)

    def asset_mode(self, account: Account, params: Params, now_ms: int) -> Any:
        return {"multiAssetsMargin": account.multi_assets}

    def set_asset_mode(self, account: Account, params: Params, now_ms: int) -> Any:
        params.required("multiAssetsMargin")
        multi_assets = bool(params.flag("multiAssetsMargin"))
        if multi_assets == account.multi_assets:
            raise refuse(-4171)
        if multi_assets and account.isolated:
            raise refuse(-4167)
        if account.open_orders():
            raise refuse(-4170)
        account.multi_assets = multi_assets
        self._venue.emit(account, asset_mode_changed(multi_assets, now_ms))
        return dict(_SUCCESS)

    def fee_burn(self, account: Account, params: Params, now_ms: int) -> Any:
        return {"feeBurn": account.fee_burn}

    def set_fee_burn(self, account: Account, params: Params, now_ms: int) -> Any:
        """POST feeBurn. The account owns no BNB, so fees stay the same."""
        params.required("feeBurn")
        account.fee_burn = bool(params.flag("feeBurn"))
        return dict(_SUCCESS)

    def _spare(self, account: Account, position: Position) -> Decimal:
        """What an isolated wallet holds beyond the initial margin of its position."""
        mark = self._venue.market.mark(position.symbol)
        needed = abs(position.notional(mark)) / account.leverage(position.symbol)
        return position.isolated_wallet + min(figures.ZERO, position.unrealized(mark)) - needed
