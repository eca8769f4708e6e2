"""The action table: what can be done, by which key, how dangerous it is, and the command it becomes.

One row here is a key, a footer hint, a help line, a palette entry and, where `remote` says so, a button on the
phone. A test refuses two meanings of one key in one place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum

import msgspec

from engine.port import commands as ask
from engine.port.views import PositionRow, SignalRow


class Danger(StrEnum):
    """How an action is guarded; section "Danger" of the manual."""

    READ = "read"
    SAFE = "safe"
    RISKY = "risky"
    GRAVE = "grave"


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """What an action may need to become a command."""

    id: str
    actor: str
    account: str = ""
    venue: str = ""
    mode: str = ""
    desk: str = ""
    speed: float = 1.0
    symbol: str = ""
    signal: SignalRow | None = None
    signal_waits: bool = False
    position: PositionRow | None = None


Made = ask.AnyCommand | str  # the command, or why there is none
Make = Callable[[Situation], Made]


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the table. `keys` are blank-separated; `contexts` say where they hold."""

    id: str
    keys: str
    label: str
    help: str
    danger: Danger = Danger.READ
    contexts: tuple[str, ...] = ("desk",)
    make: Make | None = None
    undo: Make | None = None
    footer: int = 0  # place among the hints, 0 for none
    remote: bool = False

    @property
    def key_list(self) -> list[str]:
        return self.keys.split()


def _no_signal(s: Situation) -> str:
    if s.signal is None:
        return "no signal selected"
    return f"{s.signal.symbol} is {'expired' if s.signal.state == 'pending' else s.signal.state}: nothing to decide"


def _approve(s: Situation) -> Made:
    if s.signal is None or not s.signal_waits:
        return _no_signal(s)
    return ask.ApproveSignal(id=s.id, actor=s.actor, signal_id=s.signal.id, revision=s.signal.revision)


def _reject(s: Situation) -> Made:
    if s.signal is None or not s.signal_waits:
        return _no_signal(s)
    return ask.RejectSignal(id=s.id, actor=s.actor, signal_id=s.signal.id)


def _snooze(s: Situation) -> Made:
    if s.signal is None or not s.signal_waits:
        return _no_signal(s)
    return ask.SnoozeSignal(id=s.id, actor=s.actor, signal_id=s.signal.id)


def _unsnooze(s: Situation) -> Made:
    if s.signal is None:
        return _no_signal(s)
    return ask.SnoozeSignal(id=s.id, actor=s.actor, signal_id=s.signal.id, for_s=0.0)


def _block(s: Situation) -> Made:
    return ask.BlockSymbol(id=s.id, actor=s.actor, symbol=s.symbol) if s.symbol else "no symbol in focus"


def _unblock(s: Situation) -> Made:
    return ask.UnblockSymbol(id=s.id, actor=s.actor, symbol=s.symbol) if s.symbol else "no symbol in focus"


def _pause(s: Situation) -> Made:
    return ask.Pause(id=s.id, actor=s.actor)


def _resume(s: Situation) -> Made:
    return ask.Resume(id=s.id, actor=s.actor)


def _close(s: Situation) -> Made:
    if s.position is None:
        return "no open position"
    return ask.ClosePosition(id=s.id, actor=s.actor, position_id=s.position.id, revision=s.position.revision)


def _has_position(s: Situation) -> Made:
    if s.position is None:
        return "no open position"
    stop = s.position.stop or ""
    return ask.MoveStop(id=s.id, actor=s.actor, position_id=s.position.id, stop=stop, revision=s.position.revision)


def _flatten(s: Situation) -> Made:
    return ask.Flatten(id=s.id, actor=s.actor, confirm="")


def _kill(s: Situation) -> Made:
    return ask.Kill(id=s.id, actor=s.actor, confirm="")


def _mode(s: Situation) -> Made:
    return ask.SetMode(id=s.id, actor=s.actor, mode=s.mode)


_MAX_SPEED = 3_600.0


def _faster(s: Situation) -> Made:
    return ask.SetSpeed(id=s.id, actor=s.actor, speed=min(max(s.speed, 0.5) * 2, _MAX_SPEED))


def _slower(s: Situation) -> Made:
    return ask.SetSpeed(id=s.id, actor=s.actor, speed=max(s.speed / 2, 1.0))


def _hold(s: Situation) -> Made:
    return ask.SetSpeed(id=s.id, actor=s.actor, speed=0.0)


_EVERYWHERE = ("desk", "history", "log")
_LIST = ("list", "history", "log")

