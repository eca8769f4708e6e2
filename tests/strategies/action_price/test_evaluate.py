"""Sections 6.1 and 6.3 to 6.6: pattern, plan, waits and gates, up to the finished verdict."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest

from strategies.action_price.evaluate import evaluate, screen
from strategies.action_price.params import ActionPriceParams
from strategies.action_price.pattern import crosses
from strategies.action_price.plan import deviation_fault, width_fault
from strategies.model import BtcContext, MarketSnapshot, Mode, Refusal, RegimeState, Signal, State
from tests.support.analysis import Zones, mirrored, regime, zone
from tests.support.cross import CONFIRM, CONFIRMATION, worked_example

PARAMS = ActionPriceParams()


def verdict(snap: MarketSnapshot, params: ActionPriceParams = PARAMS) -> Signal | Refusal | None:
    found = evaluate(snap, params)
    assert len(found) <= 1
    for answer in found:
        assert sum(part.points for part in (*answer.components, *answer.modifiers)) == answer.score
    return found[0] if found else None


def signal_of(snap: MarketSnapshot, params: ActionPriceParams = PARAMS) -> Signal:
    answer = verdict(snap, params)
    assert isinstance(answer, Signal), answer
    return answer


def refusal_of(snap: MarketSnapshot, params: ActionPriceParams = PARAMS) -> Refusal:
    answer = verdict(snap, params)
    assert isinstance(answer, Refusal), answer
    return answer


def with_ind(snap: MarketSnapshot, tf: str, **values: float) -> MarketSnapshot:
    n = len(snap.bars[tf])
    changed = {name: np.full(n, value) for name, value in values.items()}
    return msgspec.structs.replace(snap, ind=snap.ind | {tf: msgspec.structs.replace(snap.ind[tf], **changed)})


def test_worked_example_is_a_standard_long_with_the_printed_levels() -> None:
    found = signal_of(worked_example())
    assert (found.score, found.mode, found.side, found.variant) == (8, Mode.STANDARD, 1, "immediate")
    assert found.stop == pytest.approx(99.20)
    assert found.stop_source == "initiator"
    fill = 100.47
    risk = fill - found.stop
    assert risk == pytest.approx(1.27)
    assert [fill + r * risk for r in found.tp_r] == pytest.approx([101.74, 103.01])
    assert 100 * risk / fill == pytest.approx(1.26, abs=0.005)
    assert deviation_fault(fill, found.ref_close, found.stop, PARAMS) == ""
    assert found.bar_time_ms == worked_example().t_ms


def test_reflected_short_is_the_same_trade() -> None:
    long, short = signal_of(worked_example()), signal_of(mirrored(worked_example(), 200.0))
    assert short.side == -1
    assert (short.score, short.mode, short.tp_r) == (long.score, long.mode, long.tp_r)
    assert short.stop == pytest.approx(200.0 - long.stop)
    assert short.id != long.id


@pytest.mark.parametrize(
    ("name", "snap"),
    [
        ("body starts on the average", worked_example(initiator=(100.00, 100.70, 99.30, 100.70))),
        ("low touches the average", worked_example(confirmation=(100.70, 100.80, 100.00, 100.45))),
        ("low pierces the average", worked_example(confirmation=(100.70, 100.80, 99.95, 100.45))),
        ("close falls back behind", worked_example(confirmation=(100.70, 100.80, 99.50, 99.90))),
        ("initiator closes on the average", worked_example(initiator=(99.60, 100.70, 99.30, 100.00))),
        ("average is not warm", worked_example(ema200=math.nan)),
    ],
)
def test_contact_or_absence_is_no_pattern(name: str, snap: MarketSnapshot) -> None:
    for seen in (snap, mirrored(snap, 200.0)):
        assert verdict(seen) is None, name
        assert not screen(seen.bars["15m"], seen.ind["15m"], PARAMS)[-1], name


def test_absent_atr_of_the_initiator_is_no_pattern() -> None:
    snap = worked_example()
    atr = snap.ind["15m"].atr.copy()
    atr[CONFIRM - 1] = np.nan
    broken = snap.ind | {"15m": msgspec.structs.replace(snap.ind["15m"], atr=atr)}
    assert verdict(msgspec.structs.replace(snap, ind=broken)) is None


def test_buffer_asks_for_more_than_no_contact() -> None:
    assert (
        verdict(worked_example(), msgspec.structs.replace(PARAMS, confirm_buffer_atr=0.10)) is None
    )  # low is 0.10 away
    assert verdict(worked_example(), msgspec.structs.replace(PARAMS, confirm_buffer_atr=0.09)) is not None


@pytest.mark.parametrize(
    ("threshold", "mode", "tp2"), [((6.0, 3.0), Mode.STANDARD, 2.0), ((8.0, 3.0), Mode.STANDARD, 2.0),
                                   ((8.5, 8.0), Mode.SCALP, 1.5)]
)  # fmt: skip
def test_grade_sets_the_second_target(threshold: tuple[float, float], mode: Mode, tp2: float) -> None:
    params = msgspec.structs.replace(PARAMS, standard_score=threshold[0], scalp_score=threshold[1])
    found = signal_of(worked_example(), params)
    assert (found.mode, found.tp_r) == (mode, (1.0, tp2))


def test_low_score_is_refused_with_everything_that_was_known() -> None:
    found = refusal_of(worked_example(), msgspec.structs.replace(PARAMS, standard_score=12.0, scalp_score=9.0))
    assert (found.reason, found.mode, found.score) == ("fail:score<9", Mode.SKIP, 8)
    assert len(found.components) == 11
    assert found.stop == pytest.approx(99.20)


class TestDowngrades:
    def test_each_gate_lowers_one_step_and_says_so(self) -> None:
        against = with_ind(worked_example(), "4h", ema200=101.0)
        found = signal_of(against)
        assert (found.mode, found.score) == (Mode.SCALP, 8)
        assert found.evidence["downgrades"] == "htf_trend"

    def test_two_gates_lower_standard_to_skip(self) -> None:
        snap = with_ind(worked_example(btc=BtcContext(change_pct=-0.3)), "4h", ema200=101.0)
        found = refusal_of(snap)
        assert (found.reason, found.mode) == ("fail:downgraded", Mode.SKIP)
        assert "htf_trend, btc_filter" in found.detail

    def test_weak_volume_acts_on_standard_only_and_first(self) -> None:
        weak = with_ind(worked_example(), "15m", vr=0.79)
        assert signal_of(weak).mode is Mode.SCALP
        scalp = msgspec.structs.replace(PARAMS, standard_score=9.0)
        assert signal_of(weak, scalp).mode is Mode.SCALP
        both = with_ind(weak, "4h", ema200=101.0)
        assert refusal_of(both).reason == "fail:downgraded"

    @pytest.mark.parametrize(
        ("vr", "word"), [(1.8, "strong"), (1.2, "ok"), (0.8, "normal"), (0.79, "weak"), (math.nan, "absent")]
    )
    def test_volume_is_named_in_the_evidence(self, vr: float, word: str) -> None:
        assert signal_of(with_ind(worked_example(), "15m", vr=vr)).evidence["volume_confirmation"] == word

    @pytest.mark.parametrize(("change", "mode"), [(-0.29, Mode.STANDARD), (-0.30, Mode.SCALP), (0.47, Mode.STANDARD)])
    def test_btc_against_the_trade_lowers(self, change: float, mode: Mode) -> None:
        snap = worked_example(btc=BtcContext(change_pct=change))
        assert signal_of(snap).mode is mode
        assert signal_of(mirrored(snap, 200.0)).mode is mode

    def test_btc_does_not_judge_itself(self) -> None:
        assert signal_of(worked_example(btc=BtcContext(change_pct=-5.0), symbol="BTCUSDT")).mode is Mode.STANDARD

    def test_absent_inputs_lower_nothing_and_are_listed(self) -> None:
        snap = worked_example(btc=None)
        snap = with_ind(with_ind(snap, "15m", vr=math.nan), "4h", ema200=math.nan, ema100=math.nan, ema50=math.nan)
        snap = with_ind(snap, "1h", adx=math.nan)
        found = signal_of(snap)
        absent = {c.name for c in found.conditions if c.state is State.ABSENT}
        assert absent == {"volume", "htf_trend", "btc_filter", "super_chop", "room"}
        assert found.mode is Mode.STANDARD
        assert found.flags == ("thin_data",)

    def test_shorter_average_serves_while_the_long_one_is_cold(self) -> None:
        found = signal_of(with_ind(worked_example(), "4h", ema200=math.nan, ema100=101.0))
        assert found.mode is Mode.SCALP
        assert "EMA100" in next(c.need for c in found.conditions if c.name == "htf_trend")


class TestVetoes:
    def test_undecided_regime_rejects(self) -> None:
        assert refusal_of(worked_example(state=regime(RegimeState.UNDECIDED))).reason == "block:regime"

    @pytest.mark.parametrize(
        ("adx", "atr_rank", "bb_rank", "dead"),
        [(13.9, 29.9, 29.9, True), (14.0, 29.9, 29.9, False), (13.9, 30.0, 29.9, False), (13.9, 29.9, 30.0, False)],
    )
    def test_super_chop_needs_all_three(self, adx: float, atr_rank: float, bb_rank: float, dead: bool) -> None:
        snap = with_ind(worked_example(), "1h", adx=adx, atr_rank=atr_rank, bb_rank=bb_rank)
        assert isinstance(verdict(snap), Refusal) is dead

    @pytest.mark.parametrize(("near_edge", "passes"), [(101.94, False), (101.96, True)])
    def test_opposing_zone_must_leave_room(self, near_edge: float, passes: bool) -> None:
        """R is 1.25 at the close, so 1.2 R ends at 101.95."""
        snap = worked_example(source=Zones(zone(near_edge, near_edge + 0.5, "R")))
        assert isinstance(verdict(snap), Signal) is passes
        assert isinstance(verdict(mirrored(snap, 200.0)), Signal) is passes

    def test_zones_are_not_built_for_what_is_refused_anyway(self) -> None:
        source = Zones(zone(103.0, 103.5, "R"))
        refusal_of(worked_example(source=source, state=regime(RegimeState.UNDECIDED)))
        assert source.asked == 0
        signal_of(worked_example(source=source))
        assert source.asked == 1

    def test_room_gate_can_be_left_out(self) -> None:
        source = Zones(zone(100.50, 101.0, "R"))
        assert signal_of(worked_example(source=source), msgspec.structs.replace(PARAMS, room_r=0.0))
        assert source.asked == 0

    def test_stop_wider_than_three_atr_is_refused(self) -> None:
        far = worked_example(initiator=(99.60, 100.70, 97.00, 100.70))
        assert refusal_of(far).reason == "fail:stop_width"


@pytest.mark.parametrize(
    ("entry", "stop", "atr", "side", "fault"),
    [
        (100.0, 97.0, 1.0, 1, False), (100.0, 96.99, 1.0, 1, True), (100.0, 90.0, 9.0, 1, True),
        (100.0, 90.01, 9.0, 1, False), (100.0, 100.0, 1.0, 1, True), (100.0, 101.0, 1.0, 1, True),
        (100.0, 103.0, 1.0, -1, False), (100.0, 99.0, 1.0, -1, True),
    ],
)  # fmt: skip
def test_width_is_judged_on_the_real_fill(entry: float, stop: float, atr: float, side: int, fault: bool) -> None:
    assert bool(width_fault(entry, stop, atr, side, PARAMS)) is fault


@pytest.mark.parametrize(("fill", "fault"), [(100.47, False), (100.7625, False), (100.77, True), (100.13, True)])
def test_fill_may_not_stray_from_the_reference(fill: float, fault: bool) -> None:
    assert bool(deviation_fault(fill, 100.45, 99.20, PARAMS)) is fault


DEEP = (100.70, 101.50, 100.60, 101.40)  # d = 1.4
QUIET = (101.40, 101.60, 101.30, 101.50)  # no touch: low is 1.3 ATR beyond and above EMA13
DIP = (101.20, 101.30, 100.40, 100.90)  # low within 0.5 ATR, closes beyond EMA13 100.15
BACK = (100.60, 100.70, 99.70, 99.90)


class TestWait:
    def test_deep_close_waits_instead_of_chasing(self) -> None:
        found = refusal_of(worked_example(confirmation=DEEP))
        assert found.reason == "wait:pullback"
        assert found.mode is Mode.SCALP  # 8 - 3 depth - 2 position + 1 colour

    def test_first_touch_enters_with_components_of_that_bar(self) -> None:
        found = signal_of(worked_example(confirmation=DEEP, after=[QUIET, QUIET, DIP]))
        by_name = {component.name: component for component in found.components}
        assert (found.variant, found.ref_close, found.evidence["waited_bars"]) == ("pullback", 100.90, 3)
        assert by_name["confirm_depth"].input == pytest.approx(0.90)
        assert by_name["confirm_depth"].points == -1
        assert by_name["initiator_size"].input == pytest.approx(1.10)
        assert found.stop == pytest.approx(99.20)

    def test_mirror_waits_too(self) -> None:
        found = signal_of(mirrored(worked_example(confirmation=DEEP, after=[QUIET, DIP]), 200.0))
        assert (found.side, found.variant) == (-1, "pullback")

    @pytest.mark.parametrize("bars", [7, 8, 9])
    def test_wait_ends_after_eight_bars(self, bars: int) -> None:
        answer = verdict(worked_example(confirmation=DEEP, after=[QUIET] * (bars - 1) + [DIP]))
        assert isinstance(answer, Signal) is (bars <= 8)

    def test_close_behind_the_average_cancels(self) -> None:
        above = (99.90, 100.35, 99.85, 100.30)
        assert verdict(worked_example(confirmation=DEEP, after=[BACK])) is None
        assert verdict(worked_example(confirmation=DEEP, after=[BACK, above])) is None

    def test_one_try_only(self) -> None:
        assert verdict(worked_example(confirmation=DEEP, after=[DIP, DIP])) is None

    def test_dip_behind_ema13_counts_and_closing_behind_it_does_not(self) -> None:
        far = msgspec.structs.replace(PARAMS, wait_touch_atr=0.05)
        behind13 = (100.60, 100.70, 100.10, 100.50)
        assert signal_of(worked_example(confirmation=DEEP, after=[behind13]), far).variant == "pullback"
        closes_behind = (100.60, 100.70, 100.10, 100.14)
        assert verdict(worked_example(confirmation=DEEP, after=[closes_behind]), far) is None

    def test_rescore_below_three_refuses(self) -> None:
        strict = msgspec.structs.replace(PARAMS, scalp_score=4.0, standard_score=9.0)
        waits = refusal_of(worked_example(confirmation=DEEP), strict)
        assert (waits.reason, waits.score) == ("wait:pullback", 4)
        red = (101.30, 101.40, 100.40, 101.35 - 0.15)  # d 1.2: depth -2, position -2, colour 0
        found = refusal_of(worked_example(confirmation=DEEP, after=[red]), strict)
        assert (found.reason, found.score) == ("fail:score<4", 3)

    def test_two_atr_is_not_chased_and_never_waits(self) -> None:
        far = (100.70, 102.20, 100.60, 102.00)
        assert refusal_of(worked_example(confirmation=far)).reason == "fail:depth>=2"
        assert verdict(worked_example(confirmation=far, after=[DIP])) is None

    def test_gates_are_asked_at_the_touch(self) -> None:
        snap = worked_example(confirmation=DEEP, after=[DIP], state=regime(RegimeState.UNDECIDED))
        assert refusal_of(snap).reason == "block:regime"

    def test_skip_grade_never_starts_a_wait(self) -> None:
        strict = msgspec.structs.replace(PARAMS, scalp_score=6.0, standard_score=9.0)
        assert refusal_of(worked_example(confirmation=DEEP), strict).reason == "fail:score<6"
        assert verdict(worked_example(confirmation=DEEP, after=[DIP]), strict) is None


def test_ids_are_stable_and_differ_by_bar_side_and_symbol() -> None:
    one = signal_of(worked_example())
    assert one.id == signal_of(worked_example()).id
    later = signal_of(worked_example(confirmation=DEEP, after=[DIP]))
    other = signal_of(worked_example(symbol="OTHERUSDT"))
    assert len({one.id, later.id, other.id, signal_of(mirrored(worked_example(), 200.0)).id}) == 4
    assert len(one.id) == 12


def test_hour_join_never_sees_the_forming_hour() -> None:
    """The last bar of the 1h series closes after T; poisoning it changes nothing."""
    snap = worked_example()
    hours = snap.bars["1h"]
    assert int(hours.open_time[-1]) + 3_600_000 > snap.t_ms
    poisoned = snap.ind["1h"].ema20.copy()
    poisoned[-1] = 50.0
    changed = snap.ind | {"1h": msgspec.structs.replace(snap.ind["1h"], ema20=poisoned)}
    assert signal_of(msgspec.structs.replace(snap, ind=changed)).score == 8


def test_pattern_mask_marks_the_confirmation_only() -> None:
    snap = worked_example(after=[CONFIRMATION, CONFIRMATION])
    mask = crosses(snap.bars["15m"], snap.ind["15m"], 1, PARAMS)
    assert list(np.flatnonzero(mask)) == [CONFIRM]


def test_missing_higher_frames_are_absent_not_fatal() -> None:
    snap = worked_example()
    alone = msgspec.structs.replace(snap, bars={"15m": snap.bars["15m"]}, ind={"15m": snap.ind["15m"]})
    found = signal_of(alone)
    assert {c.name for c in found.components if c.input is None} == {"gap_to_atr"}
