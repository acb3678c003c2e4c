"""Telling the views over the bus."""

from dataclasses import dataclass

from executor_shared.bus import Bus
from executor_shared.contracts.catalog import CATALOG_CHANGED, CatalogChanged


@dataclass(frozen=True, slots=True)
class BusAnnouncer:
    """Says `CATALOG_CHANGED`; a lost one is found by the next, or by the views' poll."""

    bus: Bus

    async def changed(self, revision: int) -> None:
        """The catalog now stands at `revision`."""
        await self.bus.say(CATALOG_CHANGED, CatalogChanged(revision=revision))
