"""A small Bot API on loopback, spoken to by the real library: long polling, messages, edits, buttons, trouble."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from html.parser import HTMLParser
from typing import Any

from aiohttp import web

TOKEN = "1000001:" + "t" * 35
SENDS = ("sendMessage", "sendPhoto", "sendDocument", "editMessageText")
MOST_TEXT, MOST_CAPTION = 4096, 1024


class BotApi:
    """What a chat would see, and the updates a person causes."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []  # every message that arrived, newest state
        self.answers: list[str] = []  # texts of answered buttons
        self.calls: list[str] = []
        self.trouble: deque[web.Response | None] = deque()  # answers to the next sendMessage or edit
        self.polling = True
        self.down = False  # every message is answered with an error
        self.shut_out: set[int] = set()  # chats that have blocked the bot
        self.hanging = 0  # as many of the next messages get no answer at all
        self.edits: list[str] = []  # texts of edits that were taken
        self.url = ""
        self._updates: list[dict[str, Any]] = []
        self._wake = asyncio.Event()
        self._closing = False
        self._next_update = 1
        self._next_message = 100
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application()
        app.router.add_post("/bot{token}/{method}", self._serve)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        self.url = f"http://127.0.0.1:{port}/bot"

    async def close(self) -> None:
        self._closing = True
        self._wake.set()
        if self._runner is not None:
            await self._runner.cleanup()
        await asyncio.sleep(0.01)  # transports end in the turns of the loop that follow their closing

    # -- what people do ------------------------------------------------------------------------------------------------

    def says(self, text: str, user: int = 1, chat: int = 0, age_s: int = 0) -> None:
        """A person writes to the bot."""
        self._push({"message": {
            "message_id": 1, "date": round(time.time()) - age_s, "chat": {"id": chat or user, "type": "private"},
            "text": text, "from": {"id": user, "is_bot": False, "first_name": f"user{user}"},
        }})  # fmt: skip

    def presses(self, data: str, user: int = 1, query_id: str = "") -> None:
        """A person presses a button below the newest message."""
        self._push({"callback_query": {
            "id": query_id or f"q{self._next_update}", "chat_instance": "1", "data": data,
            "from": {"id": user, "is_bot": False, "first_name": f"user{user}"},
            "message": {"message_id": 1, "date": 1, "chat": {"id": user, "type": "private"}},
        }})  # fmt: skip

    def push_raw(self, update: dict[str, Any]) -> None:
        """Any update at all."""
        self._push(update)

    def button(self, label: str) -> str:
        """Callback data of the newest button with this label."""
        for message in reversed(self.sent):
            markup = json.loads(message.get("reply_markup") or "{}")
            for row in markup.get("inline_keyboard", []):
                for one in row:
                    if one["text"] == label:
                        return str(one["callback_data"])
        raise LookupError(label)

    def photos(self, chat: int | None = None) -> list[bytes]:
        return [m["photo"] for m in self.sent if "photo" in m and (chat is None or int(m["chat_id"]) == chat)]

    def texts(self, chat: int | None = None) -> list[str]:
        return [str(m["text"]) for m in self.sent if chat is None or int(m["chat_id"]) == chat]

    # -- the API -------------------------------------------------------------------------------------------------------

    def _push(self, update: dict[str, Any]) -> None:
        self._updates.append({"update_id": self._next_update, **update})
        self._next_update += 1
        self._wake.set()

    async def _serve(self, request: web.Request) -> web.Response:
        method = request.match_info["method"]
        form = await request.post()
        given = {key: value for key, value in form.items() if isinstance(value, str)}
        self.calls.append(method)
        if request.match_info["token"] != TOKEN:
            return _error(401, "Unauthorized")
        if method == "getMe":
            return _ok({"id": 1000001, "is_bot": True, "first_name": "desk", "username": "desk_bot"})
        if method == "getUpdates":
            return await self._get_updates(int(given.get("offset", 0)))
        if method in SENDS:
            return await self._take(
                method, given, {k: v.file.read() for k, v in form.items() if not isinstance(v, str)}
            )
        if method == "answerCallbackQuery":
            self.answers.append(given.get("text", ""))
            return _ok(True)
        return _error(404, "Not Found")

    async def _take(self, method: str, given: dict[str, str], files: dict[str, bytes]) -> web.Response:
        if self.hanging:
            self.hanging -= 1
            await asyncio.sleep(3600)
        if self.down:
            return broken()
        if int(given.get("chat_id", 0)) in self.shut_out:
            return _error(403, "Forbidden: bot was blocked by the user")
        if self.trouble and (trouble := self.trouble.popleft()) is not None:
            return trouble
        if (fault := _fault(given)) is not None:
            return _error(400, f"Bad Request: {fault}")
        if method == "editMessageText":
            return self._edit(given)
        self._next_message += 1
        kept: dict[str, Any] = {**given, "message_id": self._next_message}
        if method == "sendPhoto":
            kept |= {"text": given.get("caption", ""), "photo": next(iter(files.values()))}
        if method == "sendDocument":
            kept |= {"text": next(iter(files.values())).decode()}
        self.sent.append(kept)
        return _ok(_message(self._next_message, given))

    def _edit(self, given: dict[str, str]) -> web.Response:
        for message in self.sent:
            if str(message["message_id"]) == given["message_id"]:
                if message["text"] == given["text"] and message.get("reply_markup") == given.get("reply_markup"):
                    return _error(400, "Bad Request: message is not modified")
                message["text"] = given["text"]
                message["reply_markup"] = given.get("reply_markup", "{}")
                self.edits.append(given["text"])
                return _ok(_message(int(given["message_id"]), given))
        return _error(400, "Bad Request: message to edit not found")

    async def _get_updates(self, offset: int) -> web.Response:
        if not self.polling:
            return _error(409, "Conflict: terminated by other getUpdates request")
        self._updates = [update for update in self._updates if update["update_id"] >= offset]
        if not self._updates and not self._closing:
            self._wake.clear()
            try:
                async with asyncio.timeout(0.5):
                    await self._wake.wait()
            except TimeoutError:
                pass
        return _ok(self._updates)


