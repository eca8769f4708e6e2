"""Zones of a decision are a function of the bars: not of who asked before, nor of when the desk was started."""

from __future__ import annotations

import gc
import weakref

import msgspec

from engine.trading.snapshots import Analyst, Series, Surroundings
from strategies.model import Candles, Filters, MarketSnapshot, ZoneSet
from strategies.settings import StrategySettings
from strategies.zones.build import ZoneContext, build
from strategies.zones.provider import ZoneParams
from tests.support.bundled import bundled
from tests.support.series import folded

SETTINGS = msgspec.structs.replace(StrategySettings(), zones=ZoneParams(provider="v3"))
QUARTERS = bundled("ETHUSDT")


def seen(analyst: Analyst, stop: int, revision: int = 0, quarters: Candles = QUARTERS) -> MarketSnapshot:
    bars = quarters.slice(0, stop)
    series = {"15m": Series(bars, revision)} | {tf: Series(folded(bars, tf), revision) for tf in ("1h", "4h", "1d")}
    return analyst.snapshot("ETHUSDT", bars.last_close_ms, series, Surroundings(Filters(0.01)))


def told(zones: ZoneSet) -> list[tuple[str, float, float, str]]:
    return [(zone.id, zone.low, zone.strength, zone.lifecycle) for zone in zones.zones]


def test_zones_do_not_depend_on_when_they_were_asked_for_before() -> None:
    busy, fresh = Analyst(SETTINGS), Analyst(SETTINGS)
    for stop in range(3400, 3500, 7):
        seen(busy, stop).source.zones()
    assert told(seen(busy, 3500).source.zones()) == told(seen(fresh, 3500).source.zones())


def test_a_zone_that_only_grew_stale_since_midnight_keeps_its_standing() -> None:
    """Without its past it would be a candidate: never proven on the bars of this very close."""
    kept = 0
    for stop in range(3360, 4100, 37):
        snap = seen(Analyst(SETTINGS), stop)
        alone = build(ZoneContext("ETHUSDT", snap.t_ms, snap.bars, snap.ind, 0.01), SETTINGS.zones.v3)
        without = {(z.tf, z.low, z.high): z.lifecycle for z in alone.zones}
        for zone in snap.source.zones().zones:
            standing = without.get((zone.tf, zone.low, zone.high))
            kept += zone.lifecycle == "active" and standing == "candidate"
            assert not (zone.lifecycle == "candidate" and standing in ("active", "key") and zone.strength >= 50)
    assert kept > 0


def test_a_corrected_bar_gives_other_zones() -> None:
    analyst = Analyst(SETTINGS)
    before = seen(analyst, 3500).source.zones()
    shift = QUARTERS.high.copy()
    shift[3380:3400] *= 1.02
    after = seen(analyst, 3500, revision=1, quarters=msgspec.structs.replace(QUARTERS, high=shift)).source.zones()
    assert told(before) != told(after)


def test_surveys_of_outdated_bars_do_not_keep_them() -> None:
    analyst = Analyst(SETTINGS)
    quarters = QUARTERS.slice(0, 3500)
    held = msgspec.structs.replace(quarters, close=quarters.close.copy())
    watched = weakref.ref(held.close)
    seen(analyst, 3500, quarters=held).source.zones()
    del held
    assert watched() is not None
    seen(analyst, 3501)
    gc.collect()
    assert watched() is None


def test_symbols_without_bars_have_no_zones_and_say_why() -> None:
    nothing = QUARTERS.slice(0, 0)
    for provider in ("v2", "v3"):
        settings = msgspec.structs.replace(SETTINGS, zones=ZoneParams(provider=provider))  # type: ignore[arg-type]
        snap = Analyst(settings).snapshot("ETHUSDT", 0, {"15m": Series(nothing)}, Surroundings(Filters(0.01)))
        assert snap.source.zones().zones == ()
        assert snap.source.zones().reason.startswith("absent:bars")
