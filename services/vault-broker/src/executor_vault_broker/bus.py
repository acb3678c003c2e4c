"""Which contract is answered by which use case."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from executor_shared.bus import Handler, Listener
from executor_shared.contracts import vault_broker as contracts
from executor_vault_broker.domain.facts import GetCredential
from executor_vault_broker.domain.lease_credential import LeaseCredential
from executor_vault_broker.domain.record import Key
from executor_vault_broker.domain.sealing_key import GetSealingKey
from executor_vault_broker.domain.store_credential import StoreCredential
from executor_vault_broker.domain.take_back import DeleteCredential, RevertCredential


@dataclass(frozen=True, slots=True, kw_only=True)
class UseCases:
    """Everything that the broker does."""

    sealing_key: GetSealingKey
    store: StoreCredential
    revert: RevertCredential
    delete: DeleteCredential
    facts: GetCredential
    lease: LeaseCredential


def handlers(use: UseCases) -> tuple[Handler[Any, Any], ...]:
    """What the broker answers."""
    return (
        Handler(contracts.GET_SEALING_KEY, use.sealing_key),
        Handler(contracts.STORE_CREDENTIAL, use.store, limit=16),
        Handler(contracts.REVERT_CREDENTIAL, use.revert, limit=16),
        Handler(contracts.DELETE_CREDENTIAL, use.delete, limit=16),
        Handler(contracts.GET_CREDENTIAL, use.facts, limit=64),
        Handler(contracts.LEASE_CREDENTIAL, use.lease),
    )


def listeners(purge: Callable[[Key], None]) -> tuple[Listener[Any], ...]:
    """What every replica hears: copies of a changed credential are stale."""

    async def changed(event: contracts.CredentialChanged) -> None:
        purge(Key(event.tenant, event.credential))

    return (Listener(contracts.CREDENTIAL_CHANGED, changed),)
