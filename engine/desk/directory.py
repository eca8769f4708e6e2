"""Every symbol the desk knows with how it stands: what a finder shows beside the name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from engine.market.coordinator import Place, SymbolLoadCoordinator
from engine.money import Instrument
from strategies.model import Regime

_STATES = {
    Place.PENDING: "waits for history", Place.LOADING: "loading history", Place.READY: "warming",
    Place.ANALYZING: "warming", Place.ACTIVE: "live", Place.FAILED: "no history",
}  # fmt: skip
NOT_TRADED = "halted"  # the exchange does not trade it now, or it left the universe


class Directory:
    """Answers `directory`: `symbol`, `state`, `about` in words, and the last price, sorted by symbol."""

    def __init__(
        self,
        coordinator: SymbolLoadCoordinator,
        instruments: Mapping[str, Instrument],
        regimes: Mapping[str, Regime],
        last: Mapping[str, float],
    ) -> None:
        self._coordinator = coordinator
        self._instruments = instruments
        self._regimes = regimes
        self._last = last

    def table(self) -> dict[str, Callable[[Mapping[str, str]], Awaitable[Any]]]:
        """Name -> answer."""
        return {"directory": self._directory}

    async def _directory(self, _args: Mapping[str, str]) -> list[dict[str, Any]]:
        failures = self._coordinator.failures()
        return [self._row(symbol, failures) for symbol in sorted(self._instruments)]

    def _row(self, symbol: str, failures: Mapping[str, Any]) -> dict[str, Any]:
        place = self._coordinator.place(symbol)
        state = NOT_TRADED if place is None else _STATES[place]
        regime, last = self._regimes.get(symbol), self._last.get(symbol)
        if symbol in failures:
            detail = failures[symbol].reason
        elif regime is not None and place is Place.ACTIVE:
            detail = regime.state.value.lower() + {1: " up", -1: " down"}.get(regime.direction, "")
        else:
            detail = ""
        return {
            "symbol": symbol, "state": state, "about": f"{state}  {detail}".strip(),
            "last": self._instruments[symbol].text(last) if last is not None else None,
        }  # fmt: skip
