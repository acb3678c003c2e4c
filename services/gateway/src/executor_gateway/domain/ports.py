"""What the gateway needs from the others, in its own words."""

from typing import Protocol

from executor_shared.contracts.adapters import ExecuteCall, Executed
from executor_shared.contracts.policy import Blocked, CallDecision, CallFinished, DecideCall
from executor_shared.contracts.vocabulary import Principal


class Policy(Protocol):
    """Who calls, and whether the call may be."""

    async def identify(self, proof: str) -> Principal:
        """Who holds the token with this proof.

        Raises:
            NotAuthenticatedError: nobody.

        """
        ...

    async def decide(self, call: DecideCall) -> CallDecision:
        """The decision on one call; the call's id is that of the open context."""
        ...

    async def blocked(self, proof: str, revision: int, toolkit: str | None) -> Blocked:
        """Which visible tools are blocked whatever the arguments."""
        ...

    async def finished(self, ended: CallFinished) -> None:
        """Tell how a call ended."""
        ...


class Adapters(Protocol):
    """Whoever performs calls."""

    async def execute(self, kind: str, call: ExecuteCall) -> Executed:
        """Perform a granted call by an adapter of this kind."""
        ...
