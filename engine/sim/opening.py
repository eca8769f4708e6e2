"""How a market opens: which symbols, which recording each follows, and where on the tape the present moment lies.

The tape is re-stamped so that the newest bar of its history is the latest closed one at the moment of opening.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from zlib import crc32

from engine.sim.bend import Bend
from engine.sim.capture import CAPTURED_SYMBOL, Captured, CapturedBook
from engine.sim.lane import Lane
from engine.sim.market import Market
from engine.sim.path import BAR_MS
from engine.sim.scenarios import course
from engine.sim.symbols import Contract, listed_symbols, load_contracts
from engine.sim.tape import Recording, Tape, bundled_recordings, scaled_to
from engine.sim.week import recorded_week
from engine.sim.wide import wide_contracts, widest

DEMO_SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "BNBUSDT", "DOTUSDT", "LINKUSDT", "SUIUSDT", "POLUSDT")
DEFAULT_START_BAR = 3400
HISTORY_BARS = 3300
FEWEST_TICKS = 1000  # a derived price stands at least so many ticks above zero


def recordings_of(scenario: str) -> dict[str, Recording]:
    """The bundled recordings a scenario plays."""
    return recorded_week() if scenario == "minutes" else bundled_recordings()


class UnknownSymbol(Exception):
    """A symbol that is neither listed nor recorded."""

    def __init__(self, symbol: str) -> None:
        super().__init__(symbol)
        self.symbol = symbol

    def __str__(self) -> str:
        return f"unknown symbol {self.symbol!r}"


def contracts_of(wanted: Sequence[str], recordings: Mapping[str, Recording]) -> dict[str, Contract]:
    """The contracts to serve: those named, every listed one for ("all",), else every listed one with a recording.

    A number alone asks for so many perpetuals that all trade against USDT, as `engine.sim.wide` makes them.
    """
    if tuple(wanted) == ("all",):
        return load_contracts(())
    if len(wanted) == 1 and wanted[0].isdigit():
        if not 1 <= int(wanted[0]) <= widest():
            raise UnknownSymbol(wanted[0])
        return wide_contracts(int(wanted[0]))
    listed = listed_symbols()
    names = wanted or [symbol for symbol in listed if symbol in recordings]
    for symbol in names:
        if symbol not in listed:
            raise UnknownSymbol(symbol)
    if not names:
        raise UnknownSymbol(", ".join(recordings))
    return load_contracts(names)


def open_market(
    contracts: Mapping[str, Contract],
    recordings: Mapping[str, Recording],
    scenario: str,
    seed: int,
    now_ms: int,
    start_bar: int | None = None,
) -> Market:
    """A market at `now_ms`; `start_bar` is the index of the recorded bar that is open then."""
    bar = DEFAULT_START_BAR if start_bar is None else start_bar
    shortest = min(len(recording) for recording in recordings.values())
    if bar >= shortest:  # a short recording: its last part is still to come
        bar = HISTORY_BARS if shortest > HISTORY_BARS else shortest * 4 // 5
    origin_ms = now_ms // BAR_MS * BAR_MS - bar * BAR_MS
    lanes = {
        symbol: _lane(contract, recordings, scenario, seed, bar, origin_ms, now_ms)
        for symbol, contract in contracts.items()
    }
    return Market(lanes, seed, now_ms)


def play_capture(market: Market, elapsed_ms: Callable[[], float]) -> None:
    """Let the captured symbol, where it is served, be played from its recording."""
    if CAPTURED_SYMBOL in market.lanes:
        market.play(CAPTURED_SYMBOL, CapturedBook(Captured.load()), elapsed_ms)


def _lane(
    contract: Contract,
    recordings: Mapping[str, Recording],
    scenario: str,
    seed: int,
    bar: int,
    origin_ms: int,
    now_ms: int,
) -> Lane:
    tape = _tape(contract, recordings, seed, bar)
    if scenario == "capture" and contract.symbol == CAPTURED_SYMBOL and contract.symbol in recordings:
        tape = _meeting_capture(contract, recordings[contract.symbol], seed, bar, origin_ms, now_ms)
    return Lane(contract, tape, Bend(course(scenario), now_ms, float(tape.bar(bar).open)), origin_ms, seed)


def _meeting_capture(
    contract: Contract, recording: Recording, seed: int, bar: int, origin_ms: int, now_ms: int
) -> Tape:
    """The recording scaled so that its walk arrives where the captured book begins."""
    price = Captured.load().start_price * contract.grid.tick_size
    tape = scaled_to(recording, contract.grid, price, bar, 1.0, 0)
    there = Lane(contract, tape, Bend(course("recorded"), now_ms, 1.0), origin_ms, seed).last(now_ms)
    return scaled_to(recording, contract.grid, price * price / (there * contract.grid.tick_size), bar, 1.0, 0)


def _tape(contract: Contract, recordings: Mapping[str, Recording], seed: int, bar: int) -> Tape:
    symbol, pair = contract.symbol, contract.rules.row["pair"]
    if symbol in recordings:
        return Tape(recordings[symbol], contract.grid)
    rng = Random(crc32(f"{seed} {symbol}".encode()))
    dollars = contract.rules.row["quoteAsset"] in ("USDT", "USDC")
    twins = (pair, f"{contract.rules.row['baseAsset']}USDT") if dollars else ()
    twin = next((name for name in twins if name in recordings), None)
    if twin is not None:  # the same underlying in another quote or with a delivery date: the same path, a little off
        recording = recordings[twin]
        premium = 1.004 if pair != symbol else 1.0
        return scaled_to(recording, contract.grid, float(recording.open[bar]) * premium, bar, 0.08, 0)
    names = sorted(recordings)
    recording = recordings[names[rng.randrange(len(names))]]
    fewest = FEWEST_TICKS * contract.grid.tick_size
    rules = contract.rules
    price = max(contract.price or fewest * 10 ** rng.uniform(0.3, 1.5), fewest, float(rules.min_price) * 2)
    price = min(price, float(rules.max_price) / 2)
    return scaled_to(recording, contract.grid, price, bar, rng.uniform(0.02, 0.4), rng.randrange(len(recording)))
