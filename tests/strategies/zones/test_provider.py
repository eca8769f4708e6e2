"""Which builder serves whom."""

from __future__ import annotations

import pytest

from strategies.zones.provider import DAY_MS, ZoneParams, arm_of, shadow_arm


@pytest.mark.parametrize(
    ("provider", "arm", "shadow"), [("v2", "v2", None), ("v3", "v3", None), ("shadow", "v2", "v3")]
)
def test_fixed_providers(provider: str, arm: str, shadow: str | None) -> None:
    params = ZoneParams(provider=provider)
    assert arm_of("BTCUSDT", 123, params) == arm
    assert shadow_arm(params) == shadow


def test_shadow_is_the_default_of_the_trial() -> None:
    assert ZoneParams().provider == "shadow"


def test_a_split_is_even_stable_within_a_day_and_the_same_everywhere() -> None:
    params = ZoneParams(provider="split")
    arms = [arm_of(f"S{i}USDT", 20_000 * DAY_MS, params) for i in range(1000)]
    assert 430 < arms.count("v3") < 570
    assert [arm_of(f"S{i}USDT", 20_001 * DAY_MS - 1, params) for i in range(1000)] == arms
    assert [arm_of(f"S{i}USDT", 20_001 * DAY_MS, params) for i in range(1000)] != arms
    pinned = {"BTCUSDT": "v3", "ETHUSDT": "v3", "S0USDT": arms[0]}
    assert {symbol: arm_of(symbol, 20_000 * DAY_MS, params) for symbol in pinned} == pinned
