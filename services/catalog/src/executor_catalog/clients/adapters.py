"""Discovery over the bus."""

from dataclasses import dataclass

from executor_shared.bus import Bus
from executor_shared.contracts.adapters import DISCOVER_TOOLS, Discover, Discovered


@dataclass(frozen=True, slots=True)
class BusDiscovery:
    """Asks the adapters of a pool, routed by kind."""

    bus: Bus
    pool: str = "default"

    async def __call__(self, asked: Discover) -> Discovered:
        """What was found."""
        return await self.bus.request(DISCOVER_TOOLS, asked, route=(self.pool, asked.kind))
