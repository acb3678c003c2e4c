"""The in-process transport: bytes between subjects of one event loop, for unit and flow tests."""

import asyncio
import itertools
from collections.abc import Coroutine
from typing import Any

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

_MAX_FRAME = 8 * 1024 * 1024


def _matches(pattern: str, subject: str) -> bool:
    wanted, given = pattern.split("."), subject.split(".")
    return len(wanted) == len(given) and all(w in ("*", g) for w, g in zip(wanted, given, strict=True))


class _Subscription:
    def __init__(self, hub: "MemoryHub", pattern: str, queue: str | None) -> None:
        self._hub = hub
        self.pattern = pattern
        self.queue = queue
        self._tasks: set[asyncio.Task[Any]] = set()

    def spawn(self, work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def drain(self) -> None:
        self._hub.leave(self)
        while self._tasks:
            await asyncio.wait(set(self._tasks))


class _Answering(_Subscription):
    def __init__(self, hub: "MemoryHub", pattern: str, queue: str, answerer: Answerer) -> None:
        super().__init__(hub, pattern, queue)
        self.answerer = answerer


class _Receiving(_Subscription):
    def __init__(self, hub: "MemoryHub", pattern: str, queue: str | None, receiver: Receiver) -> None:
        super().__init__(hub, pattern, queue)
        self.receiver = receiver


class MemoryHub:
    """What the transports of one test are connected to."""

    def __init__(self) -> None:
        self._answering: list[_Answering] = []
        self._receiving: list[_Receiving] = []
        self._turn = itertools.count()
        self.taps: list[tuple[str, Frame]] = []

    def join(self, subscription: _Subscription) -> None:
        """Add a subscription."""
        if isinstance(subscription, _Answering):
            self._answering.append(subscription)
        elif isinstance(subscription, _Receiving):
            self._receiving.append(subscription)

    def leave(self, subscription: _Subscription) -> None:
        """Remove a subscription."""
        self._answering = [s for s in self._answering if s is not subscription]
        self._receiving = [s for s in self._receiving if s is not subscription]

    async def ask(self, subject: str, frame: Frame) -> Frame:
        """Deliver to one answerer and return its answer."""
        self.taps.append((subject, frame))
        serving = [s for s in self._answering if _matches(s.pattern, subject)]
        if not serving:
            raise NobodyServesError(subject)
        chosen = serving[next(self._turn) % len(serving)]
        reply = await asyncio.shield(chosen.spawn(_as_coroutine(chosen.answerer, frame)))
        if len(reply.body) > _MAX_FRAME:
            reply = headers.answer_too_large()
        self.taps.append((f"reply to {subject}", reply))
        return reply

    def tell(self, subject: str, frame: Frame) -> None:
        """Deliver to every plain subscriber and to one of each queue group."""
        self.taps.append((subject, frame))
        hearing = [s for s in self._receiving if _matches(s.pattern, subject)]
        groups: dict[str, list[_Receiving]] = {}
        for subscription in hearing:
            if subscription.queue is None:
                subscription.spawn(_as_coroutine(subscription.receiver, frame))
            else:
                groups.setdefault(subscription.queue, []).append(subscription)
        for members in groups.values():
            chosen = members[next(self._turn) % len(members)]
            chosen.spawn(_as_coroutine(chosen.receiver, frame))


async def _as_coroutine(function: Any, frame: Frame) -> Any:  # noqa: ANN401 - either kind of callback
    return await function(frame)


class MemoryTransport:
    """One service's connection to a hub."""

    def __init__(self, hub: MemoryHub) -> None:
        self._hub = hub
        self._open = True

    @property
    def connected(self) -> bool:
        """Whether a frame would be sent now."""
        return self._open

    def disconnect(self) -> None:
        """Lose the connection, as a test wants it."""
        self._open = False

    def reconnect(self) -> None:
        """Find the connection again."""
        self._open = True

    def _check(self, frame: Frame) -> None:
        if not self._open:
            raise NotConnectedError
        if len(frame.body) > _MAX_FRAME:
            raise FrameTooLargeError

    async def request(self, subject: str, frame: Frame, timeout: float) -> Frame:  # noqa: ASYNC109
        """Send and wait for the one answer."""
        self._check(frame)
        async with asyncio.timeout(timeout):
            return await self._hub.ask(subject, frame)

    async def publish(self, subject: str, frame: Frame) -> None:
        """Send to whoever listens."""
        self._check(frame)
        self._hub.tell(subject, frame)

    async def answer(self, subject: str, queue: str, answerer: Answerer) -> Subscription:
        """Answer requests on a subject."""
        subscription = _Answering(self._hub, subject, queue, answerer)
        self._hub.join(subscription)
        return subscription

    async def receive(self, subject: str, queue: str | None, receiver: Receiver) -> Subscription:
        """Receive published frames."""
        subscription = _Receiving(self._hub, subject, queue, receiver)
        self._hub.join(subscription)
        return subscription

    async def close(self) -> None:
        """Disconnect."""
        self._open = False
