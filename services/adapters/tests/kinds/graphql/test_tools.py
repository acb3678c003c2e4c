"""From a schema to tools: names, effects, inputs, default selections."""

from collections.abc import Callable
from typing import Any

import jsonschema_rs
import pytest
from services.adapters.tests.kinds.at_work import AtWork, leased, shown
from tests.upstreams import Running

from executor_shared.canonical import canonical
from executor_shared.errors import Code, DescriptionInvalidError, ExecutorError, UpstreamError

GraphQL = Callable[..., AtWork]
URL = "https://api.example.com/graphql"

SDL = """
scalar Json
enum Order { ASC DESC }
input Filter { and: [Filter!] not: Filter name: String order: Order = ASC extra: Json }
interface Node { id: ID! }
type Owner implements Node { id: ID! name: String! cats: [Cat!]! }
type Cat implements Node {
  id: ID! name(upper: Boolean): String age: Int owner: Owner friends: [Cat!] old: Int @deprecated
  photo(size: Int!): String ownerBy(id: ID!): Owner meta: Json order: Order
}
union Pet = Cat | Owner
type Query {
  cats(filter: Filter, ids: [ID!]! = [], limit: Int! = 5): [Cat!]!
  node(id: ID!): Node
  pet: Pet
  find(select: String): Cat
  count: Int!
}
type Mutation {
  createCat(name: String!): Cat  deleteCat(id: ID!): Boolean  RemoveAll: Boolean  undeleteCat(id: ID!): Cat
}
type Subscription { catAdded: Cat }
"""


async def schema_tools(graphql: GraphQL, sdl: str = SDL) -> AtWork:
    work = graphql({"url": URL}, source=sdl)
    await work.discover()
    return work


def inputs(work: AtWork, name: str) -> dict[str, Any]:
    return shown(work.tool(name).definition)["inputSchema"]


async def test_queries_and_mutations_become_tools_and_subscriptions_do_not(graphql: GraphQL):
    work = await schema_tools(graphql)
    assert work.found is not None
    assert {tool.own_name: tool.effect for tool in work.found.tools} == {
        "query.cats": "read",
        "query.node": "read",
        "query.pet": "read",
        "query.find": "read",
        "query.count": "read",
        "mutation.createCat": "write",
        "mutation.deleteCat": "destructive",
        "mutation.RemoveAll": "destructive",
        "mutation.undeleteCat": "write",
    }
    assert work.found.shared
    assert work.tool("query.cats").idempotent
    assert not work.tool("mutation.createCat").idempotent


async def test_recursive_inputs_end_and_are_checked(graphql: GraphQL):
    schema = inputs(await schema_tools(graphql), "query.cats")
    validator = jsonschema_rs.Draft202012Validator(schema)
    good = {
        "filter": {"and": [{"not": {"name": "x", "order": "ASC"}}], "extra": {"any": [1]}},
        "ids": ["1", 2],
    }
    assert validator.is_valid(good)
    assert validator.is_valid({"filter": None})
    assert validator.is_valid({})
    for bad in (
        {"filter": {"and": [{"not": {"nam": "x"}}]}},
        {"filter": {"order": "UP"}},
        {"limit": None},
        {"limit": 2**31},
        {"ids": [None]},
        {"more": 1},
    ):
        assert not validator.is_valid(bad), bad


async def test_required_arguments_are_required_and_defaults_are_not(graphql: GraphQL):
    work = await schema_tools(graphql)
    assert inputs(work, "query.node")["required"] == ["id"]
    assert "required" not in inputs(work, "query.cats")


@pytest.mark.parametrize(
    ("tool", "selection"),
    [
        ("query.cats", "{ id name age meta order owner { id name } }"),
        ("query.node", "{ __typename id }"),
        ("query.pet", "{ __typename }"),
        ("query.count", ""),
    ],
)
async def test_scalars_and_one_level_of_single_objects_are_selected(
    graphql: GraphQL, tool: str, selection: str
):
    binding = shown((await schema_tools(graphql)).tool(tool).binding)
    assert binding["selection"] == selection


async def test_a_page_is_selected_with_its_nodes_and_its_end(tasks: AtWork):
    assert shown(tasks.tool("query.tasks").binding)["selection"] == (
        "{ totalCount edges { node { id title state estimate labels } } pageInfo { hasNextPage endCursor } }"
    )


async def test_a_field_with_an_argument_named_select_keeps_it(graphql: GraphQL):
    work = await schema_tools(graphql)
    assert shown(work.tool("query.find").binding)["arguments"] == {"select": "String"}
    assert "returns" not in shown(work.tool("query.find").binding)


async def test_a_wide_schema_stays_small(graphql: GraphQL):
    many = 3000
    types = "\n".join(
        f"input I{n} {{ next: I{n + 1} other: I{(n * 7) % many} text: String }}"
        f" type T{n} {{ id: ID next: T{n + 1} far: T{(n * 7) % many} text: String }}"
        for n in range(many)
    )
    sdl = f"{types} input I{many} {{ a: Int }} type T{many} {{ id: ID }} type Query {{ all(i: I0): T0 }}"
    work = await schema_tools(graphql, sdl)
    tool = work.tool("query.all")
    assert len(bytes(tool.definition)) < 64 * 1024
    assert len(bytes(tool.binding)) < 16 * 1024
    jsonschema_rs.Draft202012Validator(shown(tool.definition)["inputSchema"])
    with pytest.raises(ExecutorError, match="too far"):
        await work.call("query.all", {"select": "next { " + "far { " * 7 + "id" + " }" * 8})


async def test_the_same_schema_gives_the_same_bytes(graphql: GraphQL):
    first, second = [await schema_tools(graphql) for _ in range(2)]
    assert first.found == second.found
    assert first.found is not None
    for tool in first.found.tools:
        assert bytes(tool.binding) == canonical(shown(tool.binding))


@pytest.mark.parametrize(
    "source",
    [
        "type Query {",
        "type Query { a: Missing }",
        "type Query { a: Int } type Query { b: Int }",
        "{ not json",
        '{"data": null}',
        '{"__schema": {"types": "none"}}',
        "{}",
        "",
    ],
)
async def test_a_schema_that_cannot_be_used_says_why(graphql: GraphQL, source: str):
    work = graphql({"url": URL}, source=source)
    with pytest.raises(DescriptionInvalidError) as raised:
        await work.target()
    assert len(raised.value.message) < 500


async def test_introspection_needs_the_credential_and_says_so(graphql: GraphQL, graph_server: Running):
    for credential in (None, leased("Bearer wrong")):
        with pytest.raises(UpstreamError) as raised:
            await graphql({"url": graph_server.url}, credential=credential).discover()
        assert raised.value.code is Code.CONNECTION_REJECTED


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({}, "graphql.url"),
        ({"url": "graph.example.com"}, "graphql.url"),
        ({"url": "https://u:p@graph.example.com/"}, "graphql.url"),
        ({"url": URL, "header": {}}, "graphql.header"),
    ],
)
async def test_a_wrong_field_is_named(graphql: GraphQL, config: dict[str, object], field: str):
    with pytest.raises(ExecutorError) as raised:
        await graphql(config).target()
    assert raised.value.details["field"] == field


async def test_the_origin_has_its_port(graphql: GraphQL):
    assert (await graphql({"url": URL}).target()).origin == "https://api.example.com:443"
