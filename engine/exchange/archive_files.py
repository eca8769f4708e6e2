"""Files of the exchange's public archive over HTTP: no key, no request weight, nothing the ledger needs to know."""

from __future__ import annotations

from engine.clock import Clock
from engine.errors import Transient
from engine.exchange.transport import HttpTransport

TIMEOUT_S = 30.0
RETRY_S = (1.0, 4.0)
OK, NOT_FOUND = 200, 404


class ArchiveFiles:
    """Reads files by their path below `host`."""

    def __init__(self, host: str, transport: HttpTransport, clock: Clock) -> None:
        self._host = host.rstrip("/")
        self._transport = transport
        self._clock = clock

    async def get(self, path: str) -> bytes | None:
        """The content of a file; None where there is no such file. Raises Transient after three tries."""
        for delay_s in (*RETRY_S, None):
            try:
                return await self._ask(path)
            except Transient:
                if delay_s is None:
                    raise
                await self._clock.sleep(delay_s)
        raise AssertionError("the last try returns or raises")

    async def _ask(self, path: str) -> bytes | None:
        answer = await self._transport.request("GET", self._host + path, {}, TIMEOUT_S)
        if answer.status == OK:
            return answer.body
        if answer.status == NOT_FOUND:
            return None
        raise Transient(f"the archive answered to {path}", answer.status)
