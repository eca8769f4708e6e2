"""The desk in the pocket, from end to end: a real engine on the embedded exchange, the real library, a Bot API.

One story first (greeting, card, picture, buttons, the life of a trade); then the market is held and every command is
asked, each answer against what the port says at the same moment; then the commands that change something.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from console.telegram.commands import ALIASES, COMMANDS
from console.telegram.markup import plain_text
from console.telegram.mutes import EVENT_TYPES
from console.telegram.quiet import HUSH
from engine.port.commands import Done, Pause
from tests.support.bot_api import TOKEN, BotApi
from tests.support.hearing import Hearing
from tests.support.pocket_desk import OPERATOR, READER, PocketDesk

pytestmark = [pytest.mark.walk, pytest.mark.timeout(180)]

Expected = Callable[[PocketDesk], list[str]]
KEYS = {"PERPDECK_API_KEY": "Kk3y" * 16, "PERPDECK_API_SECRET": "S3cr" * 16}
FAST, BRISK, HELD = 600.0, 60.0, 0.0
# Slow at first: a symbol that is loaded after the first close is judged so late that its price has run away.
SLOW_START = ("demo", "--headless", "--mode", "approve", "--speed", "10", "--json")


MORE = """
import pandas_ta_classic  # loaded before the first close: half a second is all an answer may take

from engine.user import Condition, Proposal, Snapshot

NAME, SYMBOLS = "once", ["BNBUSDT", "LINKUSDT"]
ASKED = []


def evaluate(snapshot: Snapshot) -> Proposal | None:
    ASKED.append(snapshot.symbol)
    if ASKED.count(snapshot.symbol) > 2:  # a second time, for a machine too busy to hear the first answer in time
        return None
    bars = snapshot.frame("15m")
    close, atr = float(bars.close.iloc[-1]), float(bars.ta.atr(length=14).iloc[-1])
    why = (Condition("always", True),)
    return Proposal(side="long", stop=close - 2.6 * atr, score=5.0, conditions=why, kind="pullback")
"""


def button(api: BotApi, about: str) -> str:
    """What approving the signal sends whose card says this; empty while there is none."""
    for message in api.sent:
        for row in json.loads(message.get("reply_markup") or "{}").get("inline_keyboard", []):
            if row[0]["text"] == "approve" and about in message["text"]:
                return str(row[0]["callback_data"])
    return ""


class Story:
    """What was seen on the way to the first closed trade."""

    def __init__(self, desk: PocketDesk) -> None:
        self.desk = desk
        self.greeting = desk.wait(lambda api: [t for t in api.texts(OPERATOR) if "started on sim" in t])[0]
        self.vitals = desk.query("vitals")
        desk.home.wait("all loaded", lambda: not desk.query("vitals")["symbols_loading"], 40)
        desk.speed(BRISK)
        self.approve = desk.wait(lambda api: button(api, "action_price"), 90)
        desk.speed(1.0)
        _, self.signal_id, self.nonce = self.approve.split(":")
        others = [desk.wait(lambda api, name=name: button(api, name)) for name in ("BNBUSDT", "LINKUSDT")]
        self.card = self.shown()["text"]
        self.signal = desk.query("card", id=self.signal_id)
        self.picture = desk.wait(lambda api: api.photos(OPERATOR))[0]
        _, self.refused_id, nonce = others[0].split(":")
        self.said_no = desk.presses(f"r:{self.refused_id}:{nonce}")
        self.yes_after_no = desk.presses(others[0])
        self.held_id = others[1].split(":")[1]
        self.said_yes = desk.presses(others[1])
        self.readers_try = desk.presses(self.approve, READER)
        self.why_popup = desk.presses(f"w:{self.signal_id}:{self.nonce}")
        self.why = desk.wait(lambda api: [t for t in api.texts(OPERATOR) if "<pre>" in t and "flip:" in t])[-1]
        self.snoozed = desk.presses(f"z:{self.signal_id}:{self.nonce}")
        self.asleep = next(row for row in desk.query("signals") if row["id"] == self.signal_id)["state"]
        self.approved = desk.presses(self.approve)
        self.again = desk.presses(self.approve)
        self.rejected_late = desk.presses(f"r:{self.signal_id}:{self.nonce}")
        # What comes later is not part of the story, and a chat has room for so many messages a minute only.
        self.muted = [desk.says("/mute signal", user) for user in (OPERATOR, READER)]
        desk.speed(FAST)
        desk.home.wait("the trade closed", self._is_closed, 60)
        desk.speed(1.0)
        desk.wait(lambda api: "closed by" in self.shown(api)["text"], 70)

    def _is_closed(self) -> bool:
        return any(row["id"] == self.signal_id for row in self.desk.query("trades"))

    def shown(self, api: Any = None) -> dict[str, Any]:
        """The operator's card as it stands."""

        def newest(api: Any) -> dict[str, Any]:
            cards = [m for m in api.sent if self.signal_id in (m.get("reply_markup") or "")]
            return next(m for m in cards if int(m["chat_id"]) == OPERATOR)

        return newest(api) if api is not None else self.desk.phone(newest)


