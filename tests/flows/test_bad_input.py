"""Bad input: each is told in plain words that name the place, and nothing is left half done."""

import asyncio
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import pytest
from mcp.shared.exceptions import MCPError

from executor_cli.errors import CommandError
from executor_shared.document import DocumentError
from executor_shared.settings import DatabaseSettings
from executor_shared.testing.bus_fixtures import Nats
from tests.flows.conftest import crm_at, people, place
from tests.flows.house import House, serving
from tests.flows.odd import Odd, misbehaving
from tests.flows.secrecy import dump, rows
from tests.upstreams import crm, sdk_http
from tests.upstreams.process import free_port

pytestmark = pytest.mark.connected

KEY, TOKEN = "bad-input-key-3311", "bad-input-token-7788"
_MIB = 1024 * 1024
_KEPT = ("catalog.", "policy.rule", "policy.principal", "policy.api_key")
_CREDENTIALS = "SELECT tenant, ref, version, origin, method, digest FROM vault_broker.credential_version"
_BOXES = "SELECT tenant, ref, version, box FROM vault_broker.sealed_record WHERE box IS NOT NULL"


@pytest.fixture(scope="module")
def odd() -> Generator[Odd]:
    with misbehaving() as server:
        yield server


@dataclass(frozen=True)
class Strict:
    """A house of short patience, with a customer API and an MCP server behind it."""

    house: House
    document: str

    async def refuses(self, text: str, status: int, *words: str, **secrets: str) -> dict[str, Any]:
        """The document is refused in these words, and everything is as it was."""
        before = await self.stands()
        response = await self.house.apply(text, **secrets)
        problem = response.json()
        assert response.status_code == status, response.text
        told = f"{problem['detail']} {problem.get('details')}"
        for word in words:
            assert word in told, told
        assert await self.stands() == before
        return problem

    async def sends(self, text: str, status: int, *words: str) -> None:
        """As `refuses`, but without what the command line checks first."""
        async with self.house.rest() as rest:
            body = {"documents": [{"text": f"apiVersion: executor/v1\n{text}"}]}
            response = await rest.send("POST", "config/apply", body)
        assert response.status_code == status, response.text
        for word in words:
            assert word in response.text

    async def stands(self) -> tuple[object, ...]:
        """The configuration, every row behind it, and every credential that could be leased."""
        async with self.house.rest() as rest:
            exported = await rest.config()
        database = self.house.database
        credentials = [await rows(database, query) for query in (_CREDENTIALS, _BOXES)]
        return exported, await dump(database, _KEPT), *credentials


@pytest.fixture(scope="module")
def strict(
    tmp_path_factory: pytest.TempPathFactory, module_nats: Nats, module_database: DatabaseSettings
) -> Generator[Strict]:
    folder = tmp_path_factory.mktemp("strict")
    patience = {"EXECUTOR_GATEWAY__CALL_TIMEOUT": "2", "EXECUTOR_ADAPTERS__DISCOVERY_TIMEOUT": "2"}
    with (
        crm(KEY) as customers,
        sdk_http(TOKEN) as notes,
        serving(folder, module_nats, module_database, patience) as house,
    ):
        document = f"""
integrations:
{crm_at("crm", customers.url, folder)}
  - slug: notes
    kind: mcp
    mcp: {{url: "{notes.url}"}}
    network: {{allow: ["{place(notes.url)}"]}}
    auth: [{{name: token, type: bearer}}]
connections:
  - {{integration: crm, name: main, owner: org, credential: {{env: CRM_SECRET}}}}
  - {{integration: notes, name: main, owner: org, credential: {{env: NOTES_SECRET}}}}
"""
        asyncio.run(people(house))
        asyncio.run(house.applied(document, CRM_SECRET=KEY, NOTES_SECRET=TOKEN))
        yield Strict(house, document)


def _described(slug: str = "new", spec: str = "./new.yaml", more: str = "") -> str:
    """A new integration with a connection that brings a credential, and a rule about it."""
    return f"""
integrations:
  - slug: {slug}
    kind: openapi
    openapi: {{spec: "{spec}", server: "http://127.0.0.1:9"}}
    network: {{allow: ["127.0.0.1:9"{more}]}}
    auth: [{{name: key, type: api_key, in: header, key: X-Key}}]
connections:
  - {{integration: {slug}, name: main, owner: org, credential: {{env: NEW_SECRET}}}}
policies:
  - {{name: about {slug}, scope: org, match: {{tool: {slug}.org.main.*}}, effect: block}}
"""


