"""What the adapters need from the world."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from executor_shared.contracts.vault_broker import LeasedCredential
from executor_shared.contracts.vocabulary import Outcome
from executor_shared.egress.types import Headers, Incoming, IncomingStream, Outgoing
from executor_shared.grants import Grant

__all__ = ["Egress", "Grants", "Headers", "Incoming", "IncomingStream", "Leases", "Outgoing", "Reports"]


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

    async def lease(self, signed: str) -> LeasedCredential | None:
        """Spend a verified grant at the broker; the credential that it names, None where it names none.

        Raises:
            ExecutorError: refused or unavailable; nothing may be sent then.

        """
        ...


class Grants(Protocol):
    """Verifies what policy signed (`executor_shared.grants.GrantVerifier`)."""

    def verify(self, text: str) -> Grant:
        """The grant, if genuine and not past its deadline.

        Raises:
            GrantRefusedError: otherwise.

        """
        ...


class Reports(Protocol):
    """Where the truth about calls that may have changed something is told."""

    async def finished(self, call: str, outcome: Outcome, code: str | None) -> None:
        """How the call ended."""
        ...
