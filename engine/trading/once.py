"""Asked twice, done once: each command id has one answer, however often and through how many seats it comes."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from engine.port.commands import Reply

_KEPT = 10_000


class Once:
    """Answers by command id. A repeat while the first is being worked on waits for the same answer."""

    def __init__(self) -> None:
        self._answers: OrderedDict[str, asyncio.Future[Reply]] = OrderedDict()

    async def do(self, command_id: str, work: Callable[[], Awaitable[Reply]]) -> Reply:
        """The answer of `command_id`; `work` runs only the first time. A failure is not kept."""
        known = self._answers.get(command_id)
        if known is not None:
            return await asyncio.shield(known)
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._answers[command_id] = answer
        while len(self._answers) > _KEPT:
            self._answers.popitem(last=False)
        try:
            reply = await work()
        except BaseException as error:
            self._answers.pop(command_id, None)
            answer.set_exception(error)
            answer.exception()  # retrieved here; whoever waits too hears it as well
            raise
        answer.set_result(reply)
        return reply
