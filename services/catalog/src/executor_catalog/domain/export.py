"""The declarative form of what is."""

from dataclasses import dataclass

import msgspec

from executor_catalog.domain.ports import CatalogStore
from executor_shared.contracts.catalog import (
    CatalogDocument,
    ConnectionSpec,
    ExportAsked,
    IntegrationSpec,
    ToolkitSpec,
)


@dataclass(frozen=True, slots=True)
class ExportDocument:
    """What was written, texts of descriptions included; applying it again changes nothing."""

    store: CatalogStore

    async def __call__(self, asked: ExportAsked) -> CatalogDocument:
        """The tenant's document."""
        state = await self.store.state(asked.tenant)
        integrations: list[IntegrationSpec] = []
        for slug in sorted(state.integrations):
            if known := state.integration(slug):
                source = await self.store.source(asked.tenant, slug) if known.source_digest else None
                integrations.append(msgspec.structs.replace(known.spec, source=source))
        connections = tuple(
            ConnectionSpec(
                integration=known.record.integration,
                name=known.record.name,
                owner=known.record.owner,
                auth=known.record.auth,
                credential=known.record.credential,
                credential_text=known.credential_text,
            )
            for _, known in sorted(state.connections.items())
            if not known.record.removed
        )
        toolkits = tuple(
            ToolkitSpec(slug=one.slug, tools=one.tools, surface=one.surface)
            for one in sorted(state.toolkits.values(), key=lambda one: one.slug)
            if not one.removed
        )
        return CatalogDocument(integrations=tuple(integrations), connections=connections, toolkits=toolkits)
