"""Changing the master key."""

from dataclasses import dataclass

from executor_vault_broker.domain.ports import KeptRecords, Rewrapped

_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class RotateMasterKey:
    """Wrap every data key under the present master key; the records themselves stay as they are."""

    kept: KeptRecords

    async def __call__(self) -> Rewrapped:
        """How many were wrapped anew, and how many could not be.

        Where none failed, the earlier master keys may be forgotten.
        """
        done = failed = 0
        after = None
        while True:
            step = await self.kept.rewrap(after, _AT_ONCE)
            done, failed, after = done + step.done, failed + step.failed, step.last
            if after is None:
                return Rewrapped(done, failed, None)
