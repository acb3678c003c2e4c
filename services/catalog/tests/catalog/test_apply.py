"""Applying documents: all of it or nothing, the same twice, and what falls with what."""

import msgspec
import pytest

from executor_shared.contracts.catalog import (
    CatalogDocument,
    ChangesAsked,
    ConnectionSpec,
    ExportAsked,
    RefreshConnection,
    Removal,
    ToolkitSpec,
)
from executor_shared.contracts.vocabulary import AuthMethod
from executor_shared.errors import (
    ConflictError,
    ExecutorError,
    InvalidRequestError,
    NotAvailableYetError,
    NotFoundError,
    TooLargeError,
    UpstreamError,
)

from .house import House, document, integration, tool


async def test_document_becomes_integrations_connections_and_tools(house: House):
    house.upstreams.tools["crm"] = [tool("customers.get"), tool("customers.delete")]
    applied = await house.apply(document())
    assert [(c.action, c.noun, c.key) for c in applied.changes] == [
        ("create", "integration", "crm"),
        ("create", "connection", "crm/org/main"),
    ]
    assert applied.resolved[0].origin == "https://crm.example:443"
    assert applied.tools[0].added == ("crm__customers_delete", "crm__customers_get")
    tools = await house.tools()
    assert tools["customers.get"].address == "crm.org.main.customers.get"
    assert tools["customers.get"].state == "active"
    page = await house.use.changes(ChangesAsked())
    assert page.upto == applied.revision == house.heard.revisions[-1]
    assert page.integrations[0].name == "Title of crm"
    assert msgspec.json.decode(page.tools[0].definition)["name"] in {"customers.get", "customers.delete"}


async def test_same_document_twice_changes_nothing_and_asks_nobody(house: House):
    wanted = document("crm", "mail")
    first = await house.apply(wanted)
    asked = len(house.upstreams.asked)
    again = await house.apply(wanted)
    assert again.changes == ()
    assert again.revision == first.revision
    assert len(house.upstreams.asked) == asked
    assert len(house.heard.revisions) == 1
    assert [one.slug for one in again.resolved] == ["crm", "mail"]


async def test_failed_discovery_changes_nothing(house: House):
    await house.apply(document("crm"))
    before = await house.use.changes(ChangesAsked())
    house.upstreams.failing["mail"] = UpstreamError("It does not answer.", sent=False)
    with pytest.raises(UpstreamError, match="'mail'"):
        await house.apply(document("crm", "mail", name="New name"))
    assert await house.use.changes(ChangesAsked()) == before


async def test_dry_run_tells_the_plan_and_writes_nothing(house: House):
    told = await house.apply(document("crm"), dry_run=True)
    assert [c.action for c in told.changes] == ["create", "create"]
    assert told.resolved[0].auth[0].name == "api-key"
    assert house.upstreams.found_tools() == []
    assert (await house.use.changes(ChangesAsked())).upto == 0


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        (CatalogDocument(integrations=(integration(), integration())), "integrations[1].slug"),
        (CatalogDocument(integrations=(integration("Crm"),)), "integrations[0].slug"),
        (CatalogDocument(integrations=(integration("executor"),)), "integrations[0].slug"),
        (CatalogDocument(integrations=(integration("gateway"),)), "integrations[0].slug"),
        (CatalogDocument(integrations=(integration("crm-0"), integration("crm-o"))), "integrations[1].slug"),
        (
            CatalogDocument(integrations=(msgspec.structs.replace(integration(), kind="soap"),)),
            "integrations[0].kind",
        ),
        (
            CatalogDocument(connections=(ConnectionSpec(integration="gone", name="main"),)),
            "connections[0].integration",
        ),
        (
            CatalogDocument(
                integrations=(integration(),),
                connections=(ConnectionSpec(integration="crm", name="main", auth="oauth"),),
            ),
            "connections[0].auth",
        ),
        (
            CatalogDocument(
                integrations=(integration(),),
                connections=(ConnectionSpec(integration="crm", name="a.b"),),
            ),
            "connections[0].name",
        ),
        (
            CatalogDocument(
                integrations=(integration(),),
                connections=(ConnectionSpec(integration="crm", name="main", owner="everyone"),),
            ),
            "connections[0].owner",
        ),
        (
            CatalogDocument(
                integrations=(integration(),),
                connections=(
                    ConnectionSpec(integration="crm", name="main"),
                    ConnectionSpec(integration="crm", name="main"),
                ),
            ),
            "connections[1].name",
        ),
        (CatalogDocument(toolkits=(ToolkitSpec(slug="kit", tools=("crm.ma*",)),)), "toolkits[0].tools[0]"),
    ],
)
async def test_wrong_document_names_the_field_and_changes_nothing(
    memory_house: House, wanted: CatalogDocument, field: str
):
    with pytest.raises(InvalidRequestError) as caught:
        await memory_house.apply(wanted)
    assert caught.value.details["field"] == field
    assert (await memory_house.use.changes(ChangesAsked())).upto == 0


