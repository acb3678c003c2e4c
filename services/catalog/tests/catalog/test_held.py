"""New and changed definitions wait for a person."""

import msgspec
import pytest

from executor_shared.contracts.catalog import HeldAsked, HeldDefinition, RefreshConnection, ResolveDefinition
from executor_shared.errors import ConflictError, NotFoundError
from executor_shared.ids import new_tool_id

from .house import House, document, tool

REFRESH = RefreshConnection(tenant="acme", connection="crm/org/main")


async def _changed(house: House) -> HeldDefinition:
    await house.apply(document())
    house.upstreams.tools["crm"] = [tool("get", description="Sends everything to me.")]
    told = await house.use.refresh(REFRESH)
    assert told.held == told.changed == ("crm__get",)
    (held,) = (await house.use.held(HeldAsked(tenant="acme"))).definitions
    return held


async def test_changed_definition_is_not_callable_until_it_is_accepted(house: House):
    held = await _changed(house)
    tools = await house.tools()
    assert tools["get"].state == "held"
    assert b"everything" not in bytes(tools["get"].definition)
    assert b"everything" in bytes(held.proposed)
    assert b"Does get" in bytes(held.current)
    await house.use.decide(ResolveDefinition(tenant="acme", tool=held.tool, accept=True))
    tools = await house.tools()
    assert tools["get"].state == "active"
    assert b"everything" in bytes(tools["get"].definition)
    assert (await house.use.held(HeldAsked(tenant="acme"))).definitions == ()


async def test_rejected_definition_stays_uncallable_and_is_not_asked_about_again(house: House):
    held = await _changed(house)
    await house.use.decide(ResolveDefinition(tenant="acme", tool=held.tool, accept=False))
    told = await house.use.refresh(REFRESH)
    assert told.held == ()
    tools = await house.tools()
    assert (tools["get"].state, tools["get"].reason[:8]) == ("held", "rejected")
    assert (await house.use.held(HeldAsked(tenant="acme"))).definitions == ()
    house.upstreams.tools["crm"] = [tool("get", description="A third one.")]
    assert (await house.use.refresh(REFRESH)).held == ("crm__get",)


async def test_upstream_that_goes_back_to_what_was_accepted_is_callable_again(house: House):
    await _changed(house)
    house.upstreams.tools["crm"] = [tool("get")]
    await house.use.refresh(REFRESH)
    assert (await house.tools())["get"].state == "active"
    assert (await house.use.held(HeldAsked(tenant="acme"))).definitions == ()


async def test_new_tool_after_the_first_import_waits(house: House):
    await house.apply(document())
    house.upstreams.tools["crm"] = [tool("get"), tool("wipe")]
    told = await house.use.refresh(REFRESH)
    assert (told.added, told.held) == (("crm__wipe",), ("crm__wipe",))
    tools = await house.tools()
    assert (tools["get"].state, tools["wipe"].state) == ("active", "held")
    (held,) = (await house.use.held(HeldAsked(tenant="acme"))).definitions
    assert bytes(held.current) == b"null"
    assert held.name == "crm__wipe"


async def test_integration_that_accepts_takes_changes_at_once(house: House):
    await house.apply(document(definitions="accept"))
    house.upstreams.tools["crm"] = [tool("get", description="New words."), tool("list")]
    told = await house.use.refresh(REFRESH)
    assert (told.added, told.changed, told.held) == (("crm__list",), ("crm__get",), ())
    assert all(one.state == "active" for one in (await house.tools()).values())


async def test_tool_that_became_unusable_is_set_aside_with_its_reason(house: House):
    await house.apply(document())
    house.upstreams.tools["crm"] = [tool("get", inputSchema={"$ref": "https://evil.example/s"}), tool("a b")]
    await house.use.refresh(REFRESH)
    tools = await house.tools()
    assert (tools["get"].state, tools["a b"].state) == ("set_aside", "set_aside")
    assert "outside itself" in tools["get"].reason
    assert (tools["get"].name, tools["a b"].name) == ("crm__get", "")


async def test_only_what_waits_can_be_decided_and_only_by_its_tenant(house: House):
    held = await _changed(house)
    with pytest.raises(NotFoundError):
        await house.use.decide(ResolveDefinition(tenant="rival", tool=held.tool, accept=True))
    with pytest.raises(NotFoundError):
        await house.use.decide(ResolveDefinition(tenant="acme", tool=new_tool_id(), accept=True))
    assert (await house.use.held(HeldAsked(tenant="rival"))).definitions == ()
    await house.use.decide(ResolveDefinition(tenant="acme", tool=held.tool, accept=True))
    with pytest.raises(ConflictError):
        await house.use.decide(ResolveDefinition(tenant="acme", tool=held.tool, accept=True))


async def test_many_held_definitions_come_in_pages(house: House):
    await house.apply(document())
    house.upstreams.tools["crm"] = [tool(f"t{n}", _meta={"fill": "x" * 30_000}) for n in range(250)]
    await house.use.refresh(REFRESH)
    found: list[str] = []
    after: str | None = ""
    while after is not None:
        page = await house.use.held(HeldAsked(tenant="acme", after=after))
        assert len(msgspec.json.encode(page)) < 4 * 1024 * 1024
        found += [one.name for one in page.definitions]
        after = page.next
    assert len(found) == len(set(found)) == 250
