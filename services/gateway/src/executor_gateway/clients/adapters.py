"""Adapters, over the bus."""

from dataclasses import dataclass

from executor_shared.bus import Bus
from executor_shared.contracts.adapters import EXECUTE_CALL, ExecuteCall, Executed


@dataclass(frozen=True, slots=True)
class BusAdapters:
    """Implements `domain.ports.Adapters`; calls go to one pool of workers."""

    bus: Bus
    pool: str = "default"

    async def execute(self, kind: str, call: ExecuteCall) -> Executed:
        """Perform a granted call by an adapter of this kind."""
        return await self.bus.request(EXECUTE_CALL, call, route=(self.pool, kind))