async def test_surface_that_is_not_built_says_so(memory_house: House):
    with pytest.raises(NotAvailableYetError):
        await memory_house.apply(CatalogDocument(toolkits=(ToolkitSpec(slug="kit", surface="code"),)))


async def test_description_beyond_the_bound_is_too_large(memory_house: House):
    with pytest.raises(TooLargeError, match="32 MB"):
        await memory_house.apply(document(source="x" * (32 * 1024 * 1024 + 1)))


async def test_credential_takes_the_only_method_of_its_integration(house: House):
    spec = ConnectionSpec(integration="crm", name="main", credential="cred_a", credential_text={"env": "KEY"})
    wanted = CatalogDocument(integrations=(integration(),), connections=(spec,))
    await house.apply(wanted)
    page = await house.use.changes(ChangesAsked())
    assert (page.connections[0].auth, page.connections[0].credential) == ("api-key", "cred_a")
    assert (await house.apply(wanted)).changes == ()
    without = msgspec.structs.replace(spec, credential=None)
    assert (await house.apply(msgspec.structs.replace(wanted, connections=(without,)))).changes == ()


async def test_credential_of_an_integration_with_two_methods_must_say_which(memory_house: House):
    memory_house.upstreams.auth["crm"] = (
        AuthMethod(name="one", type="api_key"),
        AuthMethod(name="two", type="bearer"),
    )
    spec = ConnectionSpec(integration="crm", name="main", credential="cred_a")
    with pytest.raises(InvalidRequestError, match="one, two"):
        await memory_house.apply(CatalogDocument(integrations=(integration(),), connections=(spec,)))


async def test_export_applied_again_changes_nothing(house: House):
    wanted = CatalogDocument(
        integrations=(integration(source="openapi: 3.1.0"), integration("mail", definitions="accept")),
        connections=(
            ConnectionSpec(
                integration="crm", name="main", credential="cred_a", credential_text={"env": "KEY"}
            ),
            ConnectionSpec(integration="mail", name="main", owner="team:support"),
        ),
        toolkits=(ToolkitSpec(slug="kit", tools=("crm.org.main.*",)),),
    )
    await house.apply(wanted)
    exported = await house.use.export(ExportAsked(tenant="acme"))
    assert exported.integrations == wanted.integrations
    assert exported.integrations[0].source == "openapi: 3.1.0"
    assert (await house.apply(exported, prune=True)).changes == ()


async def test_shared_kind_is_asked_once_for_all_connections(house: House):
    names = ("a", "b", "c")
    wanted = CatalogDocument(
        integrations=(integration(),),
        connections=tuple(ConnectionSpec(integration="crm", name=name) for name in names),
    )
    await house.apply(wanted)
    assert house.upstreams.found_tools() == ["crm"]
    page = await house.use.changes(ChangesAsked())
    assert {(t.address, t.name) for t in page.tools} == {
        ("crm.org.a.get", "crm__get"),
        ("crm.org.b.get", "crm-b__get"),
        ("crm.org.c.get", "crm-c__get"),
    }


async def test_kind_that_shares_nothing_is_asked_with_every_grant(memory_house: House):
    memory_house.upstreams.shared = False
    wanted = CatalogDocument(
        integrations=(integration(),),
        connections=tuple(
            ConnectionSpec(integration="crm", name=name, discovery=f"grant {name}") for name in ("a", "b")
        ),
    )
    await memory_house.apply(wanted)
    grants = [one.grant for one in memory_house.upstreams.asked if not one.target_only]
    assert sorted(filter(None, grants)) == ["grant a", "grant b"]


async def test_prune_takes_what_the_document_does_not_name_and_what_falls_with_it(house: House):
    kit = ToolkitSpec(slug="kit", tools=("crm.org.main.*",))
    await house.apply(msgspec.structs.replace(document("crm", "mail"), toolkits=(kit,)))
    applied = await house.apply(document("mail"), prune=True)
    assert {(c.action, c.noun, c.key) for c in applied.changes} == {
        ("delete", "integration", "crm"),
        ("delete", "connection", "crm/org/main"),
        ("delete", "toolkit", "kit"),
    }
    page = await house.use.changes(ChangesAsked())
    assert sorted(t.removed for t in page.tools) == [False, True]
    exported = await house.use.export(ExportAsked(tenant="acme"))
    assert [one.slug for one in exported.integrations] == ["mail"]


async def test_removed_connection_comes_back_with_its_ids_and_names(house: House):
    await house.apply(document())
    before = (await house.tools())["get"]
    await house.apply(CatalogDocument(), remove=Removal(connections=("crm/org/main",)))
    assert await house.tools() == {}
    await house.apply(document())
    after = (await house.tools())["get"]
    assert (after.id, after.name, after.connection) == (before.id, before.name, before.connection)
    assert bytes(after.definition) == bytes(before.definition)


