"""A grant to ask an upstream what it offers."""

from dataclasses import dataclass

from executor_policy.domain.freshness import SeenCalls
from executor_policy.domain.standing import Standing
from executor_shared.clock import Clock
from executor_shared.context import current
from executor_shared.contracts.policy import DiscoveryGranted, GrantDiscovery
from executor_shared.contracts.vocabulary import Principal
from executor_shared.errors import ConflictError, InvalidRequestError, NotPermittedError, UnavailableError
from executor_shared.grants import Grant, GrantSigner
from executor_shared.ids import new_call_id

MAX_SECONDS = 120.0
_OWNER_AND_NAME = 2


@dataclass(frozen=True, slots=True)
class GrantDiscoveries:
    """Answer `GRANT_DISCOVERY`: administrators only, for one connection, origin and credential.

    The grant's call id is the context's, unless several connections are discovered in one request: then
    the later ones get ids of their own, since a grant is spent once.
    """

    standing: Standing
    signer: GrantSigner
    seen: SeenCalls
    clock: Clock

    async def __call__(self, ask: GrantDiscovery) -> DiscoveryGranted:
        """The grant."""
        await self.standing.refresh()  # a credential may go out on it
        caller = administrator(self.standing, ask.proof)
        now = self.clock.now()
        context = current()
        deadline = min(context.deadline if context else now + MAX_SECONDS, now + MAX_SECONDS)
        if deadline <= now:
            raise UnavailableError("The deadline of this request has passed; nothing was started.")
        call = context.call_id if context else new_call_id()
        if not self.seen.take(call, deadline, now):
            call = new_call_id()
            if not self.seen.take(call, deadline, now):
                raise ConflictError("No fresh id for this discovery; nothing was started.")
        grant = Grant(
            purpose="discover",
            call=call,
            tenant=caller.tenant,
            subject=caller.subject,
            connection=_connection(ask),
            origin=ask.origin,
            issued_at=now,
            deadline=deadline,
            effect="read",
            credential=ask.credential,
        )
        return DiscoveryGranted(grant=self.signer.sign(grant))


def _connection(ask: GrantDiscovery) -> str:
    """`<integration>/<owner>/<name>`, whether the integration stands in the asked connection or not."""
    parts = ask.connection.split("/")
    if len(parts) == _OWNER_AND_NAME:
        parts = [ask.integration, *parts]
    if len(parts) != _OWNER_AND_NAME + 1 or parts[0] != ask.integration or not all(parts):
        raise InvalidRequestError(
            f"connection: {ask.connection!r} is not <integration>/<owner>/<name> of {ask.integration!r}.",
            details={"field": "connection", "value": ask.connection},
        )
    return "/".join(parts)


def administrator(standing: Standing, proof: str) -> Principal:
    """Whose proof it is, if it is an administrator's.

    Raises:
        NotPermittedError: it is not.

    """
    who = standing.who(proof)
    if not who.admin:
        raise NotPermittedError("Only an administrator of the organisation may do this.")
    return who