async def test_a_description_that_cannot_be_parsed_is_refused_with_its_line(strict: Strict):
    (strict.house.folder / "new.yaml").write_text("openapi: 3.1.0\ninfo:\n  title: x\n  - broken: [\n")
    problem = await strict.refuses(_described(), 422, "new", "line 4", NEW_SECRET="s")
    assert problem["code"] == "description_invalid"


async def test_a_swagger_description_is_refused_with_the_way_out(strict: Strict):
    (strict.house.folder / "new.yaml").write_text(
        'swagger: "2.0"\ninfo: {title: x, version: "1"}\npaths: {}\n'
    )
    problem = await strict.refuses(_described(), 422, "new", "Swagger 2.0", "3.0", "Convert", NEW_SECRET="s")
    assert problem["code"] == "description_invalid"


async def test_what_was_refused_is_taken_once_it_is_right(strict: Strict):
    (strict.house.folder / "new.yaml").write_text(_TREE.replace("3.1.0", "9.9"))
    await strict.refuses(_described(), 422, "new", "9.9", NEW_SECRET="s")
    (strict.house.folder / "new.yaml").write_text(_TREE)
    applied = await strict.house.applied(_described(), NEW_SECRET="s")
    assert {(change["noun"], change["action"]) for change in applied["changes"]} == {
        ("integration", "create"),
        ("connection", "create"),
        ("policy", "create"),
    }
    await _away(strict, "integrations/new", "policies/about%20new")


async def test_a_description_of_50_mib_is_refused_with_its_bound(strict: Strict):
    (strict.house.folder / "new.yaml").write_text("# padding\n" * (50 * _MIB // 10))
    await strict.refuses(_described(), 413, "new.yaml", "32 MiB", NEW_SECRET="s")


async def test_a_fetched_description_of_50_mib_is_cut_off_at_its_bound(strict: Strict, odd: Odd):
    more = f', "{place(odd.url)}"'
    text = _described(spec=f"{odd.url}/large", more=more)
    await strict.refuses(text, 502, "new", "larger than", NEW_SECRET="s")


async def test_a_description_with_circular_references_works(strict: Strict):
    (strict.house.folder / "tree.yaml").write_text(_TREE)
    text, _, _ = _described("tree", "./tree.yaml").partition("policies:")
    await strict.house.applied(text, NEW_SECRET="s")
    deep = {"children": [{"children": [{"children": []}]}]}
    async with strict.house.agent() as agent:
        answer = await agent.call("tree__trees_addTree", {"body": deep})
        assert answer.outcome == "approval_required", answer.text
        answer = await agent.call("tree__trees_addTree", {"body": {"children": [{"children": [5]}]}})
        assert answer.code == "invalid_tool_arguments"
    await _away(strict, "integrations/tree")


async def _away(strict: Strict, *paths: str) -> None:
    async with strict.house.rest() as rest:
        for path in paths:
            assert (await rest.send("DELETE", path)).status_code in {200, 204}


_TREE = """
openapi: 3.1.0
info: {title: Trees, version: "1"}
paths:
  /trees:
    post:
      operationId: addTree
      requestBody: {content: {application/json: {schema: {$ref: "#/components/schemas/Tree"}}}}
      responses: {"200": {description: ok, content: {application/json: {schema: {$ref: "#/components/schemas/Tree"}}}}}
components:
  schemas:
    Tree:
      type: object
      properties:
        children: {type: array, items: {$ref: "#/components/schemas/Tree"}}
        parent: {$ref: "#/components/schemas/Tree"}
"""


async def test_a_slug_that_stands_twice_is_refused_with_both_lines(strict: Strict):
    before = await strict.stands()
    one = '  - {slug: same, kind: graphql, graphql: {url: "https://example.com/graphql"}}\n'
    with pytest.raises(DocumentError, match="same") as refused:
        await strict.house.apply(f"integrations:\n{one}{one}")
    assert "line" in str(refused.value) or ":4" in str(refused.value)
    assert await strict.stands() == before


async def test_a_slug_that_exists_is_not_taken_over_while_a_connection_uses_it(strict: Strict):
    text = 'integrations: [{slug: notes, kind: graphql, graphql: {url: "https://example.com/graphql"}}]\n'
    await strict.refuses(text, 400, "integrations[0].auth", "notes/org/main", "token", "same document")


async def test_a_slug_that_looks_like_one_that_exists_is_refused(strict: Strict):
    text = 'integrations: [{slug: n0tes, kind: graphql, graphql: {url: "https://example.com/graphql"}}]\n'
    await strict.refuses(text, 400, "integrations[0].slug", "looks like 'notes'", "another slug")


@pytest.mark.parametrize("kind", ["soap", "OpenAPI"])
async def test_an_unknown_kind_is_refused_with_those_that_are_known(strict: Strict, kind: str):
    before = await strict.stands()
    text = f"integrations:\n  - {{slug: new, kind: {kind}}}\n"
    with pytest.raises(DocumentError, match="kind") as refused:
        await strict.house.apply(text)
    for word in (":3", "openapi", "mcp", "graphql"):
        assert word in str(refused.value)
    await strict.sends(text, 400, ":3: integrations[0].kind", "openapi", "mcp", "graphql")
    assert await strict.stands() == before


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "connections:\n  - {integration: nowhere, name: main, owner: org}\n",
            (":3: connections[0].integration", "nowhere", "known: crm, notes"),
        ),
        (
            "connections:\n  - {integration: crm, name: two, owner: org, auth: oauth}\n",
            (":3: connections[0].auth", "no such method", "accepted: apiKey"),
        ),
        (
            "policies:\n  - {name: x, scope: 'toolkit:nowhere', match: {tool: a.b.c.d}, effect: block}\n",
            (":3: policies[0].scope", "nowhere", "known: none yet"),
        ),
    ],
    ids=["integration", "auth method", "toolkit"],
)
async def test_a_reference_that_leads_nowhere_is_named(strict: Strict, text: str, words: tuple[str, ...]):
    await strict.refuses(text, 400, *words)


