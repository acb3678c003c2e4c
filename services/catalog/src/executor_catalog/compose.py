"""The catalog put together."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from executor_catalog.bus import UseCases, handlers
from executor_catalog.clients.adapters import BusDiscovery
from executor_catalog.clients.announcer import BusAnnouncer
from executor_catalog.domain.apply import ApplyDocument
from executor_catalog.domain.changes import GetChanges
from executor_catalog.domain.export import ExportDocument
from executor_catalog.domain.held import DecideDefinition, ListHeld
from executor_catalog.domain.ports import Announcer, CatalogStore, Discovery
from executor_catalog.domain.refresh import Refresh
from executor_catalog.settings import CatalogBlock, CatalogSettings
from executor_catalog.storage import PostgresStore
from executor_shared.bus import Bus
from executor_shared.contracts.base import ServiceName
from executor_shared.db import Database
from executor_shared.service.service import Definition, Service

SCHEMA = "catalog"


def use_cases(
    store: CatalogStore, discovery: Discovery, announcer: Announcer, settings: CatalogBlock
) -> UseCases:
    """The use cases over any implementation of their ports."""
    limit = settings.name_limit
    return UseCases(
        apply=ApplyDocument(store, discovery, announcer, frozenset(settings.kinds), limit),
        refresh=Refresh(store, discovery, announcer, limit),
        export=ExportDocument(store),
        changes=GetChanges(store),
        held=ListHeld(store),
        decide=DecideDefinition(store, announcer),
    )


@asynccontextmanager
async def compose(settings: CatalogSettings, bus: Bus) -> AsyncGenerator[Service]:
    """Open what the catalog needs, and yield the service."""
    async with Database.open(settings.database, schema=SCHEMA) as db:
        discovery = BusDiscovery(bus, settings.catalog.pool)
        use = use_cases(PostgresStore(db), discovery, BusAnnouncer(bus), settings.catalog)
        yield Service(name=ServiceName.CATALOG, handlers=handlers(use), ready={"database": db.ping})


CATALOG = Definition(
    name=ServiceName.CATALOG,
    settings=CatalogSettings,
    compose=compose,
    migrations="executor_catalog.storage.migrations",
)
