"""Ask an upstream again what it offers."""

from dataclasses import dataclass, replace

import msgspec

from executor_catalog.domain.asking import Asking
from executor_catalog.domain.find_tools import FoundTools, Wish, find_tools
from executor_catalog.domain.ports import Announcer, CatalogStore, Discovery, StaleStateError
from executor_catalog.domain.state import KnownConnection, KnownIntegration, TenantState, Write
from executor_catalog.domain.take_in import Taking, take_in
from executor_shared.contracts.catalog import RefreshConnection, ToolsChanged
from executor_shared.errors import ConflictError, NotFoundError

_TRIES = 5


@dataclass(frozen=True, slots=True)
class Refresh:
    """Take in what the upstream offers now. Where it cannot be asked, everything stays as it is."""

    store: CatalogStore
    discovery: Discovery
    announcer: Announcer
    name_limit: int

    async def __call__(self, asked: RefreshConnection) -> ToolsChanged:
        """What changed, as exposed names.

        Raises:
            NotFoundError: no such connection in the tenant.
            ConflictError: the description now names another origin, which needs an administrator.
            ExecutorError: the upstream could not be asked; its tools are kept.

        """
        asking = Asking(self.discovery, asked.tenant)
        for _ in range(_TRIES):
            state = await self.store.state(asked.tenant)
            connection = _connection(state, asked.connection)
            known = state.integrations[connection.record.integration]
            found = await self._find(state, known, connection, asking, asked.discovery)
            write, told = self._prepare(state, known, found)
            ours = next((one for one in told if one.connection == connection.key), None)
            if write:
                try:
                    revision = await self.store.write(asked.tenant, state.version, write)
                except StaleStateError:
                    continue
                await self.announcer.changed(revision)
            return ours or ToolsChanged(connection=connection.key)
        raise ConflictError(
            "Others kept changing the catalog at the same time; nothing was changed. Try again."
        )

    async def _find(
        self,
        state: TenantState,
        known: KnownIntegration,
        connection: KnownConnection,
        asking: Asking,
        grant: str | None,
    ) -> FoundTools:
        slug = known.record.slug
        source = await self.store.source(state.tenant, slug) if known.source_digest else None
        spec = msgspec.structs.replace(known.spec, source=source)
        others = [c.key for c in state.connections_of(slug) if c.key != connection.key]
        wishes = [Wish(connection.key, grant), *(Wish(key, optional=True) for key in others)]
        return await find_tools(asking, spec, known.source_digest, wishes, shared=None)

    def _prepare(
        self, state: TenantState, known: KnownIntegration, found: FoundTools
    ) -> tuple[Write, list[ToolsChanged]]:
        write = Write()
        if found.answer and bytes(found.answer.target) != bytes(known.record.target):
            if found.answer.origin != known.record.origin and known.spec.definitions == "review":
                raise ConflictError(
                    f"Integration {known.record.slug!r}: its description now leads to {found.answer.origin} "
                    f"instead of {known.record.origin}. Nothing was changed. If that is right, change the "
                    "integration's configuration and apply it.",
                    details={"field": "server", "origin": found.answer.origin},
                )
            record = msgspec.structs.replace(
                known.record, target=found.answer.target, origin=found.answer.origin
            )
            write.integrations.append(replace(known, record=record))
        review = known.spec.definitions == "review"
        takings = [
            Taking(state.connections[key], offer, review=review, first=False)
            for key, offer in found.offers.items()
        ]
        return write, take_in(state, takings, write, self.name_limit)


def _connection(state: TenantState, wanted: str) -> KnownConnection:
    """A live connection by id or key."""
    for known in state.connections.values():
        if wanted in (known.record.id, known.key) and not known.record.removed:
            return known
    raise NotFoundError("There is no such connection.", details={"field": "connection"})
