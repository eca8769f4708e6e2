"""Wallet, positions and margin as REST answers; every version of an endpoint has its own fields (section 3.3)."""

from __future__ import annotations

from typing import Any

from engine.sim import figures
from engine.sim.account import Account
from engine.sim.figures import ZERO
from engine.sim.margin import Margins, exposure, keys, liquidation_price, maintenance
from engine.sim.positions import Position
from engine.sim.venue import Venue
from engine.sim.wallet import ASSET

Row = dict[str, Any]
_ALIAS = "SgsR"
_ROE_PER_LIGHT = 10


def totals(account: Account, margins: Margins) -> Row:
    """The head of GET account."""
    return {
        "totalInitialMargin": figures.money(margins.initial),
        "totalMaintMargin": figures.money(margins.maintenance),
        "totalWalletBalance": figures.money(margins.wallet),
        "totalUnrealizedProfit": figures.money(margins.unrealized),
        "totalMarginBalance": figures.money(margins.balance),
        "totalPositionInitialMargin": figures.money(margins.position_initial),
        "totalOpenOrderInitialMargin": figures.money(margins.order_initial),
        "totalCrossWalletBalance": figures.money(margins.cross_wallet),
        "totalCrossUnPnl": figures.money(margins.cross_unrealized),
        "availableBalance": figures.money(margins.available),
        "maxWithdrawAmount": figures.money(margins.withdrawable),
    }


def asset_row(account: Account, margins: Margins) -> Row:
    """The one asset of the account, as GET account lists it."""
    return {
        "asset": ASSET,
        "walletBalance": figures.money(margins.wallet),
        "unrealizedProfit": figures.money(margins.unrealized),
        "marginBalance": figures.money(margins.balance),
        "maintMargin": figures.money(margins.maintenance),
        "initialMargin": figures.money(margins.initial),
        "positionInitialMargin": figures.money(margins.position_initial),
        "openOrderInitialMargin": figures.money(margins.order_initial),
        "crossWalletBalance": figures.money(margins.cross_wallet),
        "crossUnPnl": figures.money(margins.cross_unrealized),
        "availableBalance": figures.money(margins.available),
        "maxWithdrawAmount": figures.money(margins.withdrawable),
        "updateTime": account.wallet.updated_ms,
    }


def balance_row(account: Account, margins: Margins) -> Row:
    """GET balance, either version."""
    return {
        "accountAlias": _ALIAS,
        "asset": ASSET,
        "balance": figures.money(margins.wallet),
        "crossWalletBalance": figures.money(margins.cross_wallet),
        "crossUnPnl": figures.money(margins.cross_unrealized),
        "availableBalance": figures.money(margins.available),
        "maxWithdrawAmount": figures.money(margins.withdrawable),
        "marginAvailable": True,
        "updateTime": account.wallet.updated_ms,
    }


def account_v3(account: Account, venue: Venue, margins: Margins) -> Row:
    rows = [_account_position(account, venue, _position(account, *key)) for key in keys(account)]
    return totals(account, margins) | {"assets": [asset_row(account, margins)], "positions": rows}


def account_v2(account: Account, venue: Venue, margins: Margins) -> Row:
    """With flags, and one row for each listed symbol even when flat."""
    head = {
        "feeTier": 0,
        "feeBurn": account.fee_burn,
        "canTrade": True,
        "canDeposit": True,
        "canWithdraw": True,
        "updateTime": 0,
        "multiAssetsMargin": account.multi_assets,
        "tradeGroupId": -1,
    }
    asset = asset_row(account, margins) | {"marginAvailable": True}
    sides = ("BOTH", "LONG", "SHORT") if account.hedge else ("BOTH",)
    rows = [
        _account_position_v2(account, venue, _position(account, symbol, side))
        for symbol in venue.market.symbols
        for side in sides
    ]
    return head | totals(account, margins) | {"assets": [asset], "positions": rows}


def position_risk_v3(account: Account, venue: Venue, symbol: str | None) -> list[Row]:
    """Only positions and symbols with open orders; neither leverage nor margin type."""
    return [_risk_v3(account, venue, _position(account, *key)) for key in keys(account) if symbol in {None, key[0]}]


def position_risk_v2(account: Account, venue: Venue, symbol: str | None) -> list[Row]:
    """All symbols, or one; LONG and SHORT rows in hedge mode."""
    symbols = venue.market.symbols if symbol is None else [symbol]
    sides = ("LONG", "SHORT") if account.hedge else ("BOTH",)
    return [_risk_v2(account, venue, _position(account, name, side)) for name in symbols for side in sides]