@pytest.fixture(scope="module")
def hearing(tmp_path_factory: pytest.TempPathFactory) -> Hearing:
    return Hearing(tmp_path_factory.mktemp("heard"))


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory, hearing: Hearing) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("pocket")
    (folder / "once.py").write_text(MORE)
    own = {"PERPDECK__USER_STRATEGIES": f"[{folder / 'once.py'}]"}
    with PocketDesk(folder, *SLOW_START, **own, **hearing.environment, **KEYS) as desk:
        yield Story(desk)


@pytest.fixture
def held(story: Story) -> Iterator[PocketDesk]:
    """The market stands still, so that two who ask get the same answer."""
    story.desk.speed(HELD)
    yield story.desk
    story.desk.speed(1.0)


# -- what is pushed ----------------------------------------------------------------------------------------------------


def test_start_is_told_with_what_runs(story: Story) -> None:
    now = story.vitals
    for part in (now["version"], "mode approve", "account main", f"{now['symbols_active']} symbols live",
                 ", ".join(now["strategies"]), "in agreement with the exchange: 0 corrected, 0 left"):  # fmt: skip
        assert part in story.greeting, part
    assert story.desk.phone(lambda api: sum("started on sim" in text for text in api.texts(READER))) == 1


def test_card_holds_the_plan_the_port_holds(story: Story) -> None:
    signal = story.signal
    r = [(float(signal[name]) - float(signal["entry"])) / (float(signal["entry"]) - float(signal["stop"]))
         for name in ("tp1", "tp2")]  # fmt: skip
    parts = [
        signal["symbol"], signal["side"].upper(), f"{signal['strategy']}/{signal['variant']} {signal['mode']}",
        signal["timeframe"], f"score <b>{signal['score']:.2f}</b>", signal["regime"], signal["bias"],
        f"entry {signal['entry']}", f"stop {signal['stop']}", f"{signal['stop_atr']:.2f} ATR", signal["stop_source"],
        f"tp1 {signal['tp1']} ({r[0]:.2f}R, 30%)", f"tp2 {signal['tp2']} ({r[1]:.2f}R, 40%)", signal["measured"],
        *(f"{zone['low']} to {zone['high']}" for zone in (signal["zone_below"], signal["zone_above"]) if zone),
    ]  # fmt: skip
    assert [part for part in parts if part not in story.card] == []
    for term in (*signal["components"], *signal["modifiers"]):
        assert f"{term['name']} " in story.card
    assert sum(t["points"] for t in (*signal["components"], *signal["modifiers"])) == pytest.approx(signal["score"])
    assert story.picture.startswith(b"\x89PNG")
    assert len(story.picture) < 30_000


def test_buttons_decide_once_and_for_operators_only(story: Story) -> None:
    assert story.readers_try == "only operators may decide"
    assert story.why_popup == "why"
    for check in story.signal["conditions"]:
        assert check["name"] in story.why
    assert story.asleep == "pending"
    assert story.signal["symbol"] in story.approved
    name = f"{story.signal['symbol']} {story.signal['side']}"
    assert re.fullmatch(rf"{name} out of sight until \d\d:\d\d:\d\d UTC on the screen; its card .*", story.snoozed)
    told = f"refused: {name} is approved by telegram:{OPERATOR}"
    assert (story.again, story.rejected_late) == (told, told)
    decided = next(row for row in story.desk.query("signals") if row["id"] == story.signal_id)
    assert (decided["actor"], decided["state"]) == (f"telegram:{OPERATOR}", "closed")
    assert story.desk.query("signal", id=story.refused_id)["state"] == "rejected"
    assert story.said_no == "BNBUSDT long rejected"
    assert story.yes_after_no.startswith("refused")
    assert "LINKUSDT long" in story.said_yes
    bought = [row for row in story.desk.query("trades") if row["id"] == story.signal_id]
    assert len(bought) == 1


