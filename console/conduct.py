"""What each action of the table does on the desk: which dialog asks, which command goes.

The table says how dangerous an action is; here is the conversation that its danger class demands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from console import render
from console.actions import BY_ID, Action, Danger, Situation
from console.rows import Row, left, wrap
from console.screens.confirm import Confirm, Grave
from console.screens.dialog import Dialog
from console.screens.find import Choose, Entry
from console.screens.ticket import TicketDialog
from engine.port import commands as ask
from engine.port.views import PositionsView

if TYPE_CHECKING:
    from console.screens.desk import DeskScreen

_MODES = (
    Entry("signals", "signals", "show signals, trade none; outcomes are measured in shadow"),
    Entry("approve", "approve", "each signal waits for your key"),
    Entry("auto", "auto", "every signal that passes is traded without asking"),
)


class Conduct:
    """Runs actions for the desk. Each is a coroutine, for most of them ask first."""

    def __init__(self, desk: DeskScreen) -> None:
        self._desk = desk

    async def run(self, action: Action) -> None:
        """Do an action of the table that becomes a command."""
        special = getattr(self, f"do_{action.id}", None)
        if special is not None:
            await special()
        elif action.danger is Danger.SAFE:
            await self._at_once(action)

    def _situation(self) -> Situation:
        return self._desk.subject.situation()

    def _say(self, text: str) -> None:
        self._desk.desk_app.say(text, "warn")

    async def _send(self, command: ask.AnyCommand, done: str = "", undo: ask.AnyCommand | None = None) -> ask.Reply:
        app = self._desk.desk_app
        reply = await app.submitter.send(command, done, undo, app.keymap.key_of("undo"))
        if isinstance(command, ask.SetSpeed) and isinstance(reply, ask.Done):
            self._desk.subject.paced(command.speed)
        return reply

    def _make(self, action: Action, situation: Situation | None = None) -> ask.AnyCommand | None:
        """The command of an action, or None after saying why there is none."""
        assert action.make is not None
        made = action.make(situation or self._situation())
        if isinstance(made, str):
            self._say(made)
            return None
        return made

    async def _at_once(self, action: Action) -> None:
        command = self._make(action)
        if command is None:
            return
        undo = action.undo(self._situation()) if action.undo is not None else None
        await self._send(command, undo=None if isinstance(undo, str) else undo)

    async def do_approve(self, edit: bool = False) -> None:
        situation = self._situation()
        if self._make(BY_ID["approve"]) is None or situation.signal is None:
            return
        if situation.mode == "signals":
            self._say("mode is signals: nothing is traded; press m for approve")
            return
        await self._desk.app.push_screen_wait(TicketDialog(situation.signal, edit=edit))

    async def do_edit(self) -> None:
        await self.do_approve(edit=True)

    async def do_block(self) -> None:
        situation = self._situation()
        if self._make(BY_ID["block"]) is None:
            return
        from console.screens.block import BlockDialog

        answer = await self._desk.app.push_screen_wait(BlockDialog(situation.symbol))
        if answer is None:
            return
        ids = {"actor": situation.actor, "symbol": answer.symbol, "side": answer.side, "strategy": answer.strategy}
        undo = ask.UnblockSymbol(id=self._desk.desk_app.options.next_id(), **ids)  # type: ignore[arg-type]
        command = ask.BlockSymbol(id=situation.id, for_s=answer.for_s, **ids)  # type: ignore[arg-type]
        what = " ".join(filter(None, (answer.symbol, answer.side, answer.strategy)))
        until = f" for {render.span(answer.for_s * 1_000)}" if answer.for_s else ""
        await self._send(command, f"{what} blocked{until}", undo)

    async def do_unblock(self) -> None:
        command = self._make(BY_ID["unblock"])
        if isinstance(command, ask.UnblockSymbol):
            text = f"Entries in {command.symbol} are allowed again, on every side and strategy."
            if await self._confirm(f"Unblock {command.symbol}", text, "unblock"):
                await self._send(command, f"{command.symbol} unblocked")

    async def do_pause(self) -> None:
        """Pausing is one key; what allows entries again asks."""
        situation = self._situation()
        if situation.desk == "running":
            undo = ask.Resume(id=self._desk.desk_app.options.next_id(), actor=situation.actor)
            await self._send(ask.Pause(id=situation.id, actor=situation.actor), "paused: no new entries", undo)
        else:
            await self.resume()

    async def resume(self) -> None:
        situation = self._situation()
        health = self._desk.desk_app.feed.health
        reason = health.desk_reason if health is not None else ""
        text = f"The desk is {situation.desk}{f': {reason}' if reason else ''}. Resuming allows new entries."
        name = ""
        if situation.desk == "halted":
            answer = await self._grave("Resume", text, "resume")
            if answer is None:
                return
            name = answer
        elif not await self._confirm("Resume", text, "resume"):
            return
        await self._send(ask.Resume(id=situation.id, actor=situation.actor, confirm=name), "running")

    async def do_mode(self) -> None:
        situation = self._situation()
        mode = await self._desk.app.push_screen_wait(Choose("Mode", _MODES, at=situation.mode))
        if mode is not None and mode != situation.mode:
            await self.set_mode(mode)

    async def set_mode(self, mode: str) -> None:
        """Auto asks: for Enter where the money is not real, for the account's name where it is."""
        situation = self._situation()
        name = ""
        text = "Every signal that passes the gates will be traded at once, without asking."
        if mode == "auto" and situation.venue not in ("sim", "paper"):
            answer = await self._grave("Go auto", text, "go auto")
            if answer is None:
                return
            name = answer
        elif mode == "auto" and not await self._confirm("Go auto", text, "go auto"):
            return
        await self._send(ask.SetMode(id=situation.id, actor=situation.actor, mode=mode, confirm=name), f"mode {mode}")

    async def do_close(self) -> None:
        command = self._make(BY_ID["close"])
        if not isinstance(command, ask.ClosePosition):
            return
        from console.screens.position import ClosePart

        position_id = command.position_id
        row = self._desk.subject.position(position_id)
        symbol = row.symbol if row is not None else ""
        pct = await self._desk.app.push_screen_wait(ClosePart(symbol, lambda: self._desk.subject.position(position_id)))
        row = self._desk.subject.position(position_id)
        if pct is not None and row is not None:
            await self._send(
                msgspec.structs.replace(command, pct=pct, revision=row.revision), f"{symbol} {pct:.0f}% closing"
            )

    async def do_stop(self) -> None:
        command = self._make(BY_ID["stop"])
        if not isinstance(command, ask.MoveStop):
            return
        from console.screens.position import StopDialog

        position_id = command.position_id
        row = self._desk.subject.position(position_id)
        symbol = row.symbol if row is not None else ""
        stop = await self._desk.app.push_screen_wait(
            StopDialog(symbol, lambda: self._desk.subject.position(position_id))
        )
        row = self._desk.subject.position(position_id)
        if stop is not None and row is not None:
            await self._send(
                msgspec.structs.replace(command, stop=stop, revision=row.revision), f"{symbol} stop to {stop}"
            )

    async def do_flatten(self) -> None:
        text = "No new entries, and every position is closed at market."
        if (name := await self._grave("Flatten", text, "flatten", self._exposure)) is not None:
            situation = self._situation()
            await self._send(ask.Flatten(id=situation.id, actor=situation.actor, confirm=name), "flattening")

    async def do_kill(self) -> None:
        text = "The desk halts: resting entries are cancelled, stops and targets stay, nothing else moves."
        if (name := await self._grave("Kill", text, "halt the desk", self._exposure)) is not None:
            situation = self._situation()
            await self._send(ask.Kill(id=situation.id, actor=situation.actor, confirm=name), "halted")

    async def do_undo(self) -> None:
        command = self._desk.desk_app.submitter.take_undo()
        if command is None:
            self._say("nothing to undo")
        else:
            await self._send(command, "undone")

    async def do_hold(self) -> None:
        """Hold the clock of the demo, or let it go on at the speed it had."""
        situation = self._situation()
        if situation.speed > 0:
            self._desk.held_speed = situation.speed
            await self._send(ask.SetSpeed(id=situation.id, actor=situation.actor, speed=0.0), "held")
        else:
            speed = self._desk.held_speed
            await self._send(ask.SetSpeed(id=situation.id, actor=situation.actor, speed=speed), f"speed {speed:g}x")

    def _exposure(self, width: int) -> list[Row]:
        """What is open now, one line each, for the grave questions."""
        view = self._desk.desk_app.feed.view("positions", PositionsView)
        if view is None or not view.rows:
            return [(("no open position", "muted"),)]
        rows: list[Row] = []
        for row in view.rows[:8]:
            rows.append(
                (
                    left(row.symbol, 14, "title"),
                    left(row.side, 6, "up" if row.side == "long" else "down"),
                    (f"{row.quantity} at {row.entry}  ", ""),
                    (f"{render.result(row.r_now)}R", render.tone(row.r_now)),
                    ("" if row.protected else "  NO STOP", "alarm"),
                )
            )
        return rows

    async def confirm(self, command: ask.AnyCommand, text: str) -> bool:
        """The plain question before a typed command that adds risk."""
        return await self._confirm(type(command).__name__, text, "do it")

    async def _confirm(self, title: str, text: str, verb: str) -> bool:
        question: Dialog[bool] = Confirm(title, lambda width: wrap(text, width), verb)
        return await self._desk.app.push_screen_wait(question) is True

    async def _grave(self, title: str, text: str, verb: str, more: object = None) -> str | None:
        def live(width: int) -> list[Row]:
            rows = wrap(text, width)
            return [*rows, (), *more(width)] if callable(more) else rows

        return await self._desk.app.push_screen_wait(Grave(title, live, self._situation().account, verb))
