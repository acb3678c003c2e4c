"""The key that callers seal credentials to."""

from dataclasses import dataclass

from executor_shared.contracts.base import Nothing
from executor_shared.contracts.vault_broker import SealingKey
from executor_vault_broker.domain.keyring import KeyRing


@dataclass(frozen=True, slots=True)
class GetSealingKey:
    """Tell the public key."""

    ring: KeyRing

    async def __call__(self, _asked: Nothing) -> SealingKey:
        """The same from every replica."""
        return SealingKey(public_key=self.ring.public_key)
