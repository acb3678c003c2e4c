"""No statement reaches into another tenant, whatever it is asked for under."""

from dataclasses import replace

from executor_catalog.domain.state import Write
from executor_shared.contracts.catalog import CatalogDocument, ChangesAsked

from .house import House, document, tool


async def test_same_definition_in_two_tenants_is_two_records_and_kept_apart(house: House):
    for tenant in ("acme", "rival"):
        await house.apply(document(), tenant=tenant)
    page = await house.use.changes(ChangesAsked())
    assert sorted(one.tenant for one in page.tools) == ["acme", "rival"]
    (known,) = (await house.store.state("acme")).tools
    marks = frozenset({known.accepted})
    await house.apply(CatalogDocument(), tenant="acme", prune=True)
    assert await house.store.definitions("acme", marks) == {}
    assert set(await house.store.definitions("rival", marks)) == marks


async def test_definitions_of_a_tenant_outlive_the_writes_of_another(house: House):
    await house.apply(document(), tenant="acme")
    house.upstreams.tools["crm"] = [tool("other")]
    await house.apply(document(), tenant="rival")
    assert bytes((await house.tools("acme"))["get"].definition)
    (theirs,) = (await house.store.state("rival")).tools
    assert await house.store.definitions("acme", frozenset({theirs.accepted})) == {}


async def test_record_written_under_the_id_of_another_tenant_does_not_touch_it(house: House):
    await house.apply(document(), tenant="acme")
    state = await house.store.state("acme")
    (known,) = state.tools
    rival = await house.store.state("rival")
    taken = replace(known, name="taken", accepted="", removed=True)
    await house.store.write("rival", rival.version, Write(tools=[taken]))
    assert await house.store.state("acme") == replace(state, revision=state.revision + 1)