async def test_removing_what_is_not_there_is_not_found(memory_house: House):
    with pytest.raises(NotFoundError):
        await memory_house.apply(CatalogDocument(), remove=Removal(integrations=("crm",)))


async def test_tenants_never_see_each_other(house: House):
    await house.apply(document("crm", source="ours"), tenant="acme")
    await house.apply(document("crm", source="theirs"), tenant="rival")
    theirs = (await house.tools("rival"))["get"]
    exported = await house.use.export(ExportAsked(tenant="acme"))
    assert exported.integrations[0].source == "ours"
    connection = theirs.connection
    with pytest.raises(NotFoundError):
        await house.use.refresh(RefreshConnection(tenant="acme", connection=connection))
    await house.apply(CatalogDocument(), tenant="rival", prune=True)
    assert (await house.tools("acme"))["get"].name == "crm__get"
    assert await house.tools("rival") == {}
    assert await house.use.export(ExportAsked(tenant="nobody")) == CatalogDocument()


async def test_refresh_keeps_the_tools_of_an_upstream_that_is_away(house: House):
    await house.apply(document())
    house.upstreams.failing["crm"] = UpstreamError("It does not answer.", sent=False)
    connection = (await house.tools())["get"].connection
    with pytest.raises(ExecutorError, match="does not answer"):
        await house.use.refresh(RefreshConnection(tenant="acme", connection=connection))
    assert "get" in await house.tools()


async def test_refresh_tells_what_changed(house: House):
    await house.apply(document(definitions="accept"))
    house.upstreams.tools["crm"] = [tool("list"), tool("bad name")]
    told = await house.use.refresh(RefreshConnection(tenant="acme", connection="crm/org/main"))
    assert (told.added, told.removed) == (("crm__list",), ("crm__get",))
    assert "A-Z" in told.set_aside["bad name"]
    again = await house.use.refresh(RefreshConnection(tenant="acme", connection="crm/org/main"))
    assert (again.added, again.changed, again.removed) == ((), (), ())


async def test_description_that_leads_elsewhere_is_not_followed(house: House):
    await house.apply(document())
    before = await house.use.changes(ChangesAsked())
    house.upstreams.origins["crm"] = "https://evil.example:443"
    with pytest.raises(ConflictError, match="evil"):
        await house.use.refresh(RefreshConnection(tenant="acme", connection="crm/org/main"))
    assert await house.use.changes(ChangesAsked()) == before


async def test_method_that_a_connection_uses_is_not_taken_away(house: House):
    spec = ConnectionSpec(integration="crm", name="main", auth="api-key", credential="cred_a")
    await house.apply(CatalogDocument(integrations=(integration(),), connections=(spec,)))
    other = integration(auth=(AuthMethod(name="other", type="bearer"),))
    with pytest.raises(InvalidRequestError, match="crm/org/main"):
        await house.apply(CatalogDocument(integrations=(other,)))
    moved = msgspec.structs.replace(spec, auth="other")
    applied = await house.apply(CatalogDocument(integrations=(other,), connections=(moved,)))
    assert [(c.noun, c.fields) for c in applied.changes] == [
        ("integration", ("auth",)),
        ("connection", ("auth",)),
    ]


async def test_changed_integration_is_asked_again_for_connections_beside_the_document(house: House):
    await house.apply(document(definitions="accept"))
    house.upstreams.tools["crm"] = [tool("list")]
    changed = msgspec.structs.replace(integration(definitions="accept"), config={"spec": "y"})
    applied = await house.apply(CatalogDocument(integrations=(changed,)))
    assert (applied.tools[0].added, applied.tools[0].removed) == (("crm__list",), ("crm__get",))


async def test_connection_with_a_credential_and_no_grant_keeps_its_tools(memory_house: House):
    memory_house.upstreams.shared = False
    spec = ConnectionSpec(integration="crm", name="main", credential="cred_a", discovery="grant")
    await memory_house.apply(CatalogDocument(integrations=(integration(),), connections=(spec,)))
    memory_house.upstreams.tools["crm"] = [tool("list")]
    changed = msgspec.structs.replace(integration(), config={"spec": "y"})
    applied = await memory_house.apply(CatalogDocument(integrations=(changed,)))
    assert applied.tools == ()
    assert list(await memory_house.tools()) == ["get"]


async def test_new_connection_of_an_integration_beside_the_document_uses_its_kept_description(house: House):
    await house.apply(document(source="the text"))
    spec = ConnectionSpec(integration="crm", name="spare")
    await house.apply(CatalogDocument(connections=(spec,)))
    assert house.upstreams.asked[-1].source == "the text"
    assert len((await house.use.changes(ChangesAsked())).tools) == 2


async def test_adapter_error_keeps_its_class_and_names_the_integration(memory_house: House):
    memory_house.upstreams.failing["crm"] = InvalidRequestError("spec is missing", details={"field": "spec"})
    with pytest.raises(InvalidRequestError) as caught:
        await memory_house.apply(document())
    assert caught.value.details == {"field": "spec", "integration": "crm"}
