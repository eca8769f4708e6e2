"""A listing as wide as the exchange's: what it takes from the recorded one, and what it changes."""

from __future__ import annotations

import pytest

from engine.sim.opening import UnknownSymbol, contracts_of, recordings_of
from engine.sim.symbols import listed_symbols
from engine.sim.wide import wide_contracts, widest

ASKED = 600


def test_six_hundred_perpetuals_all_trade_against_usdt() -> None:
    contracts = contracts_of((str(ASKED),), recordings_of("recorded"))
    assert len(contracts) == ASKED
    rows = [contract.rules.row for contract in contracts.values()]
    assert {(row["contractType"], row["quoteAsset"], row["status"]) for row in rows} == {
        ("PERPETUAL", "USDT", "TRADING")
    }
    assert [row["symbol"] for row in rows] == list(contracts)


def test_every_recorded_perpetual_has_a_name_of_its_own() -> None:
    recorded = [entry for entry in listed_symbols().values() if entry["row"]["contractType"] == "PERPETUAL"]
    assert len(wide_contracts(widest())) == widest() == len(recorded)


def test_a_contract_of_another_quote_keeps_its_recorded_filters() -> None:
    wide = wide_contracts(widest())["BTCUUSDT"]
    recorded = listed_symbols()["BTCUSDC"]["row"]
    assert wide.rules.row["filters"] == recorded["filters"]
    assert wide.rules.row["pricePrecision"] == recorded["pricePrecision"]


def test_the_recorded_listing_itself_stays_as_it_was_recorded() -> None:
    wide_contracts(widest())
    assert {row["row"]["status"] for row in listed_symbols().values()} == {"TRADING", "SETTLING", "PENDING_TRADING"}


@pytest.mark.parametrize("count", ["0", "616"])
def test_more_than_was_recorded_is_refused(count: str) -> None:
    with pytest.raises(UnknownSymbol):
        contracts_of((count,), recordings_of("recorded"))
