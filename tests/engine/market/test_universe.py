from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from config.schema import UniverseSettings
from engine.market.universe import Universe, choose, difference, load_order
from engine.money import Instrument
from tests.support.listed import instrument

DAY = 86_400_000
NOW = 1000 * DAY


def listed(*symbols: str, **special: Instrument) -> dict[str, Instrument]:
    return {**{symbol: instrument(symbol) for symbol in symbols}, **special}


def pick(
    instruments: Mapping[str, Instrument],
    volume: Mapping[str, float],
    held: tuple[str, ...] = (),
    before: Universe | None = None,
    all_candidates: bool = False,
    **changes: Any,
) -> Universe:
    return choose(UniverseSettings(**changes), instruments, volume, held, before or Universe(), NOW, all_candidates)


VOLUME = {"BTCUSDT": 9e9, "ETHUSDT": 5e9, "LOWUSDT": 9e6, "USDCUSDT": 4e9}


def test_members_come_by_falling_volume_and_candidates_trade_enough() -> None:
    chosen = pick(listed("LOWUSDT", "ETHUSDT", "BTCUSDT"), VOLUME)
    assert chosen.members == ("BTCUSDT", "ETHUSDT", "LOWUSDT")
    assert chosen.candidates == {"BTCUSDT", "ETHUSDT"}
    assert (chosen.rank("BTCUSDT"), chosen.rank("LOWUSDT"), chosen.rank("NONE")) == (1, 3, None)


def test_money_is_watched_but_no_candidate() -> None:
    chosen = pick(listed("BTCUSDT", "USDCUSDT"), VOLUME)
    assert "USDCUSDT" in chosen.members
    assert "USDCUSDT" not in chosen.candidates


@pytest.mark.parametrize(
    "changes",
    [{"status": "SETTLING"}, {"status": "PENDING_TRADING"}, {"quote": "USDC"}],
)
def test_what_does_not_trade_against_usdt_is_outside(changes: dict[str, str]) -> None:
    assert pick(listed("BTCUSDT", XUSDT=instrument("XUSDT", **changes)), {"XUSDT": 1e9}).members == ("BTCUSDT",)


def test_a_young_symbol_is_no_candidate_until_it_is_old_enough() -> None:
    young = instrument("NEWUSDT", onboard_ms=NOW - 3 * DAY)
    volume = {"NEWUSDT": 1e9}
    assert "NEWUSDT" not in pick(listed("BTCUSDT", NEWUSDT=young), volume, min_age_days=4).candidates
    assert "NEWUSDT" in pick(listed("BTCUSDT", NEWUSDT=young), volume, min_age_days=3).candidates


def test_a_candidate_leaves_only_after_three_checks_well_below() -> None:
    instruments = listed("BTCUSDT", "XUSDT")
    chosen = pick(instruments, {"XUSDT": 1e7})
    assert "XUSDT" in chosen.candidates
    for volume, stays in (
        (7.5e6, True),
        (6.9e6, True),
        (6.9e6, True),
        (7.1e6, True),
        (6e6, True),
        (6e6, True),
        (6e6, False),
        (9e6, False),
        (1e7, True),
    ):
        chosen = pick(instruments, {"XUSDT": volume}, before=chosen)
        assert ("XUSDT" in chosen.candidates) is stays


def test_what_is_held_is_never_removed_only_closed_for_new_signals() -> None:
    gone = instrument("OLDUSDT", status="SETTLING")
    chosen = pick(listed("BTCUSDT", OLDUSDT=gone), {"OLDUSDT": 1e9}, held=("OLDUSDT",))
    assert "OLDUSDT" in chosen.members
    assert "OLDUSDT" not in chosen.candidates
    blocked = pick(listed("BTCUSDT", "ETHUSDT"), VOLUME, held=("ETHUSDT",), blocked=("ETHUSDT",))
    assert ("ETHUSDT" in blocked.members, "ETHUSDT" in blocked.candidates) == (True, False)


def test_a_named_list_restricts_and_btc_is_always_there() -> None:
    chosen = pick(listed("BTCUSDT", "ETHUSDT", "LOWUSDT"), VOLUME, symbols=("LOWUSDT",))
    assert chosen.members == ("BTCUSDT", "LOWUSDT")


def test_a_cap_keeps_what_is_held_pinned_and_the_largest() -> None:
    instruments = listed("BTCUSDT", "AUSDT", "BUSDT", "CUSDT", "DUSDT")
    volume = {"BTCUSDT": 1.0, "AUSDT": 5.0, "BUSDT": 4.0, "CUSDT": 3.0, "DUSDT": 2.0}
    chosen = pick(instruments, volume, held=("DUSDT",), max_symbols=3)
    assert set(chosen.members) == {"BTCUSDT", "DUSDT", "AUSDT"}
    assert set(pick(instruments, volume, max_symbols=2, pinned=("CUSDT",)).members) == {"BTCUSDT", "CUSDT"}


def test_on_an_embedded_exchange_every_symbol_is_a_candidate() -> None:
    chosen = pick(listed("BTCUSDT", "LOWUSDT"), {}, all_candidates=True)
    assert chosen.candidates == {"BTCUSDT", "LOWUSDT"}


def test_the_difference_names_who_came_and_who_left() -> None:
    before = Universe(("BTCUSDT", "OLDUSDT"))
    after = Universe(("BTCUSDT", "NEWUSDT"))
    assert difference(before, after) == (("NEWUSDT",), ("OLDUSDT",))


@pytest.mark.parametrize(
    ("held", "order"),
    [
        ((), ["BTCUSDT", "ETHUSDT", "LOWUSDT"]),
        (("LOWUSDT",), ["LOWUSDT", "BTCUSDT", "ETHUSDT"]),
        (("BTCUSDT",), ["BTCUSDT", "ETHUSDT", "LOWUSDT"]),
    ],
)
def test_what_is_held_loads_first_then_btc_then_by_volume(held: tuple[str, ...], order: list[str]) -> None:
    chosen = pick(listed("BTCUSDT", "ETHUSDT", "LOWUSDT"), {"ETHUSDT": 9.0, "LOWUSDT": 8.0, "BTCUSDT": 1.0})
    assert load_order(chosen, held) == order