def test_life_of_the_trade_is_one_message_with_every_step(story: Story) -> None:
    steps = [n["text"] for n in story.desk.query("notices") if n.get("signal_id") == story.signal_id][1:]
    assert any("target" in step for step in steps)
    text = plain_text(story.shown()["text"])
    places = [text.find(step) for step in steps]
    assert -1 not in places
    assert places == sorted(places)
    assert "R gross" in text
    assert "MFE" in text
    assert "approve" not in story.shown()["reply_markup"]
    closed = f"{story.signal['symbol']} closed by"
    assert sum(closed in text for text in story.desk.phone(lambda api: api.texts(OPERATOR))) == 1


def test_news_are_told_as_the_port_tells_them(story: Story) -> None:
    regime = next(n for n in story.desk.query("notices") if n["type"] == "RegimeChanged")
    assert story.desk.phone(lambda api: any(regime["text"] in plain_text(text) for text in api.texts(READER)))


# -- what is asked -----------------------------------------------------------------------------------------------------


def _figures(value: dict[str, Any]) -> list[str]:
    rate = "?" if value["win_rate"] is None else f"{value['win_rate']:.0%}"
    return [
        f"{value['trades']} trades, {value['wins']} won, {value['losses']} lost, {value['scratches']} scratch",
        f"win rate {rate}", f"net {value['net_r']:+.2f}R, {float(value['net_usdt']):+.2f} USDT",
        f"max drawdown {value['max_drawdown_r']:.2f}R", f"tp1 reached {value['tp1']} · tp2 reached {value['tp2']}",
    ]  # fmt: skip


def _many(rows: list[dict[str, Any]]) -> list[str]:
    assert rows, "a trade was closed"
    return [part for row in rows for part in (f"{row['name']}: ", *_figures(row))]


def _status(desk: PocketDesk) -> list[str]:
    now, counts = desk.query("vitals"), desk.query("regimes")["counts"]
    return [
        now["state"], now["mode"], f"{now['symbols_active']} active, 0 loading, 0 failed",
        f"{now['btc_change_pct']:+.2f} %", f"{now['signals_pending']} waiting", f"of {now['weight_limit']}",
        f"{now['positions_open']} open", f"took {now['last_cycle_took_ms']} ms",
        *(f"{name} {count}" for name, count in counts.items()), *(now["alarms"] or ["no alarms"]),
    ]  # fmt: skip


def _strategies(desk: PocketDesk) -> list[str]:
    rows, now = desk.query("strategies"), desk.query("vitals")
    assert len(rows) == 8
    assert now["cooldowns"]
    rests = [key.replace("|", " ") for key in now["cooldowns"]]
    return [part for row in rows for part in (row["strategy"], row["timeframe"], row["last_symbol"] or "never")] + rests


def _closed(kind: str = "", strategy: str = "") -> Expected:
    def expected(desk: PocketDesk) -> list[str]:
        rows = desk.query("closed", hours="24", kind=kind, strategy=strategy)
        if not rows:
            return ["nothing closed in that time"]
        ticks = {row["symbol"]: len(row["entry"].partition(".")[2]) for row in rows}
        assert max(ticks.values()) <= 8, "prices have the decimals of their tick"
        return [
            part for row in rows
            for part in (row["symbol"], row["strategy"], row["entry"], row["exit"], f"{row['net_r']:+.2f}R",
                         row["reason"], f"{row['minutes']}m")
        ]  # fmt: skip

    return expected


def _ap_stats(desk: PocketDesk) -> list[str]:
    value = desk.query("ap_stats", days="7")
    return [*_figures(value["total"]), *_many(value["by_mode"]), *_many(value["by_score"]), "average MFE"]


