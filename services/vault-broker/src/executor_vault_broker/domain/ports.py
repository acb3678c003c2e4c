"""What the broker needs from the world."""

from dataclasses import dataclass
from typing import Literal, Protocol

from executor_vault_broker.domain.record import Binding, Key, Record
from executor_vault_broker.domain.reference import Reference

Reason = Literal["stored", "reverted", "deleted"]


class CredentialStore(Protocol):
    """Keeps records under lock and key, each version for itself.

    Any of these raises `CredentialUnavailableError` where the store cannot be used.
    """

    async def put(self, key: Key, record: Record) -> int:
        """Keep a new version and return its number, which is above all before it.

        Raises:
            ConflictError: somebody else put at the same moment; nothing was kept.

        """
        ...

    async def get(self, key: Key, version: int) -> Record | None:
        """A version; None where it is not (or no longer) there."""
        ...

    async def drop(self, key: Key, version: int) -> None:
        """Make a version unreadable; its number is not used again."""
        ...

    async def destroy(self, key: Key) -> None:
        """Remove all versions for good; nothing happens where there are none."""
        ...


class Bindings(Protocol):
    """What is known of credentials; the truth about which version is the newest."""

    async def get(self, key: Key) -> Binding | None:
        """The newest version of a credential."""
        ...

    async def of_connection(self, tenant: str, connection: str) -> Binding | None:
        """The newest version of a connection's credential."""
        ...

    async def publish(self, binding: Binding, *, after: int) -> None:
        """Make this version the newest.

        Args:
            binding: what is known of it.
            after: the version that was the newest when this began; 0: none was.

        Raises:
            ConflictError: another one is the newest by now, or the connection got a credential meanwhile.

        """
        ...

    async def withdraw(self, key: Key, version: int) -> bool:
        """Make the version before this one the newest, or forget the credential where there is none.

        Returns:
            False where `version` is not known (any more).

        Raises:
            ConflictError: `version` is not the newest.

        """
        ...

    async def forget(self, key: Key) -> None:
        """Forget all versions; nothing happens where there are none."""
        ...


class SpentGrants(Protocol):
    """Every grant is good once, over all replicas."""

    async def spend(self, call: str, deadline: float) -> bool:
        """Spend the grant of this call; False where it was spent before."""
        ...


class ExternalSecrets(Protocol):
    """Secrets that somebody else keeps, in Vault."""

    def check(self, tenant: str, reference: Reference) -> None:
        """Whether this tenant may name it.

        Raises:
            ExecutorError: it may not, or no Vault is configured.

        """
        ...

    async def read(self, tenant: str, reference: Reference) -> dict[str, str] | None:
        """Its fields; None where it is not there.

        Raises:
            CredentialUnavailableError: Vault cannot be used.

        """
        ...


class Announcer(Protocol):
    """Tells whoever keeps copies."""

    async def changed(self, key: Key, reason: Reason) -> None:
        """A credential is another one now. Said after the commit."""
        ...


class LeaseTimes(Protocol):
    """When credentials were last leased; written now and then, not with every lease."""

    def note(self, key: Key, at: float) -> None:
        """Remember it."""
        ...


@dataclass(frozen=True, slots=True)
class Rewrapped:
    """What a step of a change of the master key came to.

    Attributes:
        done: data keys that are wrapped under the present master key now.
        failed: records that cannot be opened: altered, or of a master key that is not known here.
        last: where the next step goes on: key and version; None: there is no next.

    """

    done: int
    failed: int
    last: tuple[Key, int] | None


class KeptRecords(Protocol):
    """Encrypted records as far as a change of the master key touches them."""

    async def rewrap(self, after: tuple[Key, int] | None, limit: int) -> Rewrapped:
        """Wrap the data keys of up to `limit` records behind `after` under the present master key."""
        ...
