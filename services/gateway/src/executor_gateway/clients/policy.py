"""Policy, over the bus."""

from dataclasses import dataclass

from executor_shared.bus import Bus
from executor_shared.contracts.policy import (
    CALL_FINISHED,
    DECIDE_CALL,
    IDENTIFY,
    LIST_BLOCKED,
    Blocked,
    CallDecision,
    CallFinished,
    DecideCall,
    Identify,
    ListBlocked,
)
from executor_shared.contracts.vocabulary import Principal


@dataclass(frozen=True, slots=True)
class BusPolicy:
    """Implements `domain.ports.Policy`."""

    bus: Bus

    async def identify(self, proof: str) -> Principal:
        """Who holds the token with this proof."""
        return await self.bus.request(IDENTIFY, Identify(proof=proof))

    async def decide(self, call: DecideCall) -> CallDecision:
        """The decision on one call."""
        return await self.bus.request(DECIDE_CALL, call)

    async def blocked(self, proof: str, revision: int, toolkit: str | None) -> Blocked:
        """Which visible tools are blocked whatever the arguments."""
        return await self.bus.request(
            LIST_BLOCKED, ListBlocked(proof=proof, revision=revision, toolkit=toolkit)
        )

    async def finished(self, ended: CallFinished) -> None:
        """Tell how a call ended."""
        await self.bus.say(CALL_FINISHED, ended)
