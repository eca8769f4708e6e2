"""The confirmation gate of the six strategies: enough independent witnesses, pass or fail, never points (4.3)."""

from __future__ import annotations

from strategies.absent import at
from strategies.bars import engulfing, hour_factor_at, pin_bar
from strategies.flow import flow_with
from strategies.htf import beyond_ema50
from strategies.measures import Measures
from strategies.model import Condition, Family, MarketSnapshot, RegimeState, Sign, State, ZoneSet
from strategies.params import AtLeastOne, NotNegative, Params, Positive
from strategies.setup import Setup
from strategies.value import profile
from strategies.zones.query import back, behind, containing, front


class ConfirmationParams(Params, frozen=True):
    """How many factors must speak, and their thresholds."""

    least: AtLeastOne = 3
    volume_vr: Positive = 1.5
    doi_min: float = 1.0
    structure_atr: NotNegative = 0.5


def confirm(
    setup: Setup, snapshot: MarketSnapshot, tf: str, zones: ZoneSet, params: ConfirmationParams, measures: Measures
) -> tuple[bool, tuple[Condition, ...]]:
    """Whether `min(least, available)` of the six factors speak for the setup, at least `least` being available."""
    side = setup.side
    factors = (
        _factor("strategy", True, "the setup itself"),
        _factor("higher_frames", _higher_frames(setup, snapshot), "1h and 4h close beyond EMA50"),
        _volume(snapshot, tf, params),
        _factor("flow", _flow(setup, snapshot, tf, params, measures), f"flow with, or OI >= {params.doi_min:g} %"),
        _factor("price_action", _price_action(snapshot, tf, side), "pin bar or engulfing"),
        _factor("structure", _structure(setup, snapshot, tf, zones, params, measures),
                f"a zone edge or POC within {params.structure_atr:g} ATR behind"),
    )  # fmt: skip
    available = sum(factor.state is not State.ABSENT for factor in factors)
    confirmed = sum(factor.state is State.PASSED for factor in factors)
    return available >= params.least and confirmed >= min(params.least, available), factors


def _factor(name: str, holds: bool | None, need: str) -> Condition:
    state = State.ABSENT if holds is None else State.PASSED if holds else State.FAILED
    return Condition(f"confirm_{name}", state, None, need)


def _higher_frames(setup: Setup, snapshot: MarketSnapshot) -> bool | None:
    quiet = snapshot.regime.state in (RegimeState.RANGE, RegimeState.CHOP)
    if quiet and setup.family is Family.MEAN_REVERSION:
        return None
    answers = [beyond_ema50(snapshot, tf, setup.side, snapshot.t_ms) for tf in ("1h", "4h")]
    return None if None in answers else all(answers)


def _volume(snapshot: MarketSnapshot, tf: str, params: ConfirmationParams) -> Condition:
    candles = snapshot.bars[tf]
    vr = at(snapshot.ind[tf].vr, len(candles) - 1)
    need = params.volume_vr * hour_factor_at(int(candles.open_time[-1]))
    state = State.ABSENT if vr is None else State.PASSED if vr >= need else State.FAILED
    return Condition("confirm_volume", state, vr, f">= {need:g}")


def _flow(
    setup: Setup, snapshot: MarketSnapshot, tf: str, params: ConfirmationParams, measures: Measures
) -> bool | None:
    """Growing open interest speaks for everything but fades."""
    candles = snapshot.bars[tf]
    leaning = flow_with(candles, setup.side, len(candles) - 1, measures.flow)
    fades = setup.family is Family.MEAN_REVERSION
    grows = None if fades or snapshot.doi_pct is None else snapshot.doi_pct >= params.doi_min
    if leaning is None and grows is None:
        return None
    return bool(leaning) or bool(grows)


def _price_action(snapshot: MarketSnapshot, tf: str, side: Sign) -> bool:
    candles = snapshot.bars[tf]
    pair = candles.slice(max(0, len(candles) - 2), len(candles))
    return bool(pin_bar(pair, side)[-1] or engulfing(pair, side, snapshot.filters.tick)[-1])


def _structure(
    setup: Setup, snapshot: MarketSnapshot, tf: str, zones: ZoneSet, params: ConfirmationParams, measures: Measures
) -> bool | None:
    """A supportive zone's edge, or the POC behind price, near enough to lean on."""
    close, side, reach = float(snapshot.bars[tf].close[-1]), setup.side, params.structure_atr * setup.atr
    bars = snapshot.bars.get("15m")
    traded = None if bars is None else profile(bars, len(bars), snapshot.filters.tick, measures.profile)
    if not zones.zones and traded is None:
        return None
    kind = "S" if side > 0 else "R"
    around = [zone for zone in containing(zones, close) if zone.kind == kind]
    edges = [front(zone, side) for zone in behind(zones, close, side)[:1]]
    edges += [edge for zone in around for edge in (front(zone, side), back(zone, side))]
    if any(abs(close - edge) <= reach for edge in edges):
        return True
    return traded is not None and 0 <= side * (close - traded.poc) <= reach
