"""What a notice means for whoever reads it on a phone: what is protected, and what to do next. One line, or none."""

from __future__ import annotations

from console.telegram.mutes import DATA_NEWS
from engine.port import notices
from engine.port.notices import AnyNotice

DESK = "desk"  # the actor where nobody acted
HALTED = "only missing stops are placed; exits and trailing stand still. /resume with the account's name ends it"
HELD = "no new entries; stops and exits go on. It lifts by itself; /status shows how it is"
ENTRIES = "no new entries; stops and exits go on. /resume lets entries in again"
PAUSED = "no new entries; stops and exits go on. /resume ends it sooner"
LINKS = {
    "market": "no bars and marks come in",
    "public": "no books come in",
    "private": "fills may be learnt late",
    "rest": "orders may not get through",
}
BARE = "no other order is needed; see it close here, and if it does not, close it on the exchange"
MISMATCH = "what the exchange says counts; stop and targets follow it. If that was not you, look there why"
SERVICE = "it is started again by itself; stops rest on the exchange. /status shows how it is"
LEFT = "nothing trails and nobody watches until it runs again; until then positions are yours, on the exchange"
LIMIT = "stops and exits go on; /flatten with the account's name closes everything"
MISSED = "/status, /closed and /report 1 show what became of positions meanwhile"
RECORDER = "trading goes on without a recording"


def advice(notice: AnyNotice) -> str:
    """What is protected and what comes next."""
    if isinstance(notice, notices.DeskStateChanged):
        return _desk(notice)
    if isinstance(notice, notices.Degraded):
        return _degraded(notice)
    if isinstance(notice, notices.EngineStarted) and notice.severity in ("warn", "danger"):
        return LEFT
    if isinstance(notice, notices.Forgotten):
        return MISSED
    return ""


def _desk(notice: notices.DeskStateChanged) -> str:
    if notice.desk == "halted":
        return HALTED
    if notice.desk == "reducing":
        return HELD if notice.actor == DESK else ENTRIES
    return PAUSED if notice.desk == "paused" else ""


def _degraded(notice: notices.Degraded) -> str:
    if notice.what in DATA_NEWS:
        return ""
    if notice.what == "link":
        lost = LINKS.get(notice.text.split(" ", 1)[0], "")
        return f"{lost}; nothing to do unless it lasts, then watch positions on the exchange".removeprefix("; ")
    known = {"stop": BARE, "quantity": MISMATCH, "limit": LIMIT, "recorder": RECORDER}
    return known.get(notice.what, SERVICE)
