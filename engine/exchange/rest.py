"""Requests: wait for the turn, sign, send, judge the answer, repeat what may be repeated.

Two manners. `ask` is for whatever may be asked twice (reads, and writes that set a state): failures that may pass are
retried within the call's deadline. `order` is for what must happen at most once: only a refusal that proves there was
no effect is repeated; everything doubtful is `OutcomeUnknown`, and its owner asks by client id.
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass
from typing import TypeVar

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type

from config.schema import ExchangeSettings
from engine.clock import Clock
from engine.errors import BadPayload, ClockSkew, OutcomeUnknown, Rejected, Transient
from engine.exchange.call import Call, Untimely, decode
from engine.exchange.clock_sync import Blind, Reading, Trust
from engine.exchange.ledger import Ledger, Permit
from engine.exchange.limits import Pool
from engine.exchange.refusals import DISCONNECTED, Judgement, Kind, judge, used_headers
from engine.exchange.signing import Signer, encode, signed_query
from engine.exchange.transport import HttpAnswer, HttpTransport, NotSent
from engine.exchange.venue import Venue, costs_of
from engine.exchange.wire_account import ServerTime

log = structlog.get_logger("exchange")
T = TypeVar("T")

LONGEST_RETRY_S = 60.0
ORDER_RETRIES_S = (0.2, 0.4, 0.8)
PROBE_TIMEOUT_S = 5.0
TIME_TIMEOUT_S = 5.0
PING = "/fapi/v1/ping"
ROUND_TRIPS = 200


@dataclass(frozen=True, slots=True)
class _Exchange:
    """A request that was answered: what came, what it proves, and when it travelled (machine time)."""

    answer: HttpAnswer
    verdict: Judgement
    sent_mono_ms: float
    received_mono_ms: float


class Rest:
    """The request core all typed calls go through."""

    def __init__(
        self,
        venue: Venue,
        transport: HttpTransport,
        signer: Signer | None,
        ledger: Ledger,
        settings: ExchangeSettings,
        clock: Clock,
        rng: random.Random,
    ) -> None:
        self._venue = venue
        self._transport = transport
        self._signer = signer
        self._ledger = ledger
        self._settings = settings
        self._clock = clock
        self._rng = rng
        self._trust: Trust = Blind()
        self.failures_in_row = 0
        self.round_trips_ms: deque[float] = deque(maxlen=ROUND_TRIPS)  # of the newest requests, waiting left out
        ledger.probe_with(self._probe)

    def follow(self, trust: Trust) -> None:
        """Who knows whether timestamps can be trusted, and measures again when one was refused."""
        self._trust = trust

    @property
    def can_sign(self) -> bool:
        return self._signer is not None

    @property
    def link(self) -> str:
        """ok, late (the last requests failed) or down (several did, or the gate is shut)."""
        if self._ledger.gate_state in ("banned", "probing", "blocked") or self.failures_in_row >= 3:
            return "down"
        return "late" if self.failures_in_row else "ok"

    # -- two manners -------------------------------------------------------------------------------------------------

    async def ask(self, call: Call, shape: type[T]) -> T:
        """The decoded answer of a call that may be repeated.

        Raises Transient when its retries or its deadline ran out, Rejected, Throttled, ClockSkew, BadPayload.
        """
        attempts = AsyncRetrying(
            retry=retry_if_exception_type(Transient),
            stop=lambda state: self._enough(call, state),
            wait=self._pause_s,
            sleep=self._clock.sleep,
            reraise=True,
        )
        done: _Exchange = await attempts(self._ask_once, call)
        return decode(done.answer.body, shape)

    async def order(self, call: Call, client_id: str, shape: type[T]) -> T:
        """The decoded answer of a call that must take effect at most once.

        Raises Rejected (no effect), Throttled or ClockSkew (not sent), OutcomeUnknown (ask by `client_id`).
        """
        end_mono_ms = self._clock.mono_ms() + self._settings.order_timeout_s * 1000.0
        pauses = iter(ORDER_RETRIES_S)
        resynced = False
        while True:
            left_s = (end_mono_ms - self._clock.mono_ms()) / 1000.0
            sent_ms = self._clock.now_ms()
            try:
                done = await self._send(call, max(left_s, 0.05), end_mono_ms)
                verdict, body = done.verdict, done.answer.body
            except NotSent as error:
                verdict, body = Judgement(Kind.RETRY, 0, DISCONNECTED, str(error)), b""
            except Transient as error:
                raise OutcomeUnknown(client_id, str(error), sent_ms) from error
            match verdict.kind:
                case Kind.OK:
                    try:
                        return decode(body, shape)
                    except BadPayload as error:
                        raise OutcomeUnknown(client_id, str(error), sent_ms) from error
                case Kind.SKEW if not resynced:
                    resynced = True
                    await self._measure_clock()
                    end_mono_ms = self._clock.mono_ms() + self._settings.order_timeout_s * 1000.0
                case Kind.RETRY:
                    pause_s = next(pauses, None)
                    if pause_s is None or self._clock.mono_ms() + pause_s * 1000.0 >= end_mono_ms:
                        raise Rejected(verdict.code, verdict.message, verdict.status)
                    await self._clock.sleep(pause_s)
                case Kind.UNKNOWN:
                    raise OutcomeUnknown(client_id, f"HTTP {verdict.status}: {verdict.message}", sent_ms)
                case _:
                    raise await self._failure(verdict)

    async def read_time(self) -> Reading:
        """The exchange's time with the round trip it took, waiting for the turn left out. Raises as `ask` does."""
        done = await self._ask_once(Call("GET", "/fapi/v1/time", timeout_s=TIME_TIMEOUT_S))
        return Reading(decode(done.answer.body, ServerTime).server_ms, done.sent_mono_ms, done.received_mono_ms)

    # -- one request ---------------------------------------------------------------------------------------------------

    async def _ask_once(self, call: Call) -> _Exchange:
        timeout_s = call.timeout_s or self._settings.request_timeout_s
        for attempt in (1, 2):
            if call.deadline_mono_ms is not None:
                left_s = (call.deadline_mono_ms - self._clock.mono_ms()) / 1000.0
                if left_s <= 0:
                    raise Untimely("the deadline passed")
                timeout_s = min(timeout_s, left_s)
            done = await self._send(call, timeout_s, call.deadline_mono_ms)
            verdict = done.verdict
            match verdict.kind:
                case Kind.OK:
                    return done
                case Kind.RETRY | Kind.UNKNOWN:
                    raise Transient(f"{verdict.code}: {verdict.message}", verdict.status)
                case Kind.SKEW if attempt == 1:
                    await self._measure_clock()
                case _:
                    raise await self._failure(verdict)
        raise ClockSkew(None)

    async def _send(self, call: Call, timeout_s: float, deadline_mono_ms: float | None) -> _Exchange:
        costs = costs_of(call.method, call.path, call.params)
        if call.signed:
            await self._trust.trusted()
        permit = await self._ledger.acquire(costs, call.lane, call.kind, deadline_mono_ms)
        return await self._transmit(call, timeout_s, permit, next(iter(costs)))

    async def _transmit(self, call: Call, timeout_s: float, permit: Permit, pool: Pool) -> _Exchange:
        """No wait stands between the permit and the socket, so nothing can be signed too early or sent into a ban."""
        headers: dict[Pool, int | None] | None = None
        sent = self._clock.mono_ms()
        try:
            url, head = self._address(call)
            answer = await self._transport.request(call.method, url, head, timeout_s)
            headers = used_headers(answer.headers)
        except Transient:
            self.failures_in_row += 1
            raise
        finally:
            self._ledger.settle(permit, headers)
        received = self._clock.mono_ms()
        self.round_trips_ms.append(received - sent)
        self.failures_in_row = self.failures_in_row + 1 if answer.status >= 500 else 0
        return _Exchange(answer, judge(answer, pool), sent, received)

    def _address(self, call: Call) -> tuple[str, dict[str, str]]:
        url = self._venue.rest + call.path
        if not call.signed and not call.keyed:
            query = encode(call.params)
            return (f"{url}?{query}" if query else url), {}
        if call.signed:
            self._trust.require()
        if self._signer is None:
            raise Rejected(-2014, "no API key is set for this venue", 401)
        head = {"X-MBX-APIKEY": self._signer.api_key}
        if not call.signed:
            query = encode(call.params)
            return (f"{url}?{query}" if query else url), head
        params = {
            **call.params,
            "recvWindow": str(self._settings.recv_window_ms),
            "timestamp": str(self._clock.now_ms()),
        }
        return f"{url}?{signed_query(params, self._signer)}", head

    async def _failure(self, verdict: Judgement) -> Exception:
        """The exception a judged refusal becomes; refusals that concern everybody are told to the gate first."""
        match verdict.kind:
            case Kind.BANNED:
                return await self._ledger.banned(verdict.message, verdict.retry_after_ms)
            case Kind.TOO_MANY:
                return await self._ledger.too_many(verdict.pool, verdict.retry_after_ms)
            case Kind.BLOCKED:
                return self._ledger.blocked()
            case Kind.SKEW:
                return ClockSkew(None)
            case _:
                return Rejected(verdict.code, verdict.message, verdict.status)

    async def _probe(self) -> None:
        """The one ping after a ban, past the gate that is waiting for it."""
        try:
            answer = await self._transport.request("GET", self._venue.rest + PING, {}, PROBE_TIMEOUT_S)
        except Transient:
            self.failures_in_row += 1
            raise
        verdict = judge(answer)
        if verdict.kind in (Kind.RETRY, Kind.UNKNOWN):
            raise Transient(verdict.message, verdict.status)
        if verdict.kind is not Kind.OK:
            raise await self._failure(verdict)
        self.failures_in_row = 0

    async def _measure_clock(self) -> None:
        log.warning("timestamp_refused")
        try:
            await self._trust.remeasure()
        except (Transient, Rejected, BadPayload) as error:
            raise ClockSkew(None) from error

    # -- retries -----------------------------------------------------------------------------------------------------

    def _enough(self, call: Call, state: RetryCallState) -> bool:
        failure = state.outcome.exception() if state.outcome else None
        if isinstance(failure, Untimely) or state.attempt_number >= self._settings.read_attempts:
            return True
        if call.deadline_mono_ms is None:
            return False
        return self._clock.mono_ms() >= call.deadline_mono_ms

    def _pause_s(self, state: RetryCallState) -> float:
        return min(LONGEST_RETRY_S, 2.0**state.attempt_number) * self._rng.uniform(0.5, 1.0)
