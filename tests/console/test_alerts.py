"""Alerts fire on becoming true, cool down, and count what they held back."""

from __future__ import annotations

from console.alerts import Alerts, osc9
from engine.port import notices as n
from tests.support import console_views as views
from tests.support.frames import Hand


def raised(seq: int, symbol: str = "BTCUSDT") -> n.SignalRaised:
    return n.SignalRaised(
        seq=seq, at_ms=0, severity="good", text=f"{symbol} long", symbol=symbol, signal_id="s", score=7.0, expires_ms=1
    )


def test_repeats_are_held_back_and_counted() -> None:
    hand = Hand()
    alerts = Alerts(hand)
    assert alerts.notice(raised(1)) is not None
    assert alerts.notice(raised(2)) is None
    assert alerts.notice(raised(3)) is None
    hand.s += 10.0
    later = alerts.notice(raised(4))
    assert later is not None
    assert later.text.endswith("(+2 held back)")


def test_another_symbol_is_another_alert() -> None:
    alerts = Alerts(Hand())
    assert alerts.notice(raised(1)) is not None
    assert alerts.notice(raised(2, "SOLUSDT")) is not None


def test_desktop_notifications_are_rate_limited_over_all_alerts() -> None:
    hand = Hand()
    alerts = Alerts(hand)
    fired = [alerts.notice(raised(i, f"S{i}")) for i in range(5)]
    assert [alert.osc for alert in fired if alert is not None] == [True, False, False, False, False]
    hand.s += 11.0
    again = alerts.notice(raised(9, "S9"))
    assert again is not None
    assert again.osc


def test_a_state_fires_once_on_becoming_true() -> None:
    hand = Hand()
    alerts = Alerts(hand)
    naked, calm = views.health(naked_ms=900.0), views.health()
    assert [a.severity for a in alerts.health(naked, 0)] == ["danger"]
    hand.s += 60.0
    assert alerts.health(naked, 0) == []
    assert alerts.health(calm, 0) == []
    assert len(alerts.health(naked, 0)) == 1


def test_routine_is_quiet() -> None:
    alerts = Alerts(Hand())
    quiet = n.TierPlaced(seq=1, at_ms=0, severity="info", text="tier 1 rests", signal_id="s", tier=1, price="1")
    assert alerts.notice(quiet) is None


def test_notification_text_cannot_smuggle_control_sequences() -> None:
    text = osc9("entry\x1b]0;owned\x07 refused\n")
    assert text == "\x1b]9;entry]0;owned refused\x07"
