"""What a seat may ask of the desk, and how it is answered.

Every command has an id (asked twice, done once) and an actor such as `console:alice` or `telegram:42`; one that acts
on something seen carries the revision it was seen at, so that a thing changed under the cursor is refused, not guessed.
"""

from __future__ import annotations

import msgspec


class Command(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Base of all commands."""

    id: str
    actor: str


class ApproveSignal(Command, frozen=True, kw_only=True, tag=True):
    """Trade a waiting signal; refused after its expiry, on drift, or when `revision` is not the present one.

    `stop` and `risk_pct` are edits of the ticket inside policy; None keeps the plan.
    """

    signal_id: str
    revision: int | None = None
    risk_pct: float | None = None
    stop: str | None = None
    max_drift_bps: float | None = None


class RejectSignal(Command, frozen=True, kw_only=True, tag=True):
    signal_id: str
    reason: str = ""


class SnoozeSignal(Command, frozen=True, kw_only=True, tag=True):
    """Keep a waiting signal out of sight; it still expires."""

    signal_id: str
    for_s: float = 120.0


class PreviewTicket(Command, frozen=True, kw_only=True, tag=True):
    """What would happen; sends nothing. Either a signal id, or symbol, side and stop."""

    signal_id: str | None = None
    symbol: str | None = None
    side: str | None = None
    stop: str | None = None
    risk_pct: float | None = None
    targets: tuple[str, ...] = ()


class Pause(Command, frozen=True, kw_only=True, tag=True):
    """No new entries, until a duration has passed (exchange time) or `Resume`."""

    for_s: float | None = None
    reason: str = ""


class Resume(Command, frozen=True, kw_only=True, tag=True):
    """Back to running; leaving `halted` asks for the account name."""

    confirm: str = ""


class Halt(Command, frozen=True, kw_only=True, tag=True):
    """Reducing: exits and trailing only."""

    reason: str = ""


class SetMode(Command, frozen=True, kw_only=True, tag=True):
    """signals, approve or auto; auto outside sim and paper asks for the account name."""

    mode: str
    confirm: str = ""


class BlockSymbol(Command, frozen=True, kw_only=True, tag=True):
    symbol: str
    side: str | None = None
    strategy: str | None = None
    for_s: float | None = None
    reason: str = ""


class UnblockSymbol(Command, frozen=True, kw_only=True, tag=True):
    symbol: str
    side: str | None = None
    strategy: str | None = None


class FocusSymbol(Command, frozen=True, kw_only=True, tag=True):
    """The symbol on screen: streams its full book."""

    symbol: str


class MoveStop(Command, frozen=True, kw_only=True, tag=True):
    """Move a position's stop; widening is refused beyond the initial risk."""

    position_id: str
    stop: str
    revision: int | None = None


class ClosePosition(Command, frozen=True, kw_only=True, tag=True):
    """Close a position, whole or in part; by id or symbol."""

    position_id: str
    pct: float = 100.0
    revision: int | None = None


class Flatten(Command, frozen=True, kw_only=True, tag=True):
    """Reducing, then everything closed at market; asks for the account name."""

    confirm: str


class Kill(Command, frozen=True, kw_only=True, tag=True):
    """Halted: resting entries cancelled, stops and targets stay, nothing moves; asks for the account name."""

    confirm: str


class Reconcile(Command, frozen=True, kw_only=True, tag=True):
    """Compare with the exchange; `apply` carries out the proposed actions."""

    apply: bool = False


class SetSpeed(Command, frozen=True, kw_only=True, tag=True):
    """Speed of the embedded exchange or of a replay; 0 holds it."""

    speed: float


class Query(Command, frozen=True, kw_only=True, tag=True):
    """Ask for a list that is not a live view: signals, orders, trades, audit, reconcile rows ...

    The answer's `data` is JSON bytes in the shape of the command-line contract.
    """

    what: str
    args: dict[str, str] = {}


class StopEngine(Command, frozen=True, kw_only=True, tag=True):
    flatten: bool = False


class Done(msgspec.Struct, frozen=True, tag=True):
    """It was done (or had been done before under the same id). `data` is JSON, where the command asked for some."""

    text: str = ""
    data: bytes = b""


class Refused(msgspec.Struct, frozen=True, tag=True):
    """It was not done. `reason` is a word for programs, `detail` a sentence with the numbers for people."""

    reason: str
    detail: str = ""
    code: int = 6  # exit code of the command line


Reply = Done | Refused

AnyCommand = (
    ApproveSignal | RejectSignal | SnoozeSignal | PreviewTicket | Pause | Resume | Halt | SetMode | BlockSymbol
    | UnblockSymbol | FocusSymbol | MoveStop | ClosePosition | Flatten | Kill | Reconcile | SetSpeed | Query
    | StopEngine
)  # fmt: skip