TABLE: tuple[Action, ...] = (
    Action(id="approve", keys="a", label="approve", help="trade the selected signal: ticket, then Enter",
           danger=Danger.RISKY, make=_approve, footer=1, remote=True),
    Action(id="reject", keys="r", label="reject", help="say no to the selected signal",
           danger=Danger.SAFE, make=_reject, footer=2, remote=True),
    Action(id="edit", keys="e", label="edit", help="change size or stop of the ticket inside policy",
           danger=Danger.RISKY, make=_approve, footer=3),
    Action(id="explain", keys="x", label="explain", help="every component, condition and the ticket behind it",
           footer=4),
    Action(id="snooze", keys="z", label="snooze", help="keep the signal out of sight for two minutes; it still expires",
           danger=Danger.SAFE, make=_snooze, undo=_unsnooze, remote=True),
    Action(id="block", keys="b", label="block", help="no entries in a symbol: side, strategy, how long",
           danger=Danger.SAFE, make=_block, undo=_unblock, footer=5, remote=True),
    Action(id="unblock", keys="u", label="unblock", help="allow entries in the symbol again",
           danger=Danger.RISKY, make=_unblock),
    Action(id="pause", keys="p", label="pause", help="no new entries; pressed again, resume",
           danger=Danger.SAFE, make=_pause, undo=_resume, footer=6, remote=True),
    Action(id="mode", keys="m", label="mode", help="signals, approve or auto", danger=Danger.SAFE, make=_mode,
           footer=7),
    Action(id="close", keys="c", label="close", help="close the selected position, whole or by tier",
           danger=Danger.RISKY, make=_close, remote=True),
    Action(id="stop", keys="s", label="stop", help="move the stop of the selected position",
           danger=Danger.RISKY, make=_has_position),
    Action(id="flatten", keys="F", label="flatten", help="close everything at market; asks for the account name",
           danger=Danger.GRAVE, make=_flatten, remote=True),
    Action(id="kill", keys="K", label="kill", help="halt: no entries, nothing moves, stops stay; asks for the account",
           danger=Danger.GRAVE, make=_kill, remote=True),
    Action(id="undo", keys="U", label="undo", help="take back the last thing, while the footer offers it"),
    Action(id="pane_1", keys="1", label="book", help="to the Book pane"),
    Action(id="pane_2", keys="2", label="regime", help="to the Regime pane"),
    Action(id="pane_3", keys="3", label="signals", help="to the Signals pane"),
    Action(id="pane_4", keys="4", label="why", help="to the Why pane"),
    Action(id="pane_5", keys="5", label="positions", help="to the Positions pane"),
    Action(id="pane_6", keys="6", label="limits", help="to the Limits pane"),
    Action(id="next_pane", keys="tab", label="next pane", help="to the next pane"),
    Action(id="previous_pane", keys="shift+tab", label="previous pane", help="to the pane before"),
    Action(id="down", keys="j down", label="down", help="next row", contexts=_EVERYWHERE),
    Action(id="up", keys="k up", label="up", help="row before", contexts=_EVERYWHERE),
    Action(id="page_down", keys="pagedown ctrl+d", label="page down", help="half a pane down", contexts=_EVERYWHERE),
    Action(id="page_up", keys="pageup ctrl+u", label="page up", help="half a pane up", contexts=_EVERYWHERE),
    Action(id="top", keys="g home", label="top", help="first row",
           contexts=(*_LIST, "why", "regime", "limits", "explain")),
    Action(id="bottom", keys="G end", label="bottom", help="last row",
           contexts=(*_LIST, "why", "regime", "limits", "explain")),
    Action(id="coarser", keys="g", label="group", help="group price levels coarser", contexts=("book",), footer=8),
    Action(id="finer", keys="G", label="ungroup", help="group price levels finer", contexts=("book",)),
    Action(id="open", keys="enter", label="open", help="what is selected, full screen"),
    Action(id="back", keys="escape", label="back", help="back; never does anything else", contexts=_EVERYWHERE),
    Action(id="chart", keys="t", label="chart", help="candles with zones, levels and fills"),
    Action(id="shorter", keys="[", label="shorter", help="shorter timeframe"),
    Action(id="longer", keys="]", label="longer", help="longer timeframe"),
    Action(id="find", keys="/", label="find", help="find a symbol, or filter the signals", footer=9),
    Action(id="command", keys=":", label="command", help="command bar with completion and history",
           contexts=_EVERYWHERE),
    Action(id="palette", keys="ctrl+p", label="palette", help="find any action by name", contexts=_EVERYWHERE),
    Action(id="history", keys="h", label="history", help="trades and performance", footer=11),
    Action(id="log", keys="L", label="log", help="everything the desk told, newest first"),
    Action(id="digest", keys="d", label="digest", help="what happened while you were away"),
    Action(id="tour_next", keys="n", label="next", help="next step of the tour"),
    Action(id="faster", keys="+ =", label="faster", help="double the speed of the demo or replay",
           danger=Danger.SAFE, contexts=("replay",), make=_faster, footer=12),
    Action(id="slower", keys="-", label="slower", help="halve the speed of the demo or replay",
           danger=Danger.SAFE, contexts=("replay",), make=_slower, footer=13),
    Action(id="hold", keys="space", label="hold", help="hold the demo or replay; pressed again, go on",
           danger=Danger.SAFE, contexts=("replay",), make=_hold, footer=14),
    Action(id="earlier", keys=",", label="earlier", help="a minute back in a replay", contexts=("recording",),
           footer=14),
    Action(id="later", keys=".", label="later", help="a minute on in a replay", contexts=("recording",), footer=14),
    Action(id="help", keys="?", label="help", help="keys of this place", contexts=_EVERYWHERE, footer=10),
    Action(id="quit", keys="q", label="quit", help="leave this screen; at the desk: detach, the engine stays",
           contexts=_EVERYWHERE, footer=15),
    Action(id="hint", keys="ctrl+c", label="", help="says how to leave; leaves nothing", contexts=_EVERYWHERE),
    Action(id="redraw", keys="ctrl+l", label="redraw", help="paint the whole screen again", contexts=_EVERYWHERE),
    Action(id="suspend", keys="ctrl+z", label="suspend", help="to the shell; fg returns", contexts=_EVERYWHERE),
)  # fmt: skip

BY_ID: Mapping[str, Action] = {action.id: action for action in TABLE}