def _validate(desk: PocketDesk) -> list[str]:
    rows = desk.query("validate", symbol="ETHUSDT")
    verdicts = [verdict for row in rows for verdict in row["verdicts"]]
    return ["ETHUSDT", *(row["strategy"] for row in rows), *(verdict["verdict"] for verdict in verdicts)] + [
        f"{name} {need}".strip() for verdict in verdicts for name, _, _, need in verdict["conditions"]
    ]


def _zones(desk: PocketDesk) -> list[str]:
    value = desk.query("zones", symbol="ETHUSDT")
    assert value["zones"]
    told = [
        (f"{z['low']} to {z['high']}", z["grade"], z["state"], f"{z['distance_atr']:+.1f} ATR") for z in value["zones"]
    ]
    return [f"ETHUSDT {value['price']}", *(part for parts in told for part in parts)]


def _zone_engine(desk: PocketDesk) -> list[str]:
    value = desk.query("zone_engine")
    counts = [f"{name} {count}" for key in ("kind", "grade", "state") for name, count in value[f"by_{key}"].items()]
    return [value["provider"], *counts, *(f"{count} zones" for count in value["symbols"].values())]


def _zone_arms(desk: PocketDesk) -> list[str]:
    value = desk.query("zone_arms", days="30")
    return [*_many(value["arms"]), *(f"{name} {count}" for name, count in value["compared"].items())]


def _open_signals(desk: PocketDesk) -> list[str]:
    rows = [row for row in desk.query("signals") if row["state"] in ("pending", "approved")]
    return [part for row in rows for part in (row["symbol"], row["state"], row["stop"])] or ["no open signals"]


def _latency(desk: PocketDesk) -> list[str]:
    value = desk.query("latency")
    assert value["rest_p50_ms"] > 0
    assert value["stream_age_p50_ms"] > 0
    names = [name.replace("_", " ") for name in value if name != "cycle"]
    return [*names, *(str(value["cycle"][key]) for key in ("close_ms", "symbols", "took_ms"))]


def _report(desk: PocketDesk) -> list[str]:
    value = desk.query("period", days="7")
    groups = [row for name in ("by_strategy", "by_regime", "by_hour") for row in value[name]]
    return [
        *_figures(value["total"]), f"equity {value['equity_r'][-1]:+.2f}R", f"fees {float(value['fees_usdt']):+.2f}",
        *(part for row in groups for part in (row["name"], f"{row['net_r']:+.2f}R")),
        *(one["text"] for one in value["incidents"]),
    ]  # fmt: skip


def _digest(desk: PocketDesk) -> list[str]:
    total = desk.query("period", days="1")["total"]
    return [f"{total['trades']} trades", f"net {total['net_r']:+.2f}R", "open risk"] + [
        notice["text"] for notice in desk.query("notices")[-15:]
    ]


def _export(desk: PocketDesk) -> list[str]:
    return [row["id"] for row in desk.query("signals")]


def _helped(_desk: PocketDesk) -> list[str]:
    return [f"/{name} –" for name in (*COMMANDS, *HUSH)]


READS: dict[str, tuple[str, Expected]] = {
    "start": ("", lambda desk: ["sim, mode approve, RUNNING", *_helped(desk)]),
    "help": ("", _helped),
    "menu": ("", _helped),
    "status": ("", _status),
    "strategies": ("", _strategies),
    "latency": ("", _latency),
    "digest": ("", _digest),
    "performance": ("7", lambda desk: ["last 7 days", *_figures(desk.query("performance", days="7"))]),
    "stats": ("7", lambda desk: _many(desk.query("stats", days="7"))),
    "ap_stats": ("7", _ap_stats),
    "closed": ("24", _closed()),
    "closed_ap": ("24", _closed(strategy="action_price")),
    "closed_ap_sl": ("24", _closed("sl", "action_price")),
    "closed_ap_tp": ("24", _closed("tp", "action_price")),
    "regime_stats": ("30", lambda desk: _many(desk.query("by_regime", days="30"))),
    "confluence_stats": ("30", lambda desk: _many(desk.query("by_confluence", days="30"))),
    "report": ("7", _report),
    "export": ("7", _export),
    "validate": ("ETHUSDT", _validate),
    "v3_status": ("", _zone_engine),
    "v3_signals": ("", _open_signals),
    "v3_stats": ("30", _zone_arms),
    "v3_zones": ("ETHUSDT", _zones),
}
CONTROLS = ("pause", "resume", "halt", "flatten", "kill")


