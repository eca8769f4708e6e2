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
MISMATCH = "the exchange's figure counts now, stop and targets follow it. If that was not you, see the exchange"
SERVICE = "it is started again by itself; stops rest on the exchange. /status shows how it is"
RECORDER = "trading goes on without a recording"


def advice(notice: AnyNotice) -> str:
    """What is protected and what comes next."""
    if isinstance(notice, notices.DeskStateChanged):
        return _desk(notice)
    if isinstance(notice, notices.Degraded):
        return _degraded(notice)
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
    return {"stop": BARE, "quantity": MISMATCH, "recorder": RECORDER}.get(notice.what, SERVICE)
