"""What changed after a revision."""

from dataclasses import dataclass

from executor_catalog.domain.ports import CatalogStore
from executor_shared.contracts.catalog import Changes, ChangesAsked

PAGE_BYTES = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class GetChanges:
    """One page of changes, of every tenant, in revision order."""

    store: CatalogStore

    async def __call__(self, asked: ChangesAsked) -> Changes:
        """The page after `asked.after`."""
        return await self.store.changes(asked.after, facts_only=asked.facts_only, max_bytes=PAGE_BYTES)
