"""Speed of the embedded exchange; any other exchange runs as it runs."""

from __future__ import annotations

import aiohttp

from engine.clock import SystemClock
from engine.port.commands import Done, Refused, Reply

TIMEOUT_S = 2.0


class ServedSpeed:
    """Asks the embedded exchange to run faster, slower or not at all, and follows it."""

    def __init__(self, control_url: str, clock: SystemClock) -> None:
        self._url = control_url
        self._clock = clock

    async def set(self, speed: float) -> Reply:
        """`speed` exchange seconds per second; 0 holds it."""
        if not self._url:
            return Refused("NotInDemo", "only the embedded exchange can be quickened or held")
        if not 0 <= speed <= 10_000:
            return Refused("SpeedOutOfRange", f"{speed:g} is not between 0 and 10000", code=2)
        try:
            timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.post(f"{self._url}/sim/speed", json={"speed": speed}) as answer,
            ):
                body = await answer.json()
                if answer.status != 200:
                    return Refused("ExchangeRefused", str(body))
        except (aiohttp.ClientError, TimeoutError) as error:
            return Refused("ExchangeSilent", f"the embedded exchange does not answer: {error}", code=9)
        self._clock.follow(float(body["serverTime"]), self._clock.mono_ms(), rate=speed)
        return Done(f"speed {speed:g}x" if speed else "held")
