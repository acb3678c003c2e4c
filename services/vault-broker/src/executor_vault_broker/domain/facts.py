"""What may be known of a credential."""

from dataclasses import dataclass

from executor_shared.contracts import vault_broker as contracts
from executor_shared.errors import NotFoundError
from executor_vault_broker.domain.ports import Bindings
from executor_vault_broker.domain.record import Key


@dataclass(frozen=True, slots=True)
class GetCredential:
    """Tell the metadata, never a value."""

    bindings: Bindings

    async def __call__(self, asked: contracts.GetCredential) -> contracts.CredentialFacts:
        """The newest version's.

        Raises:
            NotFoundError: unknown, or another tenant's.

        """
        found = await self.bindings.get(Key(asked.tenant, asked.credential))
        if found is None:
            raise NotFoundError("There is no such credential.", details={"field": "credential"})
        return contracts.CredentialFacts(
            credential=found.key.ref,
            connection=found.connection,
            origin=found.origin,
            method=found.method,
            version=found.version,
            created_at=found.created_at,
            last_leased_at=found.last_leased_at,
        )
