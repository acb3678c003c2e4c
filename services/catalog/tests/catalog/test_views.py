"""Views that follow the catalog over the bus come to the same, whatever is lost on the way."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import msgspec

from executor_catalog.bus import handlers
from executor_catalog.clients.adapters import BusDiscovery
from executor_catalog.clients.announcer import BusAnnouncer
from executor_catalog.compose import use_cases
from executor_catalog.settings import CatalogBlock
from executor_shared.bus import Bus, Handler, MemoryHub, MemoryTransport
from executor_shared.contracts.adapters import DISCOVER_TOOLS
from executor_shared.contracts.base import ServiceName
from executor_shared.contracts.catalog import APPLY_CATALOG, ApplyCatalog, CatalogDocument
from executor_shared.contracts.vocabulary import Principal
from executor_shared.views import CatalogView, Follower

from .house import House, Upstreams, document, tool

ALICE = Principal(tenant="acme", subject="alice", person="alice")


@dataclass
class Watcher:
    """A view with the transport it follows over."""

    view: CatalogView
    follower: Follower
    transport: MemoryTransport

    def seen(self) -> dict[str, tuple[str, str]]:
        """Names to the hash of the definition and the address."""
        return {one.tool.name: (one.hash(), one.tool.address) for one in self.view.visible(ALICE)}


@asynccontextmanager
async def _following(hub: MemoryHub, service: ServiceName, *, facts_only: bool) -> AsyncGenerator[Watcher]:
    transport = MemoryTransport(hub)
    bus, view = Bus(service, transport), CatalogView()
    follower = Follower(bus, view, facts_only=facts_only)
    await bus.hear(follower.listener)
    await follower.start()
    try:
        yield Watcher(view, follower, transport)
    finally:
        await follower.stop()
        await bus.close()


async def _serve(hub: MemoryHub, house: House, upstreams: Upstreams) -> Bus:
    """The catalog and the adapters on the bus; returns the gateway's way in."""
    adapters = Bus(ServiceName.ADAPTERS, MemoryTransport(hub))
    await adapters.serve(Handler(DISCOVER_TOOLS, upstreams, routes=(("default", "openapi"),)))
    bus = Bus(ServiceName.CATALOG, MemoryTransport(hub))
    block = CatalogBlock()  # pyright: ignore[reportCallIssue]
    use = use_cases(house.store, BusDiscovery(bus), BusAnnouncer(bus), block)
    for handler in handlers(use):
        await bus.serve(handler)
    return Bus(ServiceName.GATEWAY, MemoryTransport(hub))


async def test_views_converge_after_concurrent_applies_and_lost_events(house: House, hub: MemoryHub):
    upstreams = Upstreams({slug: [tool(f"t{n}") for n in range(20)] for slug in ("a", "b", "c", "d")})
    gateway = await _serve(hub, house, upstreams)
    async with (
        _following(hub, ServiceName.GATEWAY, facts_only=False) as full,
        _following(hub, ServiceName.POLICY, facts_only=True) as facts,
    ):
        facts.transport.disconnect()  # what is said now is lost to it: it cannot pull
        applied = await asyncio.gather(
            *(
                gateway.request(APPLY_CATALOG, ApplyCatalog(tenant="acme", document=document(slug)))
                for slug in ("a", "b", "c", "d")
            )
        )
        facts.transport.reconnect()
        newest = max(one.revision for one in applied)
        for watcher in (full, facts):
            await watcher.follower.at_least(newest)
        assert len(full.seen()) == 80
        assert full.seen() == facts.seen()
        pruning = ApplyCatalog(tenant="acme", document=document("a"), prune=True)
        pruned = await gateway.request(APPLY_CATALOG, pruning)
        async with _following(hub, ServiceName.GATEWAY, facts_only=False) as late:
            for watcher in (full, facts):
                await watcher.follower.at_least(pruned.revision)
            assert len(late.seen()) == 20
            assert late.seen() == full.seen() == facts.seen()
            assert late.view.revision == pruned.revision


async def test_change_reaches_a_view_by_the_event_alone(memory_house: House, hub: MemoryHub):
    gateway = await _serve(hub, memory_house, Upstreams())
    bus, view, brought = Bus(ServiceName.POLICY, MemoryTransport(hub)), CatalogView(), asyncio.Event()
    follower = Follower(bus, view, changed=brought.set)
    await bus.hear(follower.listener)
    await follower.start()
    await gateway.request(APPLY_CATALOG, ApplyCatalog(tenant="acme", document=document()))
    await asyncio.wait_for(brought.wait(), 5)
    assert [one.tool.name for one in view.visible(ALICE)] == ["crm__get"]
    await follower.stop()


async def test_pages_are_bounded_and_in_order_and_complete(house: House):
    house.upstreams.tools["crm"] = [tool(f"t{n}", _meta={"fill": "x" * 20_000}) for n in range(300)]
    await house.apply(document())
    pages = await house.all_changes()
    assert len(pages) > 2
    revisions = [t.revision for page in pages for t in page.tools]
    assert revisions == sorted(revisions)
    assert len(revisions) == 300
    assert all(len(msgspec.json.encode(page)) < 3 * 1024 * 1024 for page in pages)
    facts = await house.all_changes(facts_only=True)
    assert len(facts) == 1
    assert {bytes(t.definition) for t in facts[0].tools} == {b""}
    assert facts[0].tools[0].public_digest


async def test_removed_records_reach_views_as_tombstones(house: House):
    await house.apply(document())
    view = CatalogView()
    for page in await house.all_changes():
        view.apply(page)
    before = view.revision
    await house.apply(CatalogDocument(), prune=True)
    for page in await house.all_changes(before):
        view.apply(page)
    assert list(view.visible(ALICE)) == []
    assert view.integrations("acme") == view.connections("acme") == []
