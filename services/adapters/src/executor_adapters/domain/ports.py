"""What the adapters need from the world."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from executor_shared.contracts.vault_broker import LeasedCredential
from executor_shared.grants import Grant

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


class Egress(Protocol):
    """The one way out: addresses checked at connect time, no redirects, no proxies, bounded.

    Every wait ends at the deadline of the current call context. Failures are `UpstreamError`, whose `sent`
    says whether any byte of the request may have left; a refused address is `EGRESS_REFUSED`, sent False.
    """

    async def send(self, outgoing: Outgoing, *, network: tuple[str, ...], max_bytes: int) -> Incoming:
        """Send and read the whole response.

        Args:
            outgoing: the request.
            network: `CIDR:port` or `host:port` of private addresses that the integration may reach.
            max_bytes: bound of the body; beyond it `UPSTREAM_RESPONSE_TOO_LARGE`.

        """
        ...

    def stream(
        self, outgoing: Outgoing, *, network: tuple[str, ...], max_bytes: int
    ) -> AbstractAsyncContextManager[IncomingStream]:
        """Send and read the response as it arrives; leaving the block closes it."""
        ...


class Leases(Protocol):
    """Where credentials come from."""

    async def lease(self, grant: Grant, signed: str) -> LeasedCredential | None:
        """The credential that a verified grant names; None where it names none.

        Raises:
            ExecutorError: refused or unavailable; nothing may be sent then.

        """
        ...