def test_every_command_is_walked() -> None:
    assert {*READS, *CONTROLS} == set(COMMANDS)
    assert {command.name for command in COMMANDS.values() if command.control} == set(CONTROLS)
    assert set(HUSH) == {"snooze", "mute", "unmute"}


@pytest.mark.parametrize("name", READS)
def test_answer_says_what_the_port_says(held: PocketDesk, name: str) -> None:
    argument, expected = READS[name]
    parts = expected(held)
    answer = held.says(f"/{name} {argument}".strip(), READER)
    said = answer if name == "export" else plain_text(answer)
    assert [part for part in parts if part not in said and part not in answer] == [], said
    if name == "export":
        rows = list(csv.DictReader(io.StringIO(answer)))
        assert len(rows) == len(parts)
        assert {row["state"] for row in rows} >= {"closed", "refused"}


def test_keyboard_is_shown_and_hidden(held: PocketDesk) -> None:
    def newest(api: BotApi) -> str:
        return next(m["reply_markup"] for m in reversed(api.sent) if "keyboard" in (m.get("reply_markup") or ""))

    held.says("/menu", READER)
    assert all(label in held.phone(newest) for label in ALIASES)
    held.says("/menu hide", READER)
    assert "remove_keyboard" in held.phone(newest)


@pytest.mark.parametrize("label", [label for label, command in ALIASES.items() if command in READS])
def test_button_of_the_keyboard_is_an_alias_and_nothing_more(held: PocketDesk, label: str) -> None:
    typed, pressed = (held.says(text, READER) for text in (f"/{ALIASES[label]}", label))
    assert pressed == typed


# -- what is commanded -------------------------------------------------------------------------------------------------


def _confirmed(desk: PocketDesk, text: str) -> str:
    """Say it, then press the button it asks back with."""
    name = ALIASES.get(text, text.removeprefix("/")).split()[0]
    assert "sure? 20 s" in desk.says(text)
    data = desk.phone(lambda api: api.button(f"yes, {name}"))
    said = desk.presses(data)
    assert desk.presses(data) == "too late; ask again", "a replayed press does nothing"
    return said


@pytest.fixture(scope="module")
def newcomer(story: Story) -> int:
    """Somebody let in late, whose chat has heard nothing yet."""
    code = story.desk.home.json("telegram", "pair")["code"]
    assert "paired as reader" in story.desk.says(f"/pair {code}", 88)
    return 88


def test_pause_halt_and_resume_ask_back_and_do_what_they_say(story: Story, newcomer: int) -> None:
    desk = story.desk
    for text, state in (("Pause", "paused"), ("/resume", "running"), ("/halt", "reducing"), ("/resume", "running")):
        before = desk.query("vitals")["desk"]
        assert "only operators" in desk.says(text, READER)
        assert desk.query("vitals")["desk"] == before
        _confirmed(desk, text)
        assert desk.query("vitals")["desk"] == state
        told = desk.wait(lambda api, state=state: [t for t in api.texts(newcomer) if f"desk {state}" in t])
        assert told, "a change of the desk is told to everybody"


def test_chat_is_silenced_and_the_desk_is_not(story: Story) -> None:
    desk = story.desk
    assert "muted here" in desk.says("/mute regime", READER)
    listed = desk.says("/mute", READER)
    assert [word for word in EVENT_TYPES if word not in listed] == []
    assert story.muted == ["signal is muted here"] * 2
    assert "told here" in desk.says("/unmute regime", READER)
    assert "ETHUSDT is silent here" in desk.says("/snooze ETHUSDT 5", READER)
    assert desk.query("vitals")["blocks"] == []


def test_flatten_and_kill_want_the_account_typed(story: Story, newcomer: int) -> None:
    desk = story.desk
    (position,) = desk.query("positions")
    assert position["signal_id"] == story.held_id
    for name, state in (("flatten", "reducing"), ("kill", "halted")):
        assert f"/{name} main" in desk.says(f"/{name}")
        assert f"/{name} main" in desk.says(f"/{name} other")
        assert "only operators" in desk.says(f"/{name} main", READER)
        assert desk.query("vitals")["desk"] != state
        desk.says(f"/{name} main")
        assert desk.query("vitals")["desk"] == state
        desk.home.wait("everything closed", lambda: not desk.query("positions"), 15)
        assert "account" in _confirmed(desk, "/resume") or desk.query("vitals")["desk"] == "running"
        if desk.query("vitals")["desk"] != "running":
            _confirmed(desk, "/resume main")
        assert desk.query("vitals")["desk"] == "running"


