"""Calling: variables, selections, errors, refusals."""

import json
from collections.abc import Callable

import pytest
from aiohttp import web
from services.adapters.tests.kinds.at_work import AtWork, shown
from services.adapters.tests.kinds.scripted import Arrived, scripted

from executor_shared.contracts.adapters import Executed
from executor_shared.errors import Code, ExecutorError, UpstreamError

GraphQL = Callable[..., AtWork]
SDL = "type Query { cat(id: ID): Cat } type Mutation { addCat(name: String!): Cat } type Cat { id: ID name: String }"


async def test_a_query_with_nested_variables(tasks: AtWork):
    result = await tasks.call(
        "query.tasks", {"filter": {"anyOf": [{"state": "DONE"}], "not": {"state": "OPEN"}}}
    )
    assert result.outcome == "ok"
    data = shown(result.result)["structuredContent"]["data"]["tasks"]
    assert [edge["node"]["title"] for edge in data["edges"]] == ["Write the plan"]
    assert data["pageInfo"] == {"hasNextPage": False, "endCursor": "t1"}


async def test_pages_follow_each_other(tasks: AtWork):
    first = shown((await tasks.call("query.tasks", {"first": 1})).result)["structuredContent"]["data"][
        "tasks"
    ]
    assert first["pageInfo"]["hasNextPage"] is True
    after: dict[str, object] = {"first": 1, "after": first["pageInfo"]["endCursor"]}
    second = shown((await tasks.call("query.tasks", after)).result)["structuredContent"]["data"]["tasks"]
    assert first["edges"] != second["edges"]


async def test_a_mutation_changes_something(tasks: AtWork):
    new = {"title": "Fresh", "project": "1", "labels": {"any": ["json"]}}
    made = shown((await tasks.call("mutation.createTask", {"task": new})).result)["structuredContent"]["data"]
    assert made["createTask"]["labels"] == {"any": ["json"]}
    gone = await tasks.call("mutation.deleteTask", {"id": made["createTask"]["id"]})
    assert shown(gone.result)["structuredContent"] == {"data": {"deleteTask": True}}


async def test_a_union_tells_at_least_what_it_is(tasks: AtWork):
    result = shown((await tasks.call("query.search", {"text": "P"})).result)
    assert {"__typename": "Project"} in result["structuredContent"]["data"]["search"]


async def test_the_text_says_what_the_structured_content_says(tasks: AtWork):
    result = shown((await tasks.call("query.version")).result)
    assert json.loads(result["content"][0]["text"]) == result["structuredContent"]


@pytest.mark.parametrize(
    ("tool", "select", "arguments", "expected"),
    [
        ("query.tasks", "totalCount", {"filter": {"state": "DONE"}}, {"totalCount": 1}),
        (
            "query.tasks",
            "{ n: totalCount __typename }",
            {"first": 1, "filter": {"state": "DONE"}},
            {"n": 1, "__typename": "TaskConnection"},
        ),
        (
            "query.task",
            "project { tasks(first: 1) { edges { node { id } } } }",
            {"id": "t1"},
            {"project": {"tasks": {"edges": [{"node": {"id": "t1"}}]}}},
        ),
        ("query.task", "id # a comment }", {"id": "t1"}, {"id": "t1"}),
    ],
)
async def test_a_selection_of_the_callers_own(
    tasks: AtWork, tool: str, select: str, arguments: dict[str, object], expected: object
):
    result = await tasks.call(tool, {**arguments, "select": select})
    data = shown(result.result)["structuredContent"]["data"]
    assert data[tool.removeprefix("query.")] == expected


async def test_a_selection_goes_into_the_members_of_a_union(tasks: AtWork):
    select = "... on Project { name } ... on Task { title }"
    result = await tasks.call("query.search", {"text": "Project 1", "select": select})
    assert shown(result.result)["structuredContent"]["data"]["search"] == [{"name": "Project 1"}]


@pytest.mark.parametrize(
    "select",
    [
        "",
        "nope",
        "edges",
        "totalCount { a }",
        "totalCount } } mutation { deleteTask(id: 1)",
        "totalCount } version { x",
        "totalCount }, deleteTask(id: 1",
        "{ totalCount } { totalCount }",
        "{ totalCount } fragment F on Task { id }",
        "query Q { totalCount }",
        "mutation { totalCount }",
        "...F",
        "totalCount @include(if: true)",
        "... on Task { id }",
        "... on Query { version }",
        "__schema { types { name } }",
        "__typename { x }",
        "edges { node { project { tasks(first: $first) { totalCount } } } }",
        "edges { node { project { tasks(nope: 1) { totalCount } } } }",
        "edges { node { project { tasks(first: {a: [$x]}) { totalCount } } } }",
        "edges { node { project { tasks { " * 3 + "totalCount" + " } } } }" * 3,
        " ".join(f"a{n}: totalCount" for n in range(600)),
        "totalCount " * 1000,
        "edges {" * 3000,
        "total\u200bCount",
    ],
)
async def test_a_selection_that_is_not_one_is_refused_before_anything_is_sent(tasks: AtWork, select: str):
    with pytest.raises(ExecutorError) as raised:
        await tasks.call("query.tasks", {"select": select})
    assert raised.value.code is Code.GRAPHQL_INVALID_SELECTION
    assert not isinstance(raised.value, UpstreamError)


