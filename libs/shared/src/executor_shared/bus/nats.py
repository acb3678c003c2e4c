"""The NATS transport: core request/reply and events over nats-py, with its traps closed."""

import asyncio
import contextlib
import secrets
import ssl
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription as NatsSubscription

from executor_shared.bus import headers
from executor_shared.bus.transport import (
    Answerer,
    Frame,
    FrameTooLargeError,
    NobodyServesError,
    NotConnectedError,
    Receiver,
    Subscription,
)
from executor_shared.contracts.acl import inbox_of
from executor_shared.contracts.base import ServiceName
from executor_shared.errors import UnavailableError
from executor_shared.settings import BusSettings

_MAX_TASKS = 4096
_MAX_QUEUED = 16 * 1024
_MAX_QUEUED_BYTES = 128 * 1024 * 1024
_HEADER_RESERVE = 1024
_RECONNECT_SECONDS = 0.25
_PING_SECONDS = 20
_FLUSH_SECONDS = 10
_NOT_CONNECTED = (
    nats.errors.OutboundBufferLimitError,
    nats.errors.ConnectionClosedError,
    nats.errors.ConnectionDrainingError,
    nats.errors.ConnectionReconnectingError,
)

_log: structlog.stdlib.BoundLogger = structlog.get_logger("executor.bus")


def _room(frame: Frame) -> int:
    return len(frame.body) + _HEADER_RESERVE + sum(len(k) + len(v) for k, v in frame.headers.items())


async def _flushed(client: Client) -> None:
    """Return when the server has all that was sent.

    One `flush` of nats-py is not enough: its PING overtakes what still waits to be written. When the first is
    answered, all has been written, and the second follows it.
    """
    await client.flush(_FLUSH_SECONDS)
    await client.flush(_FLUSH_SECONDS)


def _frame_of(message: Msg) -> Frame:
    return Frame(message.data, message.headers or {})


class _Subscribed:
    """One NATS subscription whose messages each run in a task of their own."""

    def __init__(self, client: Client, handle: Callable[[Msg], Coroutine[Any, Any, None]]) -> None:
        self._client = client
        self._handle = handle
        self._room = asyncio.Semaphore(_MAX_TASKS)
        self._tasks: set[asyncio.Task[None]] = set()
        self._subscription: NatsSubscription | None = None

    async def open(self, subject: str, queue: str) -> None:
        self._subscription = await self._client.subscribe(
            subject,
            queue=queue,
            cb=self._spawn,
            pending_msgs_limit=_MAX_QUEUED,
            pending_bytes_limit=_MAX_QUEUED_BYTES,
        )
        # Whoever is told that we serve may ask at once: the server must know it before we say so.
        await _flushed(self._client)

    async def _spawn(self, message: Msg) -> None:
        # nats-py awaits this for one message before it takes the next, so it only hands over.
        await self._room.acquire()
        task = asyncio.create_task(self._handle(message))
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        self._room.release()
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("bus.task_failed", exc_info=error)

    async def drain(self) -> None:
        """Unsubscribe, await what was taken, flush the answers."""
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            await self._leave(subscription)
        while self._tasks:
            await asyncio.wait(set(self._tasks))
        with contextlib.suppress(nats.errors.Error):
            await _flushed(self._client)

    async def _leave(self, subscription: NatsSubscription) -> None:
        try:
            # The drain of nats-py forgets the subscription when its PONG is back, which can be before the
            # server has the UNSUB; what comes in between would be lost. So we make sure of the UNSUB first.
            await self._client._send_unsubscribe(subscription._id)  # noqa: SLF001 - there is no public way
            await _flushed(self._client)
            await subscription.drain()
        except nats.errors.Error:
            # Not connected: make sure at least that it is not subscribed again after a reconnect.
            with contextlib.suppress(nats.errors.Error):
                await subscription.unsubscribe()


