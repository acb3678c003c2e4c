"""Says on the bus what changed."""

from dataclasses import dataclass

from executor_policy.domain.approval import StoredApproval
from executor_shared.bus import Bus
from executor_shared.contracts.policy import (
    APPROVAL_RESOLVED,
    POLICY_CHANGED,
    ApprovalResolved,
    PolicyChanged,
)


@dataclass(frozen=True, slots=True)
class BusAnnouncer:
    """The announcer over the bus."""

    bus: Bus

    async def policy_changed(self, revision: int) -> None:
        """Rules or principals changed."""
        await self.bus.say(POLICY_CHANGED, PolicyChanged(revision=revision))

    async def approval_resolved(self, approval: StoredApproval) -> None:
        """An approval left `pending`."""
        event = ApprovalResolved(id=approval.id, tenant=approval.asked.key.tenant, state=approval.state)
        await self.bus.say(APPROVAL_RESOLVED, event)
