"""What goes out and what comes in, as plain values."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One request to an upstream. `url` is already encoded and is sent as it stands."""

    method: str
    url: str
    headers: Headers = ()
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Incoming:
    """A whole response; header names in lower case."""

    status: int
    headers: Headers
    body: bytes

    def header(self, name: str) -> str | None:
        """The first value of a header (lower-case name)."""
        return next((value for key, value in self.headers if key == name), None)


class IncomingStream(Protocol):
    """A response whose body is still arriving."""

    @property
    def status(self) -> int:
        """HTTP status."""
        ...

    def header(self, name: str) -> str | None:
        """The first value of a header (lower-case name)."""
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """The body as it arrives, bounded in all by the `max_bytes` of the request."""
        ...
