"""The service as the runner sees it, on a real PostgreSQL."""

import pytest

from executor_catalog.compose import CATALOG
from executor_catalog.settings import CatalogSettings
from executor_shared.bus import Bus, Handler, MemoryHub, MemoryTransport
from executor_shared.contracts.adapters import DISCOVER_TOOLS
from executor_shared.contracts.all import REQUESTS
from executor_shared.contracts.base import ServiceName
from executor_shared.contracts.catalog import APPLY_CATALOG, GET_CHANGES, ApplyCatalog, ChangesAsked
from executor_shared.db import migrate
from executor_shared.errors import UnavailableError
from executor_shared.settings import DatabaseSettings

from .house import Upstreams, document

pytestmark = pytest.mark.connected


async def test_service_answers_everything_it_owns_and_survives_a_restart(
    database: DatabaseSettings, hub: MemoryHub
):
    assert CATALOG.migrations
    await migrate(database, CATALOG.migrations, schema="catalog")
    settings = CatalogSettings(database=database)  # pyright: ignore[reportCallIssue]
    adapters = Bus(ServiceName.ADAPTERS, MemoryTransport(hub))
    gateway = Bus(ServiceName.GATEWAY, MemoryTransport(hub))
    asking = ApplyCatalog(tenant="acme", document=document())
    for turn in range(2):
        bus = Bus(ServiceName.CATALOG, MemoryTransport(hub))
        async with CATALOG.compose(settings, bus) as service:
            assert {h.request for h in service.handlers} == {r for r in REQUESTS if r.owner == service.name}
            await service.ready["database"]()
            for handler in service.handlers:
                await bus.serve(handler)
            if not turn:
                with pytest.raises(UnavailableError, match="crm"):
                    await gateway.request(APPLY_CATALOG, asking)
                await adapters.serve(Handler(DISCOVER_TOOLS, Upstreams(), routes=(("default", "openapi"),)))
            applied = await gateway.request(APPLY_CATALOG, asking)
            assert len(applied.changes) == (0 if turn else 2)
            page = await gateway.request(GET_CHANGES, ChangesAsked())
            assert [one.name for one in page.tools] == ["crm__get"]
            await bus.close()
