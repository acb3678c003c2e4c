"""The policy in force: loaded whole, replaced whole, never used when it may be out of date."""

import asyncio

import structlog

from executor_policy.domain.conditions import Conditions
from executor_policy.domain.known import Snapshot, snapshot
from executor_policy.domain.ports import Policies
from executor_shared.clock import Clock
from executor_shared.contracts.vocabulary import Principal
from executor_shared.errors import UnavailableError

_log: structlog.stdlib.BoundLogger = structlog.get_logger("executor.policy")

STALE_SECONDS = 120.0
"""How long decisions are made without having heard from the store that nothing changed."""


class Standing:
    """Holds the snapshot that decisions are made with."""

    def __init__(self, policies: Policies, conditions: Conditions, clock: Clock) -> None:
        """Read from `policies`; nothing is in force before the first `refresh`."""
        self._policies = policies
        self._conditions = conditions
        self._clock = clock
        self._snapshot: Snapshot | None = None
        self._confirmed = 0.0
        self._loading = asyncio.Lock()

    @property
    def now(self) -> Snapshot:
        """What is in force.

        Raises:
            UnavailableError: nothing is loaded, or the store has not confirmed it for too long.

        """
        if self._snapshot is None or self._clock.now() - self._confirmed > STALE_SECONDS:
            raise UnavailableError("The policy is not available at the moment; nothing was done.")
        return self._snapshot

    def who(self, proof: str) -> Principal:
        """Whose proof it is; see `Snapshot.who`."""
        return self.now.who(proof)

    async def refresh(self) -> None:
        """Bring the snapshot to the newest revision. What is there stays in force if that fails."""
        async with self._loading:
            asked_at = self._clock.now()
            revision = await self._policies.revision()
            if self._snapshot is None or self._snapshot.revision != revision:
                revision, tenants = await self._policies.load()
                self._snapshot = snapshot(revision, tenants, self._conditions)
                _log.info("policy.loaded", revision=revision)
            self._confirmed = asked_at

    async def at_least(self, revision: int) -> None:
        """Return once the snapshot is at `revision` or later."""
        if self._snapshot is None or self._snapshot.revision < revision:
            await self.refresh()
