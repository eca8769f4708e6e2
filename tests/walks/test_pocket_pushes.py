"""What the phone is told while one thing after another goes wrong, from end to end.

An exchange that is served with its controls, a real engine on it, the real library, a Bot API. It is night: the whole
story lies in quiet hours, so that each push shows whether it may make a sound. One story first, told in its order; the
tests then look at what both phones show.
"""

from __future__ import annotations

import contextlib
import json
import re
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from console.telegram.advice import BARE, ENTRIES, HELD, LEFT, LIMIT, MISMATCH, PAUSED
from console.telegram.cards import GLYPHS
from console.telegram.markup import plain_text
from engine.port.commands import Reconcile, Resume
from tests.support.bot_api import BotApi
from tests.support.pocket_desk import OPERATOR, READER, PocketDesk
from tests.support.simulator import simulator
from tests.walks.test_pocket import MORE, button

pytestmark = [pytest.mark.walk, pytest.mark.timeout(420)]

SYMBOLS = "BTCUSDT,ETHUSDT,BNBUSDT,LINKUSDT,SOLUSDT"
START_BAR, INTO_BAR_S = "479", "300"  # 23:50 UTC: the day ends a few minutes after the desk has opened
SLOW, FAST, FASTER = 1.0, 20.0, 60.0
SILENT_S, DEAF_S = 80.0, 62.0
QUIET = "12:00-11:59"


class Night:
    """The story, and the numbers that were only known in its course."""

    def __init__(self, rest: str, desk: PocketDesk) -> None:
        self.rest, self.desk = rest, desk
        self.links_gone = ""
        self._signals()
        self._naked()
        self._closed_outside()
        self._ban()
        self._silence()
        self._pause()
        self._restart()

    # -- the story -----------------------------------------------------------------------------------------------------

    def _signals(self) -> None:
        """Two signals at midnight; one becomes a position with its stop."""
        self.speed(FASTER)
        self.bnb, self.link = (
            self.desk.wait(lambda api, n=name: button(api, n), 60) for name in ("BNBUSDT", "LINKUSDT")
        )
        self.speed(SLOW)
        assert "LINKUSDT long" in self.desk.presses(self.link)
        self.card_shows("LINKUSDT", "stop rests on the exchange")

    def _naked(self) -> None:
        """The exchange refuses every stop under the other; what that costs is as much as a day may cost."""
        self.fault("stop_rejected", count=12)
        assert "BNBUSDT long" in self.desk.presses(self.bnb)
        self.told("BNBUSDT without a stop")
        self.card_shows("BNBUSDT", "closed by naked")
        self.told("loss today")
        self.told("desk reducing")
        assert self.desk.query("vitals")["desk"] == "reducing"
        self.desk.submit(Resume(id="after-the-loss", actor="test"))

    def _closed_outside(self) -> None:
        """Half of the position is deleveraged."""
        self.fault("adl", symbol="LINKUSDT", share=0.5)
        self.told("LINKUSDT holds")

    def _ban(self) -> None:
        self.fault("banned", seconds=10)
        self.desk.submit(Reconcile(id="meets-the-ban", actor="test"))
        self.told("the exchange answers nothing until")
        self.desk.home.wait("entries", lambda: self.desk.query("vitals")["desk"] == "running", 30)

    def _silence(self) -> None:
        """Books fall out of step and come back; then no stream says anything for longer than a minute.

        Bars cannot be asked for either, and the day ends meanwhile.
        """
        self.fault("disconnect", route="all")
        self.desk.home.wait("books", lambda: "in step again" in str(self.desk.query("notices")), 30)
        self.fault("silent_socket", seconds=SILENT_S, route="all")
        self.fault("server_error", seconds=DEAF_S, path="/fapi/v1/klines")
        self.speed(FAST)
        self.told("market link", 90)
        self.links_gone = " ".join(self.desk.query("vitals")["alarms"])
        self.told("market link is back", 60)
        # A chat has room for so many messages a minute; what wakes nobody waits for its turn.
        for part in ("BTCUSDT book in step again", "without their bar", "repaired"):
            self.told(part, 75)

    def _pause(self) -> None:
        """A pause that ends by itself."""
        self.speed(SLOW)
        self.desk.says("/pause 30")
        self.paused = self.desk.presses(self.desk.phone(lambda api: api.button("yes, pause")))
        self.told("desk paused")
        self.speed(FASTER * 10)
        self.told("the pause is over")
        self.speed(FAST)

    def _restart(self) -> None:
        """The engine goes and comes back; the phone hears of both."""
        self.desk.restart(between=lambda: self.told("engine stopped"))
        self.desk.wait(lambda api: len(_with(api, READER, "started on sim")) == 2)
        self.speed(SLOW)
        self.asked = self.desk.says("/digest")
        self.report = self.desk.says("/report 1")

    # -- means ---------------------------------------------------------------------------------------------------------

    def told(self, part: str, timeout_s: float = 30.0) -> None:
        """Wait until both phones show it."""
        for user in (OPERATOR, READER):
            self.desk.wait(lambda api, user=user: _with(api, user, part), timeout_s)

    def card_shows(self, symbol: str, part: str) -> None:
        """Wait until a card has grown so far on both phones."""
        for user in (OPERATOR, READER):
            self.desk.wait(lambda api, user=user: [t for t in _with(api, user, "expires") if symbol in t and part in t])

    def news(self, part: str, user: int = READER) -> list[dict[str, Any]]:
        """What was told with these words, as it was sent; cards, days and answers left out."""
        return [message for message in self.shown(part, user) if message["text"][0] in GLYPHS.values()]

    def shown(self, part: str, user: int = READER) -> list[dict[str, Any]]:
        """Everything with these words on a phone, as it was sent."""
        return self.desk.phone(
            lambda api: [dict(m) for m in api.sent if int(m["chat_id"]) == user and part in plain_text(m["text"])]
        )

    def fault(self, kind: str, **params: Any) -> None:
        self._control("fault", {"kind": kind, **params})

    def speed(self, speed: float) -> None:
        self._control("speed", {"speed": speed})

    def _control(self, what: str, body: dict[str, Any]) -> None:
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.rest}/sim/{what}", json.dumps(body).encode(), headers)
        with contextlib.closing(urllib.request.urlopen(request, timeout=10)) as answer:
            assert answer.status == 200


