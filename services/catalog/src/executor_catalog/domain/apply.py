"""Apply a document: resolve, discover, and write all of it or nothing."""

from dataclasses import dataclass, replace

import msgspec

from executor_catalog.domain.asking import Asking
from executor_catalog.domain.find_tools import FoundTools, Wish, find_tools
from executor_catalog.domain.plan import PlannedConnection, known_connection
from executor_catalog.domain.ports import Announcer, CatalogStore, Discovery, StaleStateError
from executor_catalog.domain.settle import Settled, SettledIntegration, settle
from executor_catalog.domain.state import KnownConnection, KnownIntegration, TenantState, Write
from executor_catalog.domain.take_in import Taking, take_in
from executor_catalog.domain.together import together
from executor_catalog.domain.validate import check_document
from executor_shared.contracts.catalog import ApplyCatalog, CatalogApplied, ToolsChanged
from executor_shared.errors import ConflictError
from executor_shared.ids import new_connection_id

_TRIES = 5


@dataclass(frozen=True, slots=True)
class ApplyDocument:
    """Make a document so, or say what would change.

    Upstreams are asked outside the transaction. Where another write came in between, the plan is made
    again from what is then; answers of upstreams are not asked for again.
    """

    store: CatalogStore
    discovery: Discovery
    announcer: Announcer
    kinds: frozenset[str]
    name_limit: int

    async def __call__(self, asked: ApplyCatalog) -> CatalogApplied:
        """Apply or plan; on any error nothing was written.

        Raises:
            ExecutorError: the document, a description or an upstream is at fault; says which.

        """
        check_document(asked.document, self.kinds)
        asking = Asking(self.discovery, asked.tenant)
        for _ in range(_TRIES):
            state = await self.store.state(asked.tenant)
            settled = await settle(state, asked, asking)
            told = CatalogApplied(
                changes=tuple(settled.changes), resolved=settled.resolved(), revision=state.revision
            )
            if asked.dry_run:
                return told
            write, tools = await self._prepare(state, asked, settled, asking)
            if not write:
                return told
            try:
                revision = await self.store.write(asked.tenant, state.version, write)
            except StaleStateError:
                continue
            await self.announcer.changed(revision)
            return msgspec.structs.replace(told, tools=tuple(tools), revision=revision)
        raise ConflictError(
            "Others kept changing the catalog at the same time; nothing was applied. Try again."
        )

    async def _prepare(
        self, state: TenantState, asked: ApplyCatalog, settled: Settled, asking: Asking
    ) -> tuple[Write, list[ToolsChanged]]:
        write = Write()
        for one in settled.integrations.values():
            if one.planned.fields:
                write.integrations.append(one.known)
                write.sources[one.planned.spec.slug] = one.planned.spec.source
        shall = _connections(state, asked.tenant, settled, write)
        found = await together(
            self._find(state, slug, settled, shall, asking) for slug in sorted(_touched(settled))
        )
        takings = [
            Taking(
                connection=shall[key],
                offer=offer,
                review=_integration(state, settled, shall[key].record.integration).spec.definitions
                == "review",
                first=state.connection(key) is None,
            )
            for tools in found
            for key, offer in tools.offers.items()
        ]
        told = take_in(state, takings, write, self.name_limit)
        _remove(state, settled, write)
        write.toolkits += settled.toolkits
        return write, told

    async def _find(
        self,
        state: TenantState,
        slug: str,
        settled: Settled,
        shall: dict[str, KnownConnection],
        asking: Asking,
    ) -> FoundTools:
        ours = settled.integrations.get(slug)
        wishes = _wishes(slug, ours, settled, shall)
        if not wishes:
            return FoundTools({})
        known = _integration(state, settled, slug)
        source = ours.planned.spec.source if ours else None
        if ours is None and known.source_digest:
            source = await self.store.source(state.tenant, slug)
        spec = msgspec.structs.replace(known.spec, source=source)
        return await find_tools(
            asking, spec, known.source_digest, wishes, shared=ours.shared if ours else None
        )


def _integration(state: TenantState, settled: Settled, slug: str) -> KnownIntegration:
    ours = settled.integrations.get(slug)
    return ours.known if ours else state.integrations[slug]


def _touched(settled: Settled) -> set[str]:
    named = {slug for slug, one in settled.integrations.items() if one.planned.rediscover}
    return named | {one.spec.integration for one in settled.connections if _asks(one)}


def _asks(planned: PlannedConnection) -> bool:
    """Whether a connection of the document must be asked about, whatever its integration.

    A grant for asking comes with whatever shows no difference here too: a fresh value of the same credential.
    """
    fresh = planned.before is None or planned.spec.discovery is not None
    return fresh or bool({"auth", "credential"} & set(planned.fields))


def _connections(
    state: TenantState, tenant: str, settled: Settled, write: Write
) -> dict[str, KnownConnection]:
    """Every connection as it shall be, by key; those that change are added to `write`."""
    shall = {
        key: known
        for key, known in state.connections.items()
        if not known.record.removed and key not in settled.removed.connections
    }
    for planned in settled.connections:
        if planned.before and not planned.fields:
            continue
        tombstone = state.connections.get(planned.key)
        ident = tombstone.record.id if tombstone else new_connection_id()
        shall[planned.key] = known_connection(planned, tenant, ident)
        write.connections.append(shall[planned.key])
    return shall


def _wishes(
    slug: str,
    ours: SettledIntegration | None,
    settled: Settled,
    shall: dict[str, KnownConnection],
) -> list[Wish]:
    everything = ours is not None and ours.planned.rediscover
    named = {one.key: one for one in settled.connections if one.spec.integration == slug}
    wishes = [Wish(key, one.spec.discovery) for key, one in named.items() if everything or _asks(one)]
    if everything:
        wishes += [
            Wish(key, optional=known.record.credential is not None)
            for key, known in shall.items()
            if known.record.integration == slug and key not in named
        ]
    return wishes


def _remove(state: TenantState, settled: Settled, write: Write) -> None:
    """Tombstones of everything that goes, and of what falls with it."""
    gone = settled.removed
    for slug in sorted(gone.integrations):
        known = state.integrations[slug]
        write.integrations.append(
            replace(known, record=msgspec.structs.replace(known.record, removed=True), source_digest="")
        )
        write.sources[slug] = None
    ids: set[str] = set()
    for key in sorted(gone.connections):
        known = state.connections[key]
        ids.add(known.record.id)
        write.connections.append(replace(known, record=msgspec.structs.replace(known.record, removed=True)))
    write.tools += [
        replace(tool, removed=True, proposed="")
        for tool in state.tools
        if tool.connection in ids and not tool.removed
    ]
    write.toolkits += [
        msgspec.structs.replace(state.toolkits[slug], removed=True) for slug in sorted(gone.toolkits)
    ]
