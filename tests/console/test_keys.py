"""Keys become the right commands, and nothing else does."""

from __future__ import annotations

import pytest

from engine.port import commands as ask
from tests.support import console_views as views
from tests.support.frames import console, settle, text_frame, until


async def test_reject_is_one_key() -> None:
    async with console() as (_app, pilot, port):
        await pilot.press("r")
        await until(pilot, port.acted)
        assert port.acted() == [ask.RejectSignal(id=port.acted()[0].id, actor="console:ann", signal_id="s1")]


async def test_approve_asks_then_enter_sends_the_revision_on_screen() -> None:
    async with console() as (app, pilot, port):
        await pilot.press("a")
        await until(pilot, lambda: getattr(app.screen, "armed", False))
        assert "Ticket BTCUSDT long" in "\n".join(text_frame(app))
        assert port.acted() == []
        await pilot.press("enter")
        await until(pilot, port.acted)
        command = port.acted()[0]
        assert isinstance(command, ask.ApproveSignal)
        assert (command.signal_id, command.revision, command.risk_pct, command.stop) == ("s1", 3, None, None)
        await until(pilot, lambda: app.screen is app.desk)
        assert "BTCUSDT long approved" in text_frame(app)[-1]


async def test_refusal_is_shown_with_its_number() -> None:
    async with console() as (app, pilot, port):
        port.answer(ask.ApproveSignal, ask.Refused("drift", "price moved 14.2 bp, allowed 10"))
        await pilot.press("a")
        await until(pilot, lambda: getattr(app.screen, "armed", False))
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is app.desk)
        assert "price moved 14.2 bp, allowed 10" in text_frame(app)[-1]


async def test_selection_follows_the_id_and_not_the_row() -> None:
    async with console() as (app, pilot, port):
        await pilot.press("j")
        assert app.desk.signals.selected == "s2"
        newer = views.signal(id="s9", symbol="LTCUSDT", at_ms=views.NOW_MS)
        view = views.signals(revision=2)
        await port.put("signals", views.v.SignalsView(
            revision=2, as_of_ms=views.NOW_MS, rows=(newer, *view.rows), waiting=3, refused_recent=1))  # fmt: skip
        await settle(pilot, app)
        assert app.desk.signals.selected == "s2"
        await pilot.press("r")
        await until(pilot, port.acted)
        assert port.acted()[0].signal_id == "s2"  # type: ignore[union-attr]


async def test_why_and_book_follow_the_selection() -> None:
    async with console() as (_app, pilot, port):
        await until(pilot, lambda: port.watched.get("breakdown") == {"signal_id": "s1"})
        await pilot.press("j")
        await until(pilot, lambda: port.watched.get("breakdown") == {"signal_id": "s2"})
        assert port.watched["book"] == {"symbol": "SOLUSDT"}
        await until(pilot, lambda: any(isinstance(c, ask.FocusSymbol) and c.symbol == "SOLUSDT" for c in port.sent))


async def test_nothing_to_decide_sends_nothing_and_says_so() -> None:
    async with console() as (app, pilot, port):
        await pilot.press("j", "j", "a")
        await settle(pilot, app)
        assert port.acted() == []
        assert app.screen is app.desk
        assert "ETHUSDT is refused: nothing to decide" in text_frame(app)[-1]


async def test_pause_is_one_key_and_can_be_undone() -> None:
    async with console() as (app, pilot, port):
        await pilot.press("p")
        await until(pilot, port.acted)
        assert isinstance(port.acted()[0], ask.Pause)
        await until(pilot, lambda: "U undoes" in text_frame(app)[-1])
        await pilot.press("U")
        await until(pilot, lambda: len(port.acted()) == 2)
        assert isinstance(port.acted()[1], ask.Resume)
        await pilot.press("U")
        await settle(pilot, app)
        assert len(port.acted()) == 2


async def test_undo_is_offered_for_ten_seconds_only() -> None:
    async with console() as (app, pilot, port):
        await pilot.press("p")
        await until(pilot, port.acted)
        app.mono_s.s += 10.5  # type: ignore[attr-defined]
        await pilot.press("U")
        await settle(pilot, app)
        assert len(port.acted()) == 1
        assert "nothing to undo" in text_frame(app)[-1]