@pytest.mark.parametrize("kind", ["openapi", "mcp", "graphql"])
async def test_a_private_address_that_is_not_allowed_is_refused(strict: Strict, odd: Odd, kind: str):
    block = {"openapi": "spec"}.get(kind, "url")
    text = f"""
integrations:
  - {{slug: inside, kind: {kind}, {kind}: {{{block}: "{odd.url}/large"}}, auth: [{{name: token, type: bearer}}]}}
connections:
  - {{integration: inside, name: main, owner: org, credential: {{env: NEW_SECRET}}}}
policies:
  - {{name: about inside, scope: org, match: {{tool: inside.org.main.*}}, effect: block}}
"""
    problem = await strict.refuses(text, 422, "inside", "127.0.0.1", "network.allow", NEW_SECRET="s")
    assert problem["code"] == "egress_refused"


@pytest.mark.parametrize("kind", ["mcp", "graphql"])
async def test_an_upstream_that_cannot_be_reached_is_named(strict: Strict, kind: str):
    port = free_port()
    text = f"""
integrations:
  - {{slug: gone, kind: {kind}, {kind}: {{url: "http://127.0.0.1:{port}/x"}}, network: {{allow: ["127.0.0.1:{port}"]}},
     auth: [{{name: token, type: bearer}}]}}
connections:
  - {{integration: gone, name: main, owner: org, credential: {{env: NEW_SECRET}}}}
policies:
  - {{name: about gone, scope: org, match: {{tool: gone.org.main.*}}, effect: block}}
"""
    problem = await strict.refuses(text, 502, "gone", "cannot be reached", NEW_SECRET="s")
    assert problem["code"] == "upstream_unreachable"


async def test_a_call_to_an_upstream_that_is_gone_is_told_as_not_executed(strict: Strict):
    port = free_port()
    far = crm_at("far", f"http://127.0.0.1:{port}", strict.house.folder)
    connection = "  - {integration: far, name: main, owner: org, credential: {env: NEW_SECRET}}\n"
    await strict.house.applied(f"integrations:\n{far}connections:\n{connection}", NEW_SECRET="s")
    async with strict.house.agent() as agent:
        answer = await agent.call("far__customers_list")
    assert (answer.outcome, answer.code) == ("not_executed", "upstream_unreachable")
    async with strict.house.rest() as rest:
        assert (await rest.send("DELETE", "integrations/far")).status_code in {200, 204}