def _with(api: BotApi, user: int, part: str) -> list[str]:
    return [text for text in map(plain_text, api.texts(user)) if part in text]


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    folder: Path = tmp_path_factory.mktemp("night")
    (folder / "once.py").write_text(MORE)
    options = ("--control", "--symbols", SYMBOLS, "--start-bar", START_BAR, "--into-bar", INTO_BAR_S, "--speed", "10")
    with simulator(*options) as ready:
        arguments = ("run", "--venue", "sim", "--sim-url", ready["rest"], "--headless", "--mode", "approve")
        own = {
            "PERPDECK_API_KEY": ready["api_key"], "PERPDECK_API_SECRET": ready["api_secret"],
            "PERPDECK__USER_STRATEGIES": f"[{folder / 'once.py'}]", "PERPDECK__TELEGRAM__QUIET_HOURS": QUIET,
            "PERPDECK__RISK__MAX_DAILY_LOSS_PCT": "0.09",
        }  # fmt: skip
        with PocketDesk(folder, *arguments, **own) as desk:
            yield Night(ready["rest"], desk)


# -- alarms ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "means"),
    [
        ("■ BNBUSDT without a stop for", BARE),
        ("▲ loss today 0.1", LIMIT),
        ("▲ desk reducing, mode approve, by risk: loss today 0.1", ENTRIES),
        ("▲ LINKUSDT holds", MISMATCH),
        ("▲ desk reducing, mode approve, by desk: ban: the exchange answers nothing until", HELD),
        ("■ market link", "no bars and marks come in; nothing to do unless it lasts"),
        ("▲ desk paused, mode approve, by telegram:1: until", PAUSED),
    ],
)
def test_alarm_sounds_at_night_once_and_says_what_it_means(night: Night, part: str, means: str) -> None:
    for user in (OPERATOR, READER):
        (message,) = night.news(part, user)
        assert message.get("disable_notification") != "true", "an alarm makes a sound in quiet hours"
        first, second = plain_text(message["text"]).split("\n")
        assert first.startswith(part)
        assert second.startswith(means)


def test_naked_position_says_it_is_closed_and_its_card_tells_the_end(night: Night) -> None:
    (alarm,) = night.news("BNBUSDT without a stop")
    naked_ms = int(re.findall(r"for (\d+) ms", alarm["text"])[0])
    assert naked_ms <= 2000
    assert "closing at market" in alarm["text"]
    (card,) = [m for m in night.shown("expires") if "closed by naked" in m["text"]]
    refusals = [line for line in card["text"].split("\n") if "order refused" in line]
    assert len(refusals) == 1, "the same refusal again is counted, not repeated"
    assert int(refusals[0].rpartition("×")[2]) > 1


