"""The library's transport for polling, with updates the library could not read taken out before it tries.

One update that is not what it should be would otherwise fail the whole batch, at every poll anew. Its number is kept,
so that it counts as read.
"""

from __future__ import annotations

import json
from typing import Any

from telegram import Update
from telegram.request import HTTPXRequest


class PollRequest(HTTPXRequest):
    """Hands on only what can be read."""

    async def do_request(self, url: str, *args: Any, **kwargs: Any) -> tuple[int, bytes]:
        status, body = await super().do_request(url, *args, **kwargs)
        return status, readable(body) if status == 200 else body


def readable(body: bytes) -> bytes:
    """The answer to getUpdates with each unreadable update as an empty one; anything else as it came."""
    try:
        answer = json.loads(body)
    except ValueError:
        return body
    updates = answer.get("result") if isinstance(answer, dict) else None
    if not isinstance(updates, list):
        return body
    numbered = [one for one in updates if isinstance(one, dict) and isinstance(one.get("update_id"), int)]
    return json.dumps({**answer, "result": [one if _reads(one) else _empty(one) for one in numbered]}).encode()


def _empty(update: dict[str, Any]) -> dict[str, Any]:
    return {"update_id": update["update_id"]}


def _reads(update: dict[str, Any]) -> bool:
    try:
        Update.de_json(update, None)
    except (TypeError, KeyError, ValueError, AttributeError, OverflowError, OSError):
        return False
    return True
