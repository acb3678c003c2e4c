"""What the catalog needs from the world."""

from typing import Protocol

from executor_catalog.domain.state import Definition, KnownTool, TenantState, Write
from executor_shared.contracts.adapters import Discover, Discovered
from executor_shared.contracts.catalog import Changes


class StaleStateError(Exception):
    """The tenant changed since its state was read; read it again and plan anew."""


class CatalogStore(Protocol):
    """Where the catalog is kept. Revisions are one sequence over all tenants and become visible in order."""

    async def state(self, tenant: str) -> TenantState:
        """Everything of a tenant, tombstones included, as of one moment."""
        ...

    async def source(self, tenant: str, integration: str) -> str | None:
        """The text of a description that was given as a file."""
        ...

    async def definitions(self, tenant: str, fingerprints: frozenset[str]) -> dict[str, Definition]:
        """Stored definitions by fingerprint; unknown ones are left out."""
        ...

    async def held(self, tenant: str, after: str) -> tuple[KnownTool, ...]:
        """Tools with a proposed definition, by id, after an id (empty: from the start)."""
        ...

    async def write(self, tenant: str, version: int, wanted: Write) -> int:
        """Write everything or nothing, one writer per tenant at a time; the revision after it.

        Raises:
            StaleStateError: the tenant's state is no longer at `version`.

        """
        ...

    async def changes(self, after: int, *, facts_only: bool, max_bytes: int) -> Changes:
        """The first page of what changed after a revision, of every tenant, in revision order."""
        ...


class Discovery(Protocol):
    """Asking adapters what an upstream offers."""

    async def __call__(self, asked: Discover) -> Discovered:
        """What was found.

        Raises:
            ExecutorError: as the adapter named it; or nobody serves the kind.

        """
        ...


class Announcer(Protocol):
    """Telling the views that something changed. Called after commit; may be lost."""

    async def changed(self, revision: int) -> None:
        """The catalog now stands at `revision`."""
        ...