async def test_resume_asks_first() -> None:
    over = views.desk() | {"health": views.health(desk="paused", desk_reason="lunch")}
    async with console(views=over) as (app, pilot, port):
        await pilot.press("p")
        await until(pilot, lambda: getattr(app.screen, "armed", False))
        assert port.acted() == []
        await pilot.press("enter")
        await until(pilot, port.acted)
        assert port.acted()[0] == ask.Resume(id=port.acted()[0].id, actor="console:ann")


async def test_block_dialog_sends_side_strategy_and_time() -> None:
    async with console() as (app, pilot, port):
        await pilot.press("b")
        await until(pilot, lambda: getattr(app.screen, "armed", False))
        await pilot.press("right", "down", "right", "down", *"4h", "enter")
        await until(pilot, port.acted)
        command = port.acted()[0]
        assert isinstance(command, ask.BlockSymbol)
        assert (command.symbol, command.side, command.strategy, command.for_s) == (
            "BTCUSDT",
            "long",
            "action_price",
            14_400.0,
        )
        await until(pilot, lambda: app.screen is app.desk)
        await pilot.press("U")
        await until(pilot, lambda: len(port.acted()) == 2)
        assert isinstance(port.acted()[1], ask.UnblockSymbol)


@pytest.mark.parametrize(("keys", "mode"), [(["up"], "signals"), ([], None)])
async def test_mode_chooser_sends_only_a_change(keys: list[str], mode: str | None) -> None:
    async with console() as (app, pilot, port):
        await pilot.press("m")
        await until(pilot, lambda: getattr(app.screen, "armed", False))
        await pilot.press(*keys, "enter")
        await until(pilot, lambda: app.screen is app.desk)
        await settle(pilot, app)
        sent = [command.mode for command in port.acted() if isinstance(command, ask.SetMode)]
        assert sent == ([mode] if mode else [])


async def test_close_takes_a_part_and_the_revision() -> None:
    async with console() as (app, pilot, port):
        await pilot.press("5", "c")
        await until(pilot, lambda: getattr(app.screen, "armed", False))
        await pilot.press("right", "right", "enter")
        await until(pilot, port.acted)
        assert port.acted()[0] == ask.ClosePosition(
            id=port.acted()[0].id, actor="console:ann", position_id="p1", pct=40.0, revision=9
        )
        await until(pilot, lambda: app.screen is app.desk)


async def test_tightening_a_stop_takes_one_enter_and_widening_two() -> None:
    async with console() as (app, pilot, port):
        await pilot.press("5", "s")
        await until(pilot, lambda: getattr(app.screen, "armed", False))
        await pilot.press(*["backspace"] * 7, *"3105.5", "enter")
        await until(pilot, port.acted)
        assert port.acted()[0].stop == "3105.5"  # type: ignore[union-attr]
        await until(pilot, lambda: app.screen is app.desk)
        await pilot.press("s")
        await until(pilot, lambda: getattr(app.screen, "armed", False))
        await pilot.press(*["backspace"] * 7, *"3050", "enter")
        await until(pilot, lambda: "this adds risk" in "\n".join(text_frame(app)))
        assert len(port.acted()) == 1
        await until(pilot, lambda: getattr(app.screen, "armed", False))
        await pilot.press("enter")
        await until(pilot, lambda: len(port.acted()) == 2)


async def test_edit_previews_before_it_approves() -> None:
    from console.screens.ticket import TicketDialog

    async with console() as (app, pilot, port):
        import msgspec

        port.answer(ask.PreviewTicket, ask.Done(data=msgspec.json.encode(views.ticket(quantity="0.041"))))
        await pilot.press("e")
        await until(pilot, lambda: getattr(app.screen, "armed", False))
        await pilot.press(*"0.25", "enter")
        await until(pilot, lambda: "0.041" in "\n".join(text_frame(app)))
        assert port.acted() == []
        assert isinstance(app.screen, TicketDialog)
        await until(pilot, lambda: getattr(app.screen, "armed", False))
        await pilot.press("enter")
        await until(pilot, port.acted)
        command = port.acted()[0]
        assert isinstance(command, ask.ApproveSignal)
        assert command.risk_pct == 0.25


async def test_find_reaches_any_of_six_hundred_symbols() -> None:
    async with console() as (app, pilot, port):
        port.answer(ask.Query, ask.Done(data=views.symbols_json()))
        await pilot.press("slash")
        await until(pilot, lambda: "605 of 605" in "\n".join(text_frame(app)))
        await pilot.press(*"sym417", "enter")
        await until(pilot, lambda: app.screen is app.desk)
        await until(pilot, lambda: port.watched.get("book") == {"symbol": "SYM417USDT"})


