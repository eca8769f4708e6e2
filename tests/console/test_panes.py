"""Each pane's picture, without a screen."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.look import Look
from console.panes import book, breakdown, positions, signals
from console.panes.pane import Frame
from console.rows import plain
from engine.port import views as v
from tests.support import console_views as views


def frame(**over: object) -> Frame:
    return Frame(**({"width": 56, "height": 24, "now_ms": views.NOW_MS} | over))  # type: ignore[arg-type]


def text(rows: object) -> str:
    return "\n".join(plain(row) for row in rows)  # type: ignore[attr-defined]


LEVELS = st.lists(
    st.tuples(st.integers(1, 5_000).map(lambda ticks: f"{ticks / 10:.1f}"), st.floats(0, 1e6)), max_size=40
)


@given(LEVELS, st.sampled_from(book.GROUPS), st.booleans())
def test_grouping_keeps_the_depth_and_never_brings_a_level_nearer(
    levels: list[tuple[str, float]], factor: int, up: bool
) -> None:
    grouped = book.group(levels, "0.1", factor, up=up)
    assert sum(size for _, size in grouped) == pytest.approx(sum(size for _, size in levels))
    for price, _ in levels:
        near = [float(each) for each, _ in grouped]
        assert any(each >= float(price) - 1e-9 if up else each <= float(price) + 1e-9 for each in near)


@pytest.mark.parametrize(
    ("price", "up", "slot"), [("100.1", True, "100.5"), ("100.1", False, "100.0"), ("100.5", True, "100.5")]
)
def test_asks_round_up_and_bids_down(price: str, up: bool, slot: str) -> None:
    assert book.group([(price, 1.0)], "0.1", 5, up=up) == [(slot, 1.0)]


def test_asks_stand_above_bids_with_the_best_in_the_middle() -> None:
    rows = book.picture(views.book(), frame(width=32)).rows
    prices = [float(plain(row).split()[0].replace("▸", "")) for row in rows if plain(row).strip()[:1].isdigit()]
    assert prices == sorted(prices, reverse=True)


def test_cumulative_depth_grows_away_from_the_middle() -> None:
    rows = [plain(row).split() for row in book.picture(views.book(own=()), frame(width=32)).rows]
    sums = [float(row[2]) for row in rows if len(row) >= 3 and row[0].replace(".", "").isdigit() and "mid" not in row]
    half = len(sums) // 2
    assert sums[:half] == sorted(sums[:half], reverse=True)
    assert sums[half:] == sorted(sums[half:])


def test_own_stop_is_marked_on_its_level() -> None:
    rows = [plain(row) for row in book.picture(views.book(), frame(width=32)).rows]
    assert [row.split()[1] for row in rows if "STOP" in row] == ["59999.5"]


@pytest.mark.parametrize("state", ["empty", "buffering", "stale", "broken"])
def test_no_old_price_in_a_book_out_of_sync(state: str) -> None:
    picture = book.picture(views.book(state=state, reason="resyncing: gap at u=4711"), frame())
    assert "resyncing: gap at u=4711" in text(picture.rows)
    assert "60000.6" not in text(picture.rows)
    assert picture.blanked


def test_sum_on_screen_is_the_stored_score() -> None:
    rows = breakdown.detail_rows(views.breakdown(), 60)
    assert "score 7.00" in text(rows)
    assert "sum 7.00" in text(rows)


def test_sum_that_differs_from_the_stored_score_is_an_alarm() -> None:
    wrong = views.breakdown(signal=views.signal(score=8.0))
    rows = breakdown.detail_rows(wrong, 60)
    assert "but the points sum to 7.00" in text(rows)
    assert any(role == "alarm" for row in rows for _, role in row)


def test_absent_input_is_said_and_not_shown_as_zero() -> None:
    line = next(plain(row) for row in breakdown.detail_rows(views.breakdown(), 60) if "retest_tag" in plain(row))
    assert "absent" in line


def test_all_eleven_components_are_listed() -> None:
    shown = text(breakdown.detail_rows(views.breakdown(), 44))
    assert all(name in shown for name, _, _ in views.COMPONENTS)


def test_conditions_of_the_other_strategies_are_passed_failed_or_absent() -> None:
    checks = (
        v.Check("volume", "passed", 1.8, ">= 1.5"), v.Check("body", "failed", 0.31, ">= 0.5"), v.Check("oi", "absent"),
    )  # fmt: skip
    shown = text(breakdown.check_rows(checks, 40))
    assert shown.splitlines() == ["✓ volume 1.8 need >= 1.5", "✗ body 0.31 need >= 0.5", "· oi"]


def test_what_failed_stands_before_the_ticket_and_what_passed_after_it() -> None:
    checks = (v.Check("depth", "passed", 0.9), v.Check("room", "failed", 0.4, ">= 0.5"))
    shown = text(breakdown.detail_rows(views.breakdown(checks=checks), 60))
    assert shown.index("✗ room") < shown.index("ticket, if approved now") < shown.index("✓ depth")


def test_ticket_rounds_costs_up_and_rewards_down() -> None:
    shown = text(breakdown.ticket_rows(views.ticket(risk_usdt=50.081, reward_risk=1.839, fees_r=0.0991), 60))
    assert "50.09 USDT" in shown
    assert "1.83" in shown
    assert "0.100R" in shown


def test_waiting_signals_are_on_top_and_expiry_takes_them_down_at_once() -> None:
    view = views.signals()
    assert [row.id for row in signals.ordered(view, views.NOW_MS)][:2] == ["s1", "s2"]
    late = views.NOW_MS + 373_000
    picture = signals.picture(view, frame(now_ms=late))
    assert "0 waiting" in plain(picture.state)
    assert "expired" in text(picture.rows)


def test_snoozed_signal_is_out_of_sight_and_counted() -> None:
    view = views.signals()
    snoozed = msgspec.structs.replace(view, rows=(views.signal(snoozed=True), *view.rows[1:]))
    picture = signals.picture(snoozed, frame())
    assert "BTCUSDT" not in text(picture.rows)
    assert "1 snoozed" in plain(picture.state)


@pytest.mark.parametrize(
    ("row", "word"),
    [(views.position(), "BE rests ✓"), (views.position(stop="3105.00"), "locked rests ✓"),
     (views.position(stop="3056.30"), "stop 3056.30 rests ✓"),
     (views.position(protected=False, stop=None, naked_ms=1_300.0), "NAKED 1.3s"),
     (views.position(foreign=True), "foreign"), (views.position(liquidation=None), "liq ?")],
)  # fmt: skip
def test_position_says_where_its_stop_rests(row: v.PositionRow, word: str) -> None:
    assert word in text(positions.block(row, frame(width=80), chosen=True))


def test_open_results_are_rounded_down() -> None:
    shown = text(positions.block(views.position(r_now=-0.381, mfe_r=1.39), frame(width=80), chosen=False))
    assert "-0.39R" in shown
    assert "+1.3R" in shown


async def test_selection_nobody_made_stays_put_while_nothing_waits() -> None:
    refused = tuple(
        views.signal(id=f"r{i}", symbol=f"S{i}USDT", state="refused", at_ms=views.NOW_MS - i * views.BAR_MS)
        for i in range(3)
    )
    pane = signals.SignalsPane(Look())
    pane.view = views.v.SignalsView(revision=1, as_of_ms=0, rows=refused[1:], waiting=0, refused_recent=2)
    assert pane.settle(views.NOW_MS)
    assert pane.selected == "r1"
    pane.view = views.v.SignalsView(revision=2, as_of_ms=0, rows=refused, waiting=0, refused_recent=3)
    assert not pane.settle(views.NOW_MS)
    pane.view = views.v.SignalsView(
        revision=3, as_of_ms=0, rows=(views.signal(), *refused), waiting=1, refused_recent=3
    )
    assert pane.settle(views.NOW_MS)
    assert pane.selected == "s1"


@pytest.mark.parametrize(
    ("drift", "shown", "role"),
    [(0.081, "0.09R ahead of 0.25R allowed", ""), (-0.4, "0.40R back of 0.5R allowed", "warn"),
     (2.3, "2.30R ahead of 0.25R allowed  too far", "danger")],
)  # fmt: skip
def test_ticket_says_how_far_the_price_has_gone_and_may_go(drift: float, shown: str, role: str) -> None:
    rows = breakdown.ticket_rows(views.ticket(drift_r=drift, drift_limits_r=(0.25, 0.5)), 60)
    assert [row for row in rows if row[0][0].startswith("moved")] == [(("moved    ", "muted"), (shown, role))]


def test_ticket_without_a_signal_has_no_drift() -> None:
    assert "moved" not in text(breakdown.ticket_rows(views.ticket(), 60))
