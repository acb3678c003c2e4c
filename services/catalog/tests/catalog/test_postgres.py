"""What only a real PostgreSQL can show."""

import asyncio
import time

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from executor_catalog.domain.ports import StaleStateError
from executor_catalog.domain.state import Write
from executor_catalog.storage import PostgresStore
from executor_catalog.storage.rows import metadata
from executor_shared.contracts.catalog import ChangesAsked, Toolkit
from executor_shared.db import Database

from .house import House, build, document, tool

pytestmark = pytest.mark.connected


async def test_reader_never_misses_a_revision_under_concurrent_writes(db: Database):
    store = PostgresStore(db)
    done = asyncio.Event()
    seen: dict[tuple[str, str], int] = {}

    async def write(tenant: str) -> None:
        for n in range(15):
            state = await store.state(tenant)
            kits = [Toolkit(tenant=tenant, slug=f"kit-{n}-{m}", revision=0) for m in range(3)]
            await store.write(tenant, state.version, Write(toolkits=kits))

    async def read() -> int:
        after = 0
        while True:
            last = done.is_set()
            page = await store.changes(after, facts_only=True, max_bytes=5_000)
            for kit in page.toolkits:
                assert kit.revision > after
                seen[kit.tenant, kit.slug] = kit.revision
            after = page.upto
            if last and not page.more:
                return after

    reading = asyncio.create_task(read())
    await asyncio.gather(*(write(f"tenant-{n}") for n in range(3)))
    done.set()
    assert await reading == 3 * 15 * 3
    assert sorted(seen.values()) == list(range(1, 136))


async def test_second_writer_on_the_same_state_is_told_to_read_again(db: Database):
    store = PostgresStore(db)
    state = await store.state("acme")

    def kit(slug: str) -> Write:
        return Write(toolkits=[Toolkit(tenant="acme", slug=slug, revision=0)])

    results = await asyncio.gather(
        *(store.write("acme", state.version, kit(f"kit-{n}")) for n in range(4)), return_exceptions=True
    )
    assert sum(isinstance(one, StaleStateError) for one in results) == 3
    assert len((await store.state("acme")).toolkits) == 1


async def test_concurrent_applies_all_take_place_and_ask_nobody_twice(db: Database):
    house = build(PostgresStore(db))
    slugs = ["a", "b", "c", "d"]
    await asyncio.gather(*(house.apply(document(slug)) for slug in slugs))
    state = await house.store.state("acme")
    assert sorted(state.integrations) == slugs
    assert sorted(house.upstreams.found_tools()) == slugs
    names = [one.name for one in state.tools]
    assert len(names) == len(set(names)) == 4


async def test_large_description_is_imported_quickly(postgres_house: House):
    properties = {f"field{n}": {"type": "string", "description": "x" * 60} for n in range(40)}
    postgres_house.upstreams.tools["crm"] = [
        tool(f"repos.op{n}", inputSchema={"type": "object", "properties": properties}) for n in range(1223)
    ]
    started = time.perf_counter()
    await postgres_house.apply(document(source="y" * 10_000_000))
    took = time.perf_counter() - started
    pages = await postgres_house.all_changes()
    assert sum(len(page.tools) for page in pages) == 1223
    assert took < 5, f"{took:.2f} s"  # far above what it takes on an idle machine, for busy ones


async def test_text_of_a_description_is_kept_compressed(postgres_house: House, db: Database):
    source = "openapi: 3.1.0\n" * 100_000
    await postgres_house.apply(document(source=source))
    async with db.transaction() as tx:
        stored, size = (await tx.execute(text("SELECT octet_length(body), size FROM sources"))).one()
    assert size == len(source)
    assert stored < size / 10
    assert await postgres_house.store.source("acme", "crm") == source


async def test_database_that_refuses_a_row_is_left_as_it_was(postgres_house: House, db: Database):
    await postgres_house.apply(document())
    before = await postgres_house.use.changes(ChangesAsked())
    async with db.transaction() as tx:
        await tx.execute(text("ALTER TABLE toolkits ADD CONSTRAINT nobody CHECK (slug <> 'kit')"))
    state = await postgres_house.store.state("acme")
    wanted = Write(
        integrations=list(state.integrations.values()),
        toolkits=[Toolkit(tenant="acme", slug="kit", revision=0)],
    )
    with pytest.raises(Exception, match="nobody"):
        await postgres_house.store.write("acme", state.version, wanted)
    assert await postgres_house.use.changes(ChangesAsked()) == before


async def test_history_leads_to_the_tables_of_the_code(db: Database):
    def differences(connection: Connection) -> list[object]:
        def ours(name: str | None, kind: str, _parents: object) -> bool:
            return kind != "table" or name in metadata.tables

        context = MigrationContext.configure(connection, opts={"include_name": ours})
        return [one for one in compare_metadata(context, metadata) if "comment" not in str(one)]

    async with db.transaction() as tx:
        assert await tx.run_sync(differences) == []
