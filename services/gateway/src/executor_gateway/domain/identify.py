"""Who calls: from the bearer token to the principal."""

import hashlib
from dataclasses import dataclass, field

from executor_gateway.domain.ports import Policy
from executor_gateway.domain.recent import Recent
from executor_shared.contracts.vocabulary import Principal

_SIZE = 10_000
_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Identity:
    """A principal and the proof that policy believes: the SHA-256 of the token, never the token."""

    principal: Principal
    proof: str


def _memory() -> Recent[str, Identity]:
    return Recent(_SIZE, _SECONDS)


@dataclass(frozen=True, slots=True)
class Identify:
    """Finds out who holds a token, asking policy at most once a minute for each.

    Only found principals are kept. `forget` is called when rules or principals change, so a revoked key
    lives on for no longer than that message takes, or a minute where it is lost; policy itself judges
    every call by the proof, without this memory.
    """

    policy: Policy
    known: Recent[str, Identity] = field(default_factory=_memory)

    async def __call__(self, token: str) -> Identity:
        """The identity.

        Raises:
            NotAuthenticatedError: the token is nobody's.

        """
        proof = hashlib.sha256(token.encode()).hexdigest()
        if known := self.known.get(proof):
            return known
        generation = self.known.generation
        identity = Identity(await self.policy.identify(proof), proof)
        self.known.keep(proof, identity, generation)
        return identity

    def forget(self) -> None:
        """Believe nothing of before."""
        self.known.forget()
