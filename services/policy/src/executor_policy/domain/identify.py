"""Who calls?"""

from dataclasses import dataclass

from executor_policy.domain.standing import Standing
from executor_shared.contracts.policy import Identify
from executor_shared.contracts.vocabulary import Principal


@dataclass(frozen=True, slots=True)
class IdentifyCaller:
    """Resolve a proof to a principal; unknown proofs are `NotAuthenticatedError`."""

    standing: Standing

    async def __call__(self, ask: Identify) -> Principal:
        """The principal."""
        return self.standing.who(ask.proof)