def test_deleveraged_half_is_told_in_figures(night: Night) -> None:
    (told,) = night.news("LINKUSDT holds")
    left, ours = re.findall(r"holds ([\d.]+) on the exchange, we thought ([\d.]+)", told["text"])[0]
    assert float(left) == pytest.approx(float(ours) / 2, rel=0.01)
    (position,) = night.desk.query("positions")
    assert (position["quantity"], position["protected"]) == (left, True)


def test_lost_stream_is_told_and_so_is_its_return(night: Night) -> None:
    assert "link market" in night.links_gone
    for name in ("market", "public"):
        (lost,) = night.news(f"{name} link down") or night.news(f"{name} link late")
        assert "stops rest on the exchange" in lost["text"]
        (back,) = night.news(f"{name} link is back")
        assert back["disable_notification"] == "true", "good news wakes nobody"


def test_ban_and_pause_end_by_themselves_and_that_is_told(night: Night) -> None:
    changes = [plain_text(message["text"]).split("\n")[0] for message in night.news(" desk ")]
    (ban,) = [n for n, text in enumerate(changes) if "ban: " in text]
    assert changes[ban + 1] == "· desk running, mode approve, by desk"
    assert sum("the pause is over" in text for text in changes) == 1
    assert re.fullmatch(r"paused until \d\d:\d\d:\d\d UTC", night.paused)
    assert night.paused.removeprefix("paused ") in night.news("desk paused")[0]["text"]


# -- news --------------------------------------------------------------------------------------------------------------


def test_books_and_holes_come_in_few_silent_messages(night: Night) -> None:
    books, holes = night.news("out of step"), night.news("repaired")
    lines = books[0]["text"].split("\n")
    assert "▲ BTCUSDT book out of step: connection lost" in lines
    assert "· BTCUSDT book in step again" in lines, "what comes within a moment is one message"
    assert all(message["disable_notification"] == "true" for message in books + holes)


def test_missing_bars_are_one_sentence(night: Night) -> None:
    told = night.news("without their bar")
    assert all("BTCUSDT" in message["text"] and message["disable_notification"] == "true" for message in told)
    assert len(told) <= 2


def test_day_is_told_at_five_past_midnight_once_and_over_a_restart(night: Night) -> None:
    for user in (OPERATOR, READER):
        (day,) = [m for m in night.shown("the last 24 h", user) if m.get("disable_notification") == "true"]
        text = plain_text(day["text"])
        assert "1 trades, 0 won, 1 lost" in text
        assert "in 1 positions" in text
        assert "naked: BNBUSDT without a stop" in text
        assert "mismatch: LINKUSDT holds" in text
        assert "hold: desk reducing" in text
        assert text.count("\n") <= 9


def test_digest_and_report_name_what_went_wrong(night: Night) -> None:
    digest, report = plain_text(night.asked), plain_text(night.report)
    for text in (digest, report):
        for part in (r"\b1 naked", r"\b1 mismatch", r"\b1 limit", r"\b[1-9]\d* hold", r"\b[2-4] link"):
            assert re.search(part, text), (part, text)
    assert "link: market link" in report
    assert "naked: BNBUSDT" in report


# -- going and coming back ---------------------------------------------------------------------------------------------


def test_end_of_the_engine_is_told_before_it_ends_with_what_stays_open(night: Night) -> None:
    for user in (OPERATOR, READER):
        (stopped,) = night.news("engine stopped", user)
        first, second = plain_text(stopped["text"]).split("\n")
        assert first.endswith("; open with their stops on the exchange: LINKUSDT long")
        assert second == LEFT
    (before, after) = night.shown("started on sim")
    assert before["message_id"] < stopped["message_id"] < after["message_id"]
    assert "0 positions open" in before["text"]
    assert "1 positions open" in after["text"]


def test_nothing_is_told_twice_and_no_alarm_is_left_out(night: Night) -> None:
    def told(user: int) -> Counter[str]:
        lines = [line for message in night.news("", user) for line in plain_text(message["text"]).split("\n")]
        return Counter(line[2:] for line in lines if line[0] in GLYPHS.values())

    rows = night.desk.query("notices")
    first = next(n for n, row in enumerate(rows) if row["type"] == "SignalRaised")
    alarms = Counter(
        row["text"] for row in rows[first:] if row["severity"] == "danger" or row["type"] == "DeskStateChanged"
    )
    for user in (OPERATOR, READER):
        night.desk.home.wait("every alarm on the phone", lambda user=user: not alarms - told(user), 30)
        on_phone = told(user)
        assert on_phone - Counter(row["text"] for row in night.desk.query("notices")) == Counter()
