"""The queue: one winner, one end, expiry always means no. And the standing orders beside it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.trading import approval, standing
from engine.trading.approval import Queue, claim, decide, expire, expiry_ms, give_back, offer, reject, snooze
from engine.trading.refusals import RiskRefusal
from engine.trading.standing import Block, Standing, desk_state, refuses_entry, refuses_signal
from tests.support.trading import BAR, T0, make_signal

SIGNAL = make_signal()


def waiting() -> Queue:
    return offer(Queue(), SIGNAL, T0 + 3000, 0.0)


@pytest.mark.parametrize(
    ("decided", "expires"), [(T0, T0 + BAR), (T0 + 6000, T0 + BAR), (T0 + BAR - 1, T0 + BAR), (T0 + BAR, T0 + 2 * BAR)]
)  # fmt: skip
def test_a_signal_lives_until_the_close_of_the_next_bar(decided, expires) -> None:
    assert expiry_ms(decided) == expires


def test_in_quick_demo_time_it_lives_a_minute_on_the_wall() -> None:
    queue = offer(Queue(), SIGNAL, T0 + 3000, 500.0, min_wall_s=60.0, rate=600.0)
    later, due = expire(queue, T0 + 60 * BAR, 30_000.0)
    assert not due
    later, due = expire(queue, T0 + 60 * BAR, 60_500.0)
    assert [entry.state for entry in due] == ["expired"]
    assert later.entries["sig1"].state == "expired"


def test_an_expired_signal_cannot_be_approved_even_before_it_was_swept() -> None:
    answer = claim(waiting(), "sig1", None, "ann", T0 + BAR, 0.0)
    assert isinstance(answer, RiskRefusal)
    assert answer.name == "Expired"


def test_two_approvals_have_one_winner() -> None:
    answer = claim(waiting(), "sig1", 1, "console:ann", T0 + 4000, 0.0)
    assert not isinstance(answer, RiskRefusal)
    queue, _ = answer
    second = claim(queue, "sig1", 1, "telegram:7", T0 + 4001, 0.0)
    assert isinstance(second, RiskRefusal)
    assert "console:ann" in second.detail
    decided = decide(queue, "sig1", "approved", "console:ann", "", T0 + 4002)
    third = claim(decided, "sig1", None, "telegram:7", T0 + 4003, 0.0)
    assert isinstance(third, RiskRefusal)
    assert third.name == "AlreadyDecided"


def test_a_claim_that_came_to_nothing_passing_may_be_tried_again() -> None:
    answer = claim(waiting(), "sig1", 1, "ann", T0 + 4000, 0.0)
    assert not isinstance(answer, RiskRefusal)
    queue = give_back(answer[0], "sig1", "spread")
    assert queue.entries["sig1"].reason == "spread"
    assert not isinstance(claim(queue, "sig1", 1, "bob", T0 + 4100, 0.0), RiskRefusal)


def test_a_signal_that_changed_under_the_cursor_is_refused() -> None:
    queue = offer(waiting(), make_signal(score=6.0), T0 + 4000, 0.0)
    assert queue.entries["sig1"].revision == 2
    answer = claim(queue, "sig1", 1, "ann", T0 + 4100, 0.0)
    assert isinstance(answer, RiskRefusal)
    assert answer.name == "Changed"
    assert offer(queue, make_signal(score=6.0), T0 + 4200, 0.0) == queue  # the same again is nothing new


def test_one_being_priced_is_not_swept_away() -> None:
    answer = claim(waiting(), "sig1", 1, "ann", T0 + BAR - 1, 0.0)
    assert not isinstance(answer, RiskRefusal)
    _, due = expire(answer[0], T0 + BAR + 1, 0.0)
    assert not due


def test_rejecting_twice_is_rejecting_once() -> None:
    once = reject(waiting(), "sig1", "ann", "no", T0 + 4000, 0.0)
    assert isinstance(once, Queue)
    assert reject(once, "sig1", "bob", "no", T0 + 4001, 0.0) == once
    assert once.entries["sig1"].actor == "ann"


def test_a_snoozed_signal_still_expires() -> None:
    queue = snooze(waiting(), "sig1", T0 + 9 * BAR)
    assert isinstance(queue, Queue)
    _, due = expire(queue, T0 + BAR, 0.0)
    assert len(due) == 1
    assert isinstance(snooze(Queue(), "nobody", 0), RiskRefusal)


@given(st.lists(st.sampled_from(["approve", "reject", "expire", "refuse", "close", "back"]), max_size=12))
def test_each_signal_ends_its_waiting_once_whatever_is_asked(actions) -> None:
    queue = waiting()
    ends = 0
    for action in actions:
        before = queue.entries["sig1"].state
        if action == "approve":
            answer = claim(queue, "sig1", None, "ann", T0 + 4000, 0.0)
            if not isinstance(answer, RiskRefusal):
                queue = decide(answer[0], "sig1", "approved", "ann", "", T0)
        elif action == "reject":
            rejected = reject(queue, "sig1", "ann", "", T0 + 4000, 0.0)
            queue = rejected if isinstance(rejected, Queue) else queue
        elif action == "expire":
            queue, _ = expire(queue, T0 + BAR, 0.0)
        elif action == "back":
            answer = claim(queue, "sig1", None, "ann", T0 + 4000, 0.0)
            queue = give_back(answer[0], "sig1", "x") if not isinstance(answer, RiskRefusal) else queue
        else:
            queue = decide(queue, "sig1", {"refuse": "refused", "close": "closed"}[action], "", "", T0)
        after = queue.entries["sig1"].state
        if before != after and after in ("rejected", "expired", "refused", "closed"):
            ends += 1
            assert before in ("pending", "approved")
    assert ends <= 1


def test_old_decided_signals_are_forgotten_and_waiting_ones_are_not() -> None:
    queue = waiting()
    for n in range(approval.KEPT_DECIDED + 50):
        queue = offer(queue, make_signal(id=f"s{n}"), T0, 0.0)
        queue = decide(queue, f"s{n}", "expired", "", "", T0)
    queue = offer(queue, make_signal(id="last"), T0, 0.0)
    assert len(queue.entries) == approval.KEPT_DECIDED + 2
    assert queue.entries["sig1"].pending


class TestStanding:
    def test_a_pause_ends_by_itself_and_resume_ends_it_early(self) -> None:
        paused = standing.pause(Standing(), T0 + 1000, "lunch", "ann")
        assert desk_state(paused, T0) == "paused"
        assert desk_state(paused, T0 + 1000) == "running"
        resumed = standing.resume(paused, "ann", confirmed=False)
        assert isinstance(resumed, Standing)
        assert desk_state(resumed, T0) == "running"

    def test_leaving_halted_needs_a_confirmation_and_a_pause_does_not_loosen_it(self) -> None:
        halted = standing.kill(Standing(), "kill", "ann")
        assert isinstance(standing.resume(halted, "ann", confirmed=False), RiskRefusal)
        assert desk_state(standing.pause(halted, 0, "", "bob"), T0) == "halted"
        assert desk_state(standing.halt(halted, "", "bob"), T0) == "halted"
        assert isinstance(standing.resume(halted, "ann", confirmed=True), Standing)

    def test_causes_hold_entries_and_lift_by_themselves(self) -> None:
        held = standing.hold(standing.hold(Standing(), "ban", "60 s"), "mismatch")
        assert desk_state(held, T0) == "reducing"
        assert standing.desk_reason(held, T0) == "ban: 60 s; mismatch"
        assert desk_state(standing.lift(held, "ban"), T0) == "reducing"
        assert desk_state(standing.lift(standing.lift(held, "ban"), "mismatch"), T0) == "running"

    @pytest.mark.parametrize(
        ("block", "symbol", "side", "strategy", "refused"),
        [
            (Block("1", "BTCUSDT"), "BTCUSDT", "long", "a", True),
            (Block("1", "BTCUSDT"), "ETHUSDT", "long", "a", False),
            (Block("1", "BTCUSDT", side="short"), "BTCUSDT", "long", "a", False),
            (Block("1", "BTCUSDT", strategy="b"), "BTCUSDT", "long", "a", False),
            (Block("1", "BTCUSDT", until_ms=T0), "BTCUSDT", "long", "a", False),
        ],
    )
    def test_blocks_cover_what_they_say(self, block, symbol, side, strategy, refused) -> None:
        held = standing.block(Standing(mode="approve"), block)
        assert (refuses_entry(held, strategy, symbol, side, T0) is not None) is refused
        assert (refuses_signal(held, strategy, symbol, side, T0, T0) is not None) is refused

    def test_a_cooldown_admits_the_bar_that_closes_at_its_end(self) -> None:
        cooled = standing.cool(Standing(), "order_flow", "BTCUSDT", "long", T0 + 4 * BAR)
        assert refuses_signal(cooled, "order_flow", "BTCUSDT", "long", T0 + 3 * BAR, T0) is not None
        assert refuses_signal(cooled, "order_flow", "BTCUSDT", "long", T0 + 4 * BAR, T0) is None
        assert refuses_signal(cooled, "order_flow", "BTCUSDT", "short", T0, T0) is None
        shorter = standing.cool(cooled, "order_flow", "BTCUSDT", "long", T0)
        assert standing.cooling_until(shorter, "order_flow", "BTCUSDT", "long") == T0 + 4 * BAR

    def test_unblocking_lifts_what_fits(self) -> None:
        held = standing.block(Standing(), Block("1", "BTCUSDT", side="long"))
        held = standing.block(held, Block("2", "BTCUSDT", side="short"))
        held, lifted = standing.unblock(held, "BTCUSDT", side="long")
        assert [row.id for row in lifted] == ["1"]
        assert [row.id for row in held.blocks] == ["2"]