async def test_a_selection_that_is_no_text_is_refused(tasks: AtWork):
    with pytest.raises(ExecutorError) as raised:
        await tasks.call("query.tasks", {"select": ["id"]})
    assert raised.value.code is Code.GRAPHQL_INVALID_SELECTION


async def test_an_argument_that_the_operation_does_not_have_is_refused(tasks: AtWork):
    with pytest.raises(ExecutorError) as raised:
        await tasks.call("query.task", {"id": "t1", "extra": 1})
    assert raised.value.code is Code.INVALID_TOOL_ARGUMENTS


async def test_errors_without_data_are_a_tool_error_that_keeps_them(tasks: AtWork):
    result = await tasks.call("query.broken")
    assert (result.outcome, result.code) == ("tool_error", Code.GRAPHQL_ERRORS)
    assert "broken on purpose" in result.message
    content = shown(result.result)
    assert content["isError"] is True
    assert content["structuredContent"]["errors"][0]["message"] == "This field is broken on purpose."


async def answering(graphql: GraphQL, response: web.Response, tool: str = "query.cat") -> Executed:
    async def answer(_: Arrived) -> web.StreamResponse:
        return response

    async with scripted(answer) as server:
        return await graphql({"url": server.url}, source=SDL).call(
            tool, {"name": "x"} if "add" in tool else {}
        )


def body(value: object, status: int = 200, kind: str = "application/json") -> web.Response:
    text = value if isinstance(value, str) else json.dumps(value)
    return web.Response(text=text, status=status, content_type=kind)


async def test_errors_beside_data_are_kept_beside_it(graphql: GraphQL):
    response = {
        "data": {"cat": {"id": "1", "name": None}},
        "errors": [{"message": "no name", "path": ["cat"]}],
    }
    result = await answering(graphql, body(response))
    assert result.outcome == "ok"
    assert shown(result.result)["structuredContent"] == response


@pytest.mark.parametrize(
    ("value", "status", "outcome", "code"),
    [
        ({"errors": [{"message": "who?"}]}, 401, "tool_error", Code.CONNECTION_REJECTED),
        ({"errors": [{"message": "no"}]}, 403, "tool_error", Code.CONNECTION_REJECTED),
        ({"errors": [{"message": "bad"}]}, 400, "tool_error", Code.GRAPHQL_ERRORS),
        ({"errors": [{"message": "bad"}]}, 200, "tool_error", Code.GRAPHQL_ERRORS),
        ({"errors": ["odd"]}, 200, "tool_error", Code.GRAPHQL_ERRORS),
        ("<html>", 404, "tool_error", Code.UPSTREAM_HTTP_ERROR),
        ({}, 429, "tool_error", Code.UPSTREAM_HTTP_ERROR),
        ({"data": {"cat": None}}, 500, "tool_error", Code.UPSTREAM_HTTP_ERROR),
        ({}, 504, "unknown", Code.UPSTREAM_HTTP_ERROR),
        ({"data": {"cat": None}}, 200, "ok", None),
    ],
)
async def test_what_a_response_means(
    graphql: GraphQL, value: object, status: int, outcome: str, code: Code | None
):
    result = await answering(graphql, body(value, status))
    assert (result.outcome, result.code) == (outcome, code)


@pytest.mark.parametrize("response", ["<html>", "{}", "[]", '{"data": 5}', '{"data": null}', ""])
async def test_a_response_that_cannot_be_understood_leaves_the_outcome_unknown(
    graphql: GraphQL, response: str
):
    with pytest.raises(UpstreamError) as raised:
        await answering(graphql, body(response), "mutation.addCat")
    assert (raised.value.code, raised.value.sent) == (Code.UPSTREAM_INVALID_RESPONSE, True)


async def test_numbers_and_text_pass_unchanged_both_ways(graphql: GraphQL):
    sdl = "scalar Big type Query { f(big: Big, text: String): Big }"
    sent: list[str] = []

    async def answer(arrived: Arrived) -> web.StreamResponse:
        sent.append(await arrived.request.text())
        return web.Response(text='{"data":{"f":12345678901234567890.50}}', content_type="application/json")

    async with scripted(answer) as server:
        result = await graphql({"url": server.url}, source=sdl).call(
            "query.f", {"big": 1.0, "text": '"}{$x ü'}
        )
    assert b"12345678901234567890.50" in bytes(result.result or b"")
    assert json.loads(sent[0])["variables"] == {"big": 1.0, "text": '"}{$x ü'}
    assert json.loads(sent[0])["query"] == "query f($big: Big, $text: String) { f(big: $big, text: $text) }"