class NatsTransport:
    """One service's connection to NATS."""

    def __init__(self, client: Client, service: ServiceName) -> None:
        """Wrap a client that `open` configures; not for use elsewhere."""
        self._client = client
        self._service = service
        self._subscribed: list[_Subscribed] = []
        self._last_error: Exception | None = None
        self._closing = False
        self._said: set[str] = set()

    @classmethod
    async def open(cls, settings: BusSettings, service: ServiceName) -> "NatsTransport":
        """Connect; keep trying for `connect_timeout` seconds.

        Raises:
            UnavailableError: not connected in time; the text says to what and why.

        """
        client = Client()
        transport = cls(client, service)
        try:
            async with asyncio.timeout(settings.connect_timeout):
                await transport._connect(settings)
        except (TimeoutError, nats.errors.Error, OSError) as error:
            with contextlib.suppress(nats.errors.Error, OSError):
                await client.close()
            reason = transport._last_error or error
            raise UnavailableError(
                f"NATS at {_shown(settings.url)} did not accept user {settings.user!r} within "
                f"{settings.connect_timeout:g} s ({type(reason).__name__}: {reason}). "
                f"Check EXECUTOR_BUS__URL, EXECUTOR_BUS__USER and EXECUTOR_BUS__PASSWORD."
            ) from error
        return transport

    async def _connect(self, settings: BusSettings) -> None:
        await self._client.connect(
            servers=[url.strip() for url in settings.url.split(",")],
            name=f"executor-{self._service}",
            user=settings.user,
            password=settings.password.get_secret_value() if settings.password else None,
            tls=ssl.create_default_context(cafile=settings.ca_file) if settings.ca_file else None,
            inbox_prefix=f"{inbox_of(self._service)}.{secrets.token_hex(8)}",
            # Nothing is kept for later: what cannot be sent now has failed, and its caller is told so.
            pending_size=0,
            max_reconnect_attempts=-1,
            reconnect_time_wait=_RECONNECT_SECONDS,  # pyright: ignore[reportArgumentType] - any number of seconds
            ping_interval=_PING_SECONDS,
            error_cb=self._on_error,
            disconnected_cb=self._on_disconnected,
            reconnected_cb=self._on_reconnected,
            closed_cb=self._on_closed,
        )

    async def _on_error(self, error: Exception) -> None:
        self._last_error = error
        if "permissions violation" in str(error).lower():
            _log.error("bus.not_permitted", service=self._service, reason=str(error))
            return
        reason = f"{type(error).__name__}: {error}"
        if reason not in self._said:  # the same at every attempt to reconnect is said once
            self._said.add(reason)
            _log.warning("bus.error", service=self._service, reason=reason)

    async def _on_disconnected(self) -> None:
        # A frame handed over in the instant of the loss still stands here, and nats-py would send it after
        # the reconnect, when its caller has been told that it failed.
        self._forget()
        if not self._closing:
            _log.warning("bus.disconnected", service=self._service)

    def _forget(self) -> None:
        self._client._pending.clear()  # noqa: SLF001 - there is no public way
        self._client._pending_data_size = 0  # noqa: SLF001

    async def _on_reconnected(self) -> None:
        self._said.clear()
        _log.info("bus.reconnected", service=self._service)

    async def _on_closed(self) -> None:
        if not self._closing:
            _log.error("bus.closed", service=self._service, reason=str(self._last_error))

    @property
    def connected(self) -> bool:
        """Whether a frame would be sent now."""
        return self._client.is_connected

    @property
    def lost(self) -> bool:
        """The connection is gone for good (the server refused us); only a restart helps."""
        return self._client.is_closed and not self._closing

    def _check(self, frame: Frame) -> None:
        if not self._client.is_connected:
            raise NotConnectedError
        # The server counts headers too, and hangs up on whoever sends more than it takes.
        if _room(frame) > self._client.max_payload:
            raise FrameTooLargeError

    async def request(self, subject: str, frame: Frame, timeout: float) -> Frame:  # noqa: ASYNC109
        """Send and wait for the one answer."""
        self._check(frame)
        try:
            reply = await self._client.request(
                subject, frame.body, timeout=timeout, headers=dict(frame.headers)
            )
        except nats.errors.NoRespondersError as error:
            raise NobodyServesError(subject) from error
        except _NOT_CONNECTED as error:
            raise NotConnectedError from error
        return _frame_of(reply)

    async def publish(self, subject: str, frame: Frame) -> None:
        """Send to whoever listens."""
        await self._publish(subject, frame)

    async def _publish(self, subject: str, frame: Frame) -> None:
        self._check(frame)
        try:
            await self._client.publish(subject, frame.body, headers=dict(frame.headers) or None)
        except _NOT_CONNECTED as error:
            raise NotConnectedError from error

    async def answer(self, subject: str, queue: str, answerer: Answerer) -> Subscription:
        """Answer requests on a subject."""

        async def handle(message: Msg) -> None:
            reply = await answerer(_frame_of(message))
            if message.reply:
                await self._reply(message.reply, reply)

        return await self._subscribe(subject, queue, handle)

    async def _reply(self, inbox: str, reply: Frame) -> None:
        try:
            await self._publish(inbox, reply)
        except FrameTooLargeError:
            await self._reply(inbox, headers.answer_too_large())
        except NotConnectedError:
            _log.warning("answer.lost", service=self._service)

    async def receive(self, subject: str, queue: str | None, receiver: Receiver) -> Subscription:
        """Receive published frames."""

        async def handle(message: Msg) -> None:
            await receiver(_frame_of(message))

        return await self._subscribe(subject, queue or "", handle)

    async def _subscribe(
        self, subject: str, queue: str, handle: Callable[[Msg], Coroutine[Any, Any, None]]
    ) -> Subscription:
        subscribed = _Subscribed(self._client, handle)
        await subscribed.open(subject, queue)
        self._subscribed.append(subscribed)
        return subscribed

    async def close(self) -> None:
        """Drain every subscription, flush, disconnect."""
        self._closing = True
        await asyncio.gather(*(subscribed.drain() for subscribed in self._subscribed))
        await _quietly(self._client.drain)
        if not self._client.is_connected:
            self._forget()  # nats-py would write it to a connection that is no more
        await _quietly(self._client.close)


async def _quietly(step: Callable[[], Awaitable[None]]) -> None:
    with contextlib.suppress(nats.errors.Error, OSError):
        await step()


def _shown(url: str) -> str:
    return ", ".join(part.strip().rpartition("@")[2] for part in url.split(","))
