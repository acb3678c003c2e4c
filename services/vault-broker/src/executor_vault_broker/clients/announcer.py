"""Says on the bus what changed."""

from dataclasses import dataclass

from executor_shared.bus import Bus
from executor_shared.contracts.vault_broker import CREDENTIAL_CHANGED, CredentialChanged
from executor_vault_broker.domain.ports import Reason
from executor_vault_broker.domain.record import Key


@dataclass(frozen=True, slots=True)
class BusAnnouncer:
    """The announcer over the bus."""

    bus: Bus

    async def changed(self, key: Key, reason: Reason) -> None:
        """A credential is another one now."""
        event = CredentialChanged(tenant=key.tenant, credential=key.ref, reason=reason)
        await self.bus.say(CREDENTIAL_CHANGED, event)
