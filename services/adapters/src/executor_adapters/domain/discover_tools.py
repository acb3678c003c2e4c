"""Resolve an integration's configuration, and find what its upstream offers."""

import time
from dataclasses import dataclass, replace

import msgspec

from executor_adapters.domain.leasing import NOTHING, Held, Leasing
from executor_adapters.domain.ports import Grants
from executor_adapters.domain.registry import Registry
from executor_shared.context import CallContext, current, opened
from executor_shared.contracts.adapters import Discover, Discovered
from executor_shared.contracts.vocabulary import Target
from executor_shared.errors import Code, ExecutorError, GrantRefusedError
from executor_shared.ids import new_call_id

_target = msgspec.json.Decoder(Target)
_discovered = msgspec.json.Decoder(Discovered)
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class DiscoverTools:
    """Answer `DISCOVER_TOOLS`. A credential is used only under a grant for exactly this origin.

    Attributes:
        seconds: how long an upstream may take; less than the asker waits, so that it is told who was slow.

    """

    grants: Grants
    leasing: Leasing
    kinds: Registry
    seconds: float

    async def __call__(self, asked: Discover) -> Discovered:
        """The target and, unless only that was asked, the tools."""
        with opened(self._context()):
            return await self._discovered(asked)

    def _context(self) -> CallContext:
        deadline = time.time() + self.seconds
        here = current()
        if here is None:
            return CallContext(new_call_id(), deadline)
        return replace(here, deadline=min(here.deadline, deadline))

    async def _discovered(self, asked: Discover) -> Discovered:
        adapter = self.kinds.get(asked.kind)
        resolved = await adapter.resolve(asked)
        if asked.target_only:
            return resolved
        target = _target.decode(resolved.target)
        held = await self._credential(asked, target)
        found = await adapter.discover(asked, target, held.credential)
        return _without_secrets(found, held)

    async def _credential(self, asked: Discover, target: Target) -> Held:
        if asked.grant is None:
            return NOTHING
        grant = self.grants.verify(asked.grant)
        integration = grant.connection.partition("/")[0]
        if grant.purpose != "discover" or (grant.tenant, grant.origin, integration) != (
            target.tenant,
            target.origin,
            target.integration,
        ):
            raise GrantRefusedError("The grant is not for discovering at this origin; nothing was sent.")
        return await self.leasing(grant, asked.grant)


def _without_secrets(found: Discovered, held: Held) -> Discovered:
    """A description that repeats the credential loses it, whole and readable, or is refused.

    Raises:
        ExecutorError: what is left cannot be read.

    """
    if held.credential is None:
        return found
    plain = _encode(found)
    clean = held.redactor.clean(plain)
    if clean is plain:
        return found
    try:
        return _discovered.decode(clean)
    except msgspec.MsgspecError as error:
        raise ExecutorError(
            "The upstream's description repeats the credential and cannot be used.",
            code=Code.DESCRIPTION_INVALID,
        ) from error