class _Markup(HTMLParser):
    """Whether tags are opened and closed as they must be."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.fault = ""

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag not in ("b", "i", "pre", "code"):
            self.fault = f"unsupported start tag {tag}"
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.fault = f"unexpected end tag {tag}"


def _fault(given: dict[str, str]) -> str | None:
    """What the public server would refuse a message for."""
    if given.get("parse_mode") == "HTML":
        markup = _Markup()
        markup.feed(given.get("text", ""))
        markup.close()
        if markup.fault or markup.open:
            return f"can't parse entities: {markup.fault or markup.open}"
    for name, most in (("text", MOST_TEXT), ("caption", MOST_CAPTION)):
        if len(given.get(name, "").encode("utf-16-le")) // 2 > most:
            return "message is too long"
    return None


def too_many(seconds: int) -> web.Response:
    """429 with the hint to wait."""
    body = {"ok": False, "error_code": 429, "description": "Too Many Requests", "parameters": {"retry_after": seconds}}
    return web.json_response(body, status=429)


def broken() -> web.Response:
    """A gateway that failed."""
    return _error(502, "Bad Gateway")


def _message(message_id: int, given: dict[str, str]) -> dict[str, Any]:
    return {
        "message_id": message_id, "date": 1, "chat": {"id": int(given.get("chat_id", 1)), "type": "private"},
        "text": given.get("text", ""),
    }  # fmt: skip


def _ok(result: Any) -> web.Response:
    return web.json_response({"ok": True, "result": result})


def _error(status: int, text: str) -> web.Response:
    return web.json_response({"ok": False, "error_code": status, "description": text}, status=status)
