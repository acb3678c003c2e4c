"""What adapters answer and hear."""

from typing import Any

from executor_adapters.domain.discover_tools import DiscoverTools
from executor_adapters.domain.execute_call import ExecuteCalls
from executor_adapters.domain.leasing import Leasing
from executor_shared.bus import Handler, Listener
from executor_shared.contracts.adapters import DISCOVER_TOOLS, EXECUTE_CALL
from executor_shared.contracts.vault_broker import CREDENTIAL_CHANGED, CredentialChanged

_DISCOVERIES = 8


def handlers(
    execute: ExecuteCalls, discover: DiscoverTools, *, pool: str, kinds: tuple[str, ...], calls: int
) -> tuple[Handler[Any, Any], ...]:
    """Calls and discoveries of this worker's pool and kinds."""
    routes = tuple((pool, kind) for kind in kinds)
    return (
        Handler(EXECUTE_CALL, execute, limit=calls, routes=routes),
        Handler(DISCOVER_TOOLS, discover, limit=_DISCOVERIES, routes=routes),
    )


def listeners(leasing: Leasing) -> tuple[Listener[Any], ...]:
    """A credential that changed is not used from memory again."""

    async def changed(event: CredentialChanged) -> None:
        leasing.drop(event.credential)

    return (Listener(CREDENTIAL_CHANGED, changed),)