@pytest.mark.parametrize("kind", ["openapi", "mcp", "graphql"])
async def test_an_upstream_that_does_not_answer_is_given_up_in_time(strict: Strict, odd: Odd, kind: str):
    block = {"openapi": "spec"}.get(kind, "url")
    text = f"""
integrations:
  - {{slug: slow, kind: {kind}, {kind}: {{{block}: "{odd.url}/slow"}}, network: {{allow: ["{place(odd.url)}"]}},
     auth: [{{name: token, type: bearer}}]}}
connections:
  - {{integration: slow, name: main, owner: org, credential: {{env: NEW_SECRET}}}}
"""
    async with asyncio.timeout(20):
        problem = await strict.refuses(text, 504, "slow", "did not answer", NEW_SECRET="s")
    assert problem["code"] == "upstream_timeout"


async def test_a_call_that_is_not_answered_ends_at_its_deadline_as_unknown(strict: Strict):
    async with strict.house.agent() as agent, asyncio.timeout(20):
        answer = await agent.call("notes__wait_for_ever")
    assert answer.outcome == "unknown"
    assert answer.code in {"deadline_exceeded", "upstream_timeout"}
    assert answer.facts["id"] in answer.text


async def test_a_wrong_credential_is_refused_and_the_right_one_stays(strict: Strict):
    wrong = {"CRM_SECRET": KEY, "NOTES_SECRET": "wrong"}
    problem = await strict.refuses(strict.document, 502, "notes", "credential", **wrong)
    assert problem["code"] == "connection_rejected"
    async with strict.house.agent() as agent:
        assert (await agent.call("notes__echo", {"text": "still here"})).outcome == "ok"


async def test_a_credential_that_the_upstream_refuses_at_a_call_is_told(strict: Strict):
    await strict.house.applied(strict.document, CRM_SECRET="wrong", NOTES_SECRET=TOKEN)
    async with strict.house.agent() as agent:
        answer = await agent.call("crm__customers_list")
        assert (answer.outcome, answer.code) == ("tool_error", "connection_rejected")
        await strict.house.applied(strict.document, CRM_SECRET=KEY, NOTES_SECRET=TOKEN)
        assert (await agent.call("crm__customers_list")).outcome == "ok"


async def test_a_secret_that_is_not_there_is_named(strict: Strict):
    before = await strict.stands()
    with pytest.raises((DocumentError, CommandError), match="FLOWS_MISSING"):
        await strict.house.apply("principals: [{subject: x, key: {env: FLOWS_MISSING}}]\n")
    assert await strict.stands() == before


async def test_an_unknown_key_of_a_document_is_named_with_its_line(strict: Strict):
    before = await strict.stands()
    with pytest.raises(DocumentError, match="colour") as refused:
        await strict.house.apply("principals:\n  - {subject: x, colour: red}\n")
    assert "3" in str(refused.value)
    assert await strict.stands() == before


@pytest.mark.parametrize(
    ("tool", "arguments", "word"),
    [
        ("crm__customers_list", {"colour": "red"}, "colour"),
        ("crm__customers_list", {"limit": "many"}, "limit"),
        ("crm__customers_get", {}, "id"),
        ("crm__customers_create", {"body": {"name": ""}}, "name"),
        ("notes__echo", {}, "text"),
    ],
)
async def test_arguments_that_do_not_fit_are_named(
    strict: Strict, tool: str, arguments: dict[str, Any], word: str
):
    async with strict.house.agent() as agent:
        answer = await agent.call(tool, arguments)
    assert (answer.outcome, answer.code) == ("not_executed", "invalid_tool_arguments")
    assert word in answer.text
    assert "Nothing was executed" in answer.text


async def test_an_unknown_tool_is_told(strict: Strict):
    async with strict.house.agent() as agent:
        with pytest.raises(MCPError, match="nothing_here"):
            await agent.call("crm__nothing_here")
