"""Taking the newest version back, and deleting a credential."""

from dataclasses import dataclass

from executor_shared.contracts import vault_broker as contracts
from executor_shared.contracts.base import Nothing
from executor_vault_broker.domain.ports import Announcer, Bindings, CredentialStore
from executor_vault_broker.domain.record import Key


@dataclass(frozen=True, slots=True)
class RevertCredential:
    """Take the newest version back; the one before it is good again."""

    store: CredentialStore
    bindings: Bindings
    announcer: Announcer

    async def __call__(self, asked: contracts.RevertCredential) -> Nothing:
        """First nobody gets it any more, then it is removed. Asking again changes nothing.

        Raises:
            ConflictError: something newer was stored meanwhile.

        """
        key = Key(asked.tenant, asked.credential)
        if await self.bindings.withdraw(key, asked.version):
            await self.announcer.changed(key, "reverted")
        await self.store.drop(key, asked.version)
        return Nothing()


@dataclass(frozen=True, slots=True)
class DeleteCredential:
    """Remove all versions for good."""

    store: CredentialStore
    bindings: Bindings
    announcer: Announcer

    async def __call__(self, asked: contracts.DeleteCredential) -> Nothing:
        """First what it protects, then what is known of it, so that a failure can be repeated.

        Raises:
            CredentialUnavailableError: the store cannot be used; delete it again later.

        """
        key = Key(asked.tenant, asked.credential)
        await self.store.destroy(key)
        await self.bindings.forget(key)
        await self.announcer.changed(key, "deleted")
        return Nothing()
