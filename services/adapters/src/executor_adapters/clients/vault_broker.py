"""Leases over the bus: sealed to a key that exists for one question."""

from dataclasses import dataclass

from executor_shared.bus import Bus
from executor_shared.contracts.vault_broker import LEASE_CREDENTIAL, LeaseCredential, LeasedCredential
from executor_shared.errors import Code, CredentialUnavailableError, DeadlineExceededError, UnavailableError
from executor_shared.sealing import new_private_key, open_lease


@dataclass(frozen=True, slots=True)
class BusLeases:
    """Asks the vault-broker."""

    bus: Bus

    async def lease(self, signed: str) -> LeasedCredential | None:
        """See `Leases.lease`."""
        key = new_private_key()
        ask = LeaseCredential(grant=signed, public_key=key.public_key().public_bytes_raw())
        try:
            answer = await self.bus.request(LEASE_CREDENTIAL, ask)
        except (UnavailableError, DeadlineExceededError) as error:
            raise CredentialUnavailableError(
                "The credential could not be had: the vault-broker does not answer. Nothing was sent.",
                code=Code.CREDENTIAL_UNAVAILABLE,
            ) from error
        if answer.sealed is None:
            return None
        try:
            return open_lease(key, signed, answer.sealed)
        except ValueError as error:
            raise CredentialUnavailableError("The lease cannot be opened. Nothing was sent.") from error
