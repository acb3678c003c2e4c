"""Changing the master key."""

from dataclasses import dataclass

from executor_vault_broker.domain.ports import KeptRecords

_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class RotateMasterKey:
    """Wrap every data key under the present master key; the records themselves stay as they are."""

    kept: KeptRecords

    async def __call__(self) -> int:
        """How many were wrapped anew. Afterwards the earlier master keys may be forgotten."""
        total = 0
        while done := await self.kept.rewrap(_AT_ONCE):
            total += done
        return total
