"""The typed bus: contracts above, any transport below. Deadlines, limits, errors and spans live here once."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Generic, Protocol

import msgspec
import structlog

from executor_shared import context
from executor_shared.bus import headers, wire
from executor_shared.bus.transport import (
    Frame,
    FrameTooLargeError,
    NobodyServesError,
    NotConnectedError,
    Subscription,
    Transport,
)
from executor_shared.contracts.base import Answers, Asks, Event, Message, Request, Says, ServiceName
from executor_shared.errors import (
    BusyError,
    DeadlineExceededError,
    ExecutorError,
    InternalError,
    InvalidRequestError,
    TooLargeError,
    UnavailableError,
)
from executor_shared.ids import new_id

_log: structlog.stdlib.BoundLogger = structlog.get_logger("executor.bus")


@dataclass(frozen=True, slots=True)
class Handler(Generic[Asks, Answers]):
    """A contract and the function that answers it.

    Attributes:
        limit: how many may be in hand at once in this process; one more is answered `busy`.
        routes: for routed contracts, the tokens that this process serves, e.g. `(("default", "mcp"),)`.

    """

    request: Request[Asks, Answers]
    answer: Callable[[Asks], Awaitable[Answers]]
    limit: int = 256
    routes: tuple[tuple[str, ...], ...] = ((),)


@dataclass(frozen=True, slots=True)
class Listener(Generic[Says]):
    """An event and what to do about it; `every_replica` False shares the events among replicas."""

    event: Event[Says]
    hear: Callable[[Says], Awaitable[None]]
    every_replica: bool = True


class BusTelemetry(Protocol):
    """Spans and measurements around the bus (see `bus.tracing`)."""

    def asking(self, subject: str) -> AbstractContextManager[None]:
        """Around a request of ours."""
        ...

    def answering(self, subject: str, traceparent: str | None) -> AbstractContextManager[None]:
        """Around an answer of ours."""
        ...

    def traceparent(self) -> str | None:
        """The present span as a W3C header, for the next hop."""
        ...


class NoTelemetry:
    """Measures nothing."""

    def asking(self, subject: str) -> AbstractContextManager[None]:  # noqa: ARG002
        """Around a request of ours."""
        return nullcontext()

    def answering(self, subject: str, traceparent: str | None) -> AbstractContextManager[None]:  # noqa: ARG002
        """Around an answer of ours."""
        return nullcontext()

    def traceparent(self) -> str | None:
        """The trace that came with the call."""
        here = context.current()
        return here.traceparent if here else None


class _Room:
    """How many more requests of one contract may be in hand here."""

    __slots__ = ("left",)

    def __init__(self, limit: int) -> None:
        self.left = limit

    def __enter__(self) -> None:
        self.left -= 1

    def __exit__(self, *_: object) -> None:
        self.left += 1


class Bus:
    """One service's way to talk to the others."""

    def __init__(
        self, service: ServiceName, transport: Transport, telemetry: BusTelemetry | None = None
    ) -> None:
        """Speak as `service` over `transport`."""
        self.service = service
        self._transport = transport
        self._telemetry = telemetry or NoTelemetry()
        self._subscriptions: list[Subscription] = []

    @property
    def connected(self) -> bool:
        """Whether a request would leave now."""
        return self._transport.connected

    async def request(
        self, request: Request[Asks, Answers], message: Asks, *, route: tuple[str, ...] = ()
    ) -> Answers:
        """Ask, and wait for the smaller of the contract's timeout and what the call's deadline leaves.

        Raises:
            ExecutorError: the error that the answering service named, as its own class.
            UnavailableError: nobody serves it or the bus is down; nothing was done.
            DeadlineExceededError: no answer in time; it may have been done.

        """
        here = context.current()
        wait = min(request.timeout, here.left()) if here else request.timeout
        if wait <= 0:
            raise UnavailableError("The deadline of this call has passed; nothing was started.")
        subject = wire.routed(request.subject, request.routed, route)
        with self._telemetry.asking(request.subject):
            frame = wire.pack(message, headers.write(wait, self._telemetry.traceparent()))
            reply = await self._exchange(subject, frame, wait)
        if headers.ERROR in reply.headers:
            raise headers.read_error(reply.headers)
        return wire.unpack(reply, request.answers)

    async def _exchange(self, subject: str, frame: Frame, wait: float) -> Frame:
        try:
            return await self._transport.request(subject, frame, wait)
        except NobodyServesError as error:
            raise UnavailableError(f"No service answers {subject}; nothing was done.") from error
        except NotConnectedError as error:
            raise UnavailableError("The message bus is not connected; nothing was done.") from error
        except FrameTooLargeError as error:
            raise TooLargeError("The message is larger than the bus carries; nothing was sent.") from error
        except TimeoutError as error:
            raise DeadlineExceededError(f"No answer from {subject} in time.") from error

    async def say(self, event: Event[Says], message: Says) -> None:
        """Tell whoever listens. Being disconnected is not an error: events are hints."""
        frame = wire.pack(message, headers.write(60.0, self._telemetry.traceparent()))
        try:
            await self._transport.publish(event.subject, frame)
        except (NotConnectedError, FrameTooLargeError):
            _log.warning("event.lost", subject=event.subject)

    async def serve(self, handler: Handler[Any, Any]) -> None:
        """Begin to answer a contract that this service owns."""
        if handler.request.owner != self.service:
            raise ValueError(f"{self.service} does not own {handler.request.subject}")
        room = _Room(handler.limit)
        decoder = msgspec.json.Decoder(handler.request.asks)

        async def answer(frame: Frame) -> Frame:
            return await self._answer(handler, decoder, room, frame)

        for route in handler.routes:
            subject = wire.routed(handler.request.subject, handler.request.routed, route)
            self._subscriptions.append(await self._transport.answer(subject, str(self.service), answer))

    async def hear(self, listener: Listener[Any]) -> None:
        """Begin to hear an event."""
        if self.service not in listener.event.hearers:
            raise ValueError(f"{self.service} may not hear {listener.event.subject}")
        queue = None if listener.every_replica else str(self.service)

        async def receive(frame: Frame) -> None:
            try:
                with context.opened(headers.read_context(frame.headers)):
                    await listener.hear(wire.unpack(frame, listener.event.says))
            except Exception:  # noqa: BLE001 - a listener that fails must not stop the others
                _log.exception("event.failed", subject=listener.event.subject)

        self._subscriptions.append(await self._transport.receive(listener.event.subject, queue, receive))

    async def _answer(
        self,
        handler: Handler[Any, Any],
        decoder: "msgspec.json.Decoder[Message]",
        room: "_Room",
        frame: Frame,
    ) -> Frame:
        if not room.left:
            return headers.error_frame(BusyError(f"{self.service} is busy; nothing was done."))
        with room:
            here = headers.read_context(frame.headers)
            with (
                context.opened(here),
                self._telemetry.answering(handler.request.subject, here.traceparent),
            ):
                try:
                    return await self._answer_in_time(handler, decoder, frame, here)
                except ExecutorError as error:
                    return headers.error_frame(error)
                except Exception:  # noqa: BLE001 - the one place where the unexpected becomes an id
                    mark = new_id("err")
                    _log.exception("request.failed", subject=handler.request.subject, error_id=mark)
                    return headers.error_frame(
                        InternalError(f"Something unexpected happened in {self.service} ({mark}).")
                    )

    @staticmethod
    async def _answer_in_time(
        handler: Handler[Any, Any],
        decoder: "msgspec.json.Decoder[Message]",
        frame: Frame,
        here: context.CallContext,
    ) -> Frame:
        if here.deadline <= time.time():
            raise UnavailableError("The request arrived after its deadline; nothing was started.")
        try:
            message = decoder.decode(wire.body_of(frame))
        except (msgspec.MsgspecError, RecursionError) as error:
            raise InvalidRequestError(f"Not a valid {handler.request.subject}: {error}") from error
        answer = await handler.answer(message)
        return wire.pack(answer, {})

    async def drain(self) -> None:
        """Take no new requests; finish those in hand; flush. Asking is still possible afterwards."""
        subscriptions, self._subscriptions = self._subscriptions, []
        await asyncio.gather(*(subscription.drain() for subscription in subscriptions))

    async def close(self) -> None:
        """Drain, then disconnect."""
        await self.drain()
        await self._transport.close()