def adl_quantile(account: Account, venue: Venue) -> list[Row]:
    """How near each position is to deleveraging, 0 to 4."""
    rows = []
    for symbol in sorted({position.symbol for position in account.held()}):
        lights = {
            side: adl_light(account, venue, _position(account, symbol, side)) for side in ("LONG", "SHORT", "BOTH")
        }
        if account.hedge:
            del lights["BOTH"]
            lights["HEDGE"] = 0
        rows.append({"symbol": symbol, "adlQuantile": lights})
    return rows


def adl_light(account: Account, venue: Venue, position: Position) -> int:
    """Profit on margin decides the place in the queue; a flat position has none."""
    if not position.qty:
        return 0
    mark = venue.market.mark(position.symbol)
    roe = position.unrealized(mark) / abs(position.notional(mark)) * account.leverage(position.symbol)
    return max(1, min(4, 1 + int(roe * _ROE_PER_LIGHT)))


def max_notional(account: Account, venue: Venue, symbol: str) -> str:
    return figures.bare(venue.ladder(symbol).max_notional(account.leverage(symbol)))


def _position(account: Account, symbol: str, side: str) -> Position:
    """The position of a key, without keeping an empty one."""
    return account.positions.get(symbol, {}).get(side) or Position(symbol, side)


def _margins_of(account: Account, venue: Venue, position: Position) -> Row:
    one = exposure(account, venue, position.symbol, position.side)
    return {
        "initialMargin": figures.money_or_bare(one.initial),
        "maintMargin": figures.money_or_bare(maintenance(venue, position)),
        "positionInitialMargin": figures.money_or_bare(one.position_initial),
        "openOrderInitialMargin": figures.money_or_bare(one.order_initial),
        "bidNotional": figures.money_or_bare(one.bids),
        "askNotional": figures.money_or_bare(one.asks),
    }


def _amounts(account: Account, venue: Venue, position: Position) -> Row:
    rules, mark = venue.market.rules(position.symbol), venue.market.mark(position.symbol)
    isolated = position.isolated_wallet + position.unrealized(mark) if position.isolated_wallet else ZERO
    return {
        "symbol": position.symbol,
        "positionSide": position.side,
        "positionAmt": figures.qty(rules, position.qty),
        "entryPrice": figures.entry(rules, position.entry),
        "breakEvenPrice": figures.entry(rules, position.breakeven),
        "markPrice": figures.money(mark),
        "unrealizedProfit": figures.money(position.unrealized(mark)),
        "liquidationPrice": _liquidation(account, venue, position),
        "isolatedMargin": figures.money_or_bare(isolated),
        "notional": figures.money_or_bare(position.notional(mark)),
        "isolatedWallet": figures.money_or_bare(position.isolated_wallet),
        "updateTime": position.updated_ms,
    }


def _liquidation(account: Account, venue: Venue, position: Position) -> str:
    if not position.qty:
        return "0"
    return figures.money_or_bare(liquidation_price(account, venue, position))


def _take(row: Row, *names: str) -> Row:
    return {name: row[name] for name in names}


def _account_position(account: Account, venue: Venue, position: Position) -> Row:
    amounts, margin = _amounts(account, venue, position), _margins_of(account, venue, position)
    shown = ("symbol", "positionSide", "positionAmt", "unrealizedProfit", "isolatedMargin", "notional")
    return _take(amounts, *shown, "isolatedWallet", "updateTime") | _take(margin, "initialMargin", "maintMargin")


def _account_position_v2(account: Account, venue: Venue, position: Position) -> Row:
    amounts = _amounts(account, venue, position)
    shown = ("symbol", "positionSide", "positionAmt", "entryPrice", "breakEvenPrice", "unrealizedProfit", "notional")
    settings = {
        "leverage": str(account.leverage(position.symbol)),
        "isolated": account.is_isolated(position.symbol),
        "maxNotional": max_notional(account, venue, position.symbol),
    }
    return _take(amounts, *shown, "isolatedWallet", "updateTime") | settings | _margins_of(account, venue, position)


def _risk_v3(account: Account, venue: Venue, position: Position) -> Row:
    row = _amounts(account, venue, position) | _margins_of(account, venue, position)
    row["unRealizedProfit"] = row.pop("unrealizedProfit")
    return row | {"marginAsset": ASSET, "adl": adl_light(account, venue, position)}


def _risk_v2(account: Account, venue: Venue, position: Position) -> Row:
    row = _amounts(account, venue, position)
    row["unRealizedProfit"] = row.pop("unrealizedProfit")
    isolated = account.is_isolated(position.symbol)
    row["isolatedMargin"] = row["isolatedMargin"] if row["isolatedMargin"] != "0" else figures.money(ZERO)
    return row | {
        "marginType": "isolated" if isolated else "cross",
        "isAutoAddMargin": "false",
        "leverage": str(account.leverage(position.symbol)),
        "maxNotionalValue": max_notional(account, venue, position.symbol),
    }
