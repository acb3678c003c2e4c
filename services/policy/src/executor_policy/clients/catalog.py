"""Policy's view of the catalog, kept current over the bus."""

from dataclasses import dataclass

from executor_shared.views.catalog import CatalogView
from executor_shared.views.follow import Follower


@dataclass(frozen=True, slots=True)
class FollowedCatalog:
    """The catalog that a follower fills."""

    view: CatalogView
    follower: Follower

    async def at_least(self, revision: int) -> None:
        """Return once the view is at `revision` or later."""
        await self.follower.at_least(revision)