async def test_find_takes_a_plain_list_of_names_too() -> None:
    async with console() as (app, pilot, port):
        port.answer(ask.Query, ask.Done(data=b'["BTCUSDT", "LTCUSDT"]'))
        await pilot.press("slash")
        await until(pilot, lambda: "2 of 2" in "\n".join(text_frame(app)))
        await pilot.press(*"ltc", "enter")
        await until(pilot, lambda: port.watched.get("book") == {"symbol": "LTCUSDT"})


async def test_find_filters_signals_by_words_no_symbol_has() -> None:
    async with console() as (app, pilot, port):
        port.answer(ask.Query, ask.Done(data=views.symbols_json()))
        await pilot.press("slash")
        await until(pilot, lambda: "605 of 605" in "\n".join(text_frame(app)))
        await pilot.press(*"refused", "enter")
        await until(pilot, lambda: app.screen is app.desk)
        await settle(pilot, app)
        frame = "\n".join(text_frame(app))
        assert "/refused" in frame
        assert app.desk.signals.items() == ["s3"]
        await pilot.press("escape")
        await settle(pilot, app)
        assert len(app.desk.signals.items()) == 6


async def test_speed_keys_turn_the_clock_of_the_demo() -> None:
    over = views.desk() | {"health": views.health(venue="sim", speed=20.0)}
    async with console(views=over, demo=True) as (app, pilot, port):
        await pilot.press("plus")
        await until(pilot, lambda: len(port.acted()) == 1)
        await pilot.press("minus")
        await until(pilot, lambda: len(port.acted()) == 2)
        await pilot.press("space")
        await until(pilot, lambda: len(port.acted()) == 3)
        await port.put("health", views.health(revision=2, venue="sim", speed=0.0))
        await settle(pilot, app)
        assert "HELD" in text_frame(app)[0]
        await pilot.press("space")
        await until(pilot, lambda: len(port.acted()) == 4)
        assert [command.speed for command in port.acted()] == [40.0, 20.0, 0.0, 20.0]  # type: ignore[union-attr]


async def test_read_only_seat_sends_nothing_that_acts() -> None:
    async with console(read_only=True) as (app, pilot, port):
        await pilot.press("r", "p", "z")
        await settle(pilot, app)
        assert port.acted() == []
        assert "read-only" in text_frame(app)[-1]


async def test_control_c_is_a_hint_and_q_leaves_the_engine_alone() -> None:
    async with console() as (app, pilot, port):
        await pilot.press("ctrl+c")
        await settle(pilot, app)
        assert "q leaves the screen; the engine stays" in text_frame(app)[-1]
        assert app.is_running
        await pilot.press("q")
        await until(pilot, lambda: not app.is_running)
        assert port.acted() == []


async def test_escape_never_acts() -> None:
    async with console() as (app, pilot, port):
        for key in ("a", "b", "m", "F", "K", "c", "s", "e", "question_mark", "slash"):
            await pilot.press(key)
            await until(pilot, lambda: app.screen is not app.desk)
            await pilot.press("escape")
            await until(pilot, lambda: app.screen is app.desk)
        assert port.acted() == []


async def test_digits_and_tab_walk_the_panes() -> None:
    async with console((80, 24)) as (app, pilot, _port):
        seen = []
        for key in "123456":
            await pilot.press(key)
            await settle(pilot, app)
            seen.append(app.desk.where())
            assert text_frame(app)[2].startswith("┌ ")
        assert seen == ["book", "regime", "signals", "why", "positions", "limits"]
        await pilot.press("tab")
        assert app.desk.where() == "book"
        await pilot.press("shift+tab")
        assert app.desk.where() == "limits"


async def test_lost_engine_refuses_and_comes_back() -> None:
    async with console() as (app, pilot, port):
        await port.cut()
        await until(pilot, lambda: app.feed.state == "reconnecting")
        await pilot.press("r")
        await until(pilot, lambda: "engine gone" in text_frame(app)[-1])
        await port.mend()
        await until(pilot, lambda: app.feed.state == "up")
        assert port.acted() == []


async def test_remapped_keys_act_and_are_printed() -> None:
    async with console(keys={"reject": "y"}) as (app, pilot, port):
        assert "y reject" in text_frame(app)[-1]
        await pilot.press("r")
        await settle(pilot, app)
        assert port.acted() == []
        await pilot.press("y")
        await until(pilot, port.acted)
