"""What a transport is: bytes and headers between subjects. It knows no types, no deadlines, no errors."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Frame:
    """One message on the wire."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


Answerer = Callable[[Frame], Awaitable[Frame]]
Receiver = Callable[[Frame], Awaitable[None]]


class NobodyServesError(Exception):
    """No one listens on the subject; the frame was not delivered."""


class NotConnectedError(Exception):
    """The transport is not connected; the frame was not sent and never will be."""


class FrameTooLargeError(Exception):
    """The frame is beyond what the transport carries; it was not sent."""


class Subscription(Protocol):
    """Something to stop listening with."""

    async def drain(self) -> None:
        """Take no new frames; return when those taken are handled and their answers flushed."""
        ...


class Transport(Protocol):
    """Carries frames. Implementations: `memory.MemoryTransport`, `nats.NatsTransport`."""

    @property
    def connected(self) -> bool:
        """Whether a frame would be sent now."""
        ...

    async def request(self, subject: str, frame: Frame, timeout: float) -> Frame:  # noqa: ASYNC109
        """Send and wait for the one answer.

        Raises:
            NobodyServesError: at once, not after the timeout.
            NotConnectedError: at once; the frame is not kept for later.
            FrameTooLargeError: nothing was sent.
            TimeoutError: no answer in `timeout` seconds.

        """
        ...

    async def publish(self, subject: str, frame: Frame) -> None:
        """Send to whoever listens; nobody listening is not an error."""
        ...

    async def answer(self, subject: str, queue: str, answerer: Answerer) -> Subscription:
        """Answer requests on a subject (`*` per token allowed), sharing them within the queue group.

        Each request is handled in a task of its own: a slow one never holds up the next.
        """
        ...

    async def receive(self, subject: str, queue: str | None, receiver: Receiver) -> Subscription:
        """Receive published frames, shared within the queue group or (None) each on every subscriber."""
        ...

    async def close(self) -> None:
        """Flush and disconnect."""
        ...