def test_closed_position_is_told(story: Story, newcomer: int) -> None:
    trade = next(row for row in story.desk.query("trades") if row["id"] == story.held_id)
    told = f"LINKUSDT closed by {trade['reason']}"
    assert story.desk.wait(lambda api: [text for text in api.texts(newcomer) if told in text])


def test_revoked_phone_and_strangers_are_nobody(story: Story) -> None:
    desk = story.desk
    code = desk.home.json("telegram", "pair", "--operator")["code"]
    assert "paired as operator" in desk.says(f"/pair {code}", 77)
    assert "RUNNING" in desk.says("/status", 77)
    assert desk.home.json("telegram", "revoke", "77")["revoked"]
    silent = desk.phone(lambda api: len(api.texts(77)))
    desk.phone(lambda api: api.says("/kill main", 77))
    desk.home.wait("a stranger is counted", lambda: "1 strangers" in desk.query("status")["telegram"], 10)
    assert desk.phone(lambda api: len(api.texts(77))) == silent
    assert desk.query("vitals")["desk"] == "running"


# -- what must not be said ---------------------------------------------------------------------------------------------


def test_nothing_that_was_written_or_said_holds_a_secret(story: Story) -> None:
    desk = story.desk
    exchange = desk.home.exchange
    assert exchange is not None
    secrets = {*KEYS.values(), exchange["api_secret"], TOKEN}
    said = {
        "phone": "\n".join(desk.phone(lambda api: api.texts())),
        "report.html": _report_page(desk),
        **{" ".join(words): _said(desk, *words) for words in OUTPUTS},
        **{f"/proc/{pid}/cmdline": Path(f"/proc/{pid}/cmdline").read_text() for pid in desk.home.pids()},
    }
    assert [(where, secret[:4]) for where, text in said.items() for secret in secrets if secret in text] == []
    kept = [file for file in desk.home.folder.rglob("*") if file.is_file() and file.name != "exchange.json"]
    assert {"engine.log", "trading.sqlite"} <= {file.name for file in kept}
    leaks = [str(file) for file in kept for secret in secrets if secret.encode() in file.read_bytes()]
    assert leaks == []
    assert (desk.home.folder / "exchange.json").stat().st_mode & 0o077 == 0, "keys are their owner's alone"


OUTPUTS = (
    ("status",), ("config", "show", "--json"), ("audit", "tail"), ("doctor",), ("telegram", "test"), ("report", "day"),
)  # fmt: skip


def _said(desk: PocketDesk, *words: str) -> str:
    done = desk.home.run(*words)
    assert done.stdout, (words, done.stderr)
    return done.stdout + done.stderr


def _report_page(desk: PocketDesk) -> str:
    file = desk.home.folder / "report.html"
    desk.home.run("report", "day", "--html", str(file))
    return file.read_text()


def test_crash_of_the_engine_leaves_no_image_of_its_memory(story: Story) -> None:
    limits = Path(f"/proc/{story.desk.home.engine_pid}/limits").read_text()
    assert re.search(r"Max core file size +0 +0 ", limits)


def test_whole_story_called_nobody_outside_of_this_machine(story: Story, hearing: Hearing) -> None:
    assert hearing.hosts() == set()
    assert hearing.count() > 10


def test_death_of_the_bot_is_shown_and_not_felt(story: Story) -> None:
    desk = story.desk
    desk.phone(lambda api: setattr(api, "down", True))
    desk.phone(lambda api: setattr(api, "polling", False))
    desk.home.wait(
        "the bot is missed", lambda: desk.query("status")["telegram"] == "another instance polls this bot", 10
    )
    assert desk.query("status")["state"] == "RUNNING"
    assert isinstance(desk.submit(Pause(id="without-a-phone", actor="test")), Done)
    assert desk.query("vitals")["desk"] == "paused"
    assert desk.home.json("stop")["state"] == "STOPPED"
