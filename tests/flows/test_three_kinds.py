"""The way of a call for each of the three kinds, driven by the official MCP client in both protocol eras."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

from tests.flows.conftest import Three
from tests.flows.house import ERAS, Answer
from tests.upstreams.fixtures import CRM_KEY, GRAPH_TOKEN, MCP_TOKEN

pytestmark = pytest.mark.connected

Written = Callable[[Three, str], Awaitable[int]]


async def _customers(three: Three, name: str) -> int:
    async with httpx2.AsyncClient(headers={"X-Api-Key": CRM_KEY}, trust_env=False) as http:
        found = (await http.get(f"{three.crm}/customers", params={"limit": 100})).json()
    return sum(customer["name"] == name for customer in found)


async def _tasks(three: Three, name: str) -> int:
    query = "query ($n: String!) { tasks(filter: {titleContains: $n}) { totalCount } }"
    headers = {"Authorization": f"Bearer {GRAPH_TOKEN}"}
    async with httpx2.AsyncClient(headers=headers, trust_env=False) as http:
        answer = await http.post(three.graph, json={"query": query, "variables": {"n": name}})
    return int(answer.json()["data"]["tasks"]["totalCount"])


async def _notes(three: Three, name: str) -> int:
    headers = {"Authorization": f"Bearer {MCP_TOKEN}"}
    async with (
        httpx2.AsyncClient(headers=headers, trust_env=False) as http,
        Client(streamable_http_client(three.notes, http_client=http)) as client,
    ):
        found: Any = (await client.call_tool("list_notes", {})).structured_content
    return list(found["result"]).count(name)


@dataclass(frozen=True)
class Kind:
    """What one kind is asked in these flows, and how its upstream itself tells how often something was written."""

    name: str
    reads: tuple[str, dict[str, Any]]
    says: str
    writes: str
    body: Callable[[str], dict[str, Any]]
    written: Written
    blocked: tuple[str, dict[str, Any]]
    misfit: tuple[str, dict[str, Any], str]
    fails: tuple[str, dict[str, Any], str]


KINDS = (
    Kind(
        name="openapi",
        reads=("crm__customers_get", {"id": "c1"}),
        says="Ada Lovelace",
        writes="crm__customers_create",
        body=lambda name: {"body": {"name": name}},
        written=_customers,
        blocked=("crm__customers_delete", {"id": "c1"}),
        misfit=("crm__customers_list", {"limit": 1000}, "limit"),
        fails=("crm__customers_get", {"id": "c999"}, "There is no such customer."),
    ),
    Kind(
        name="graphql",
        reads=("graph__query_version", {}),
        says="1.0",
        writes="graph__mutation_createTask",
        body=lambda name: {"task": {"title": name, "project": "1"}},
        written=_tasks,
        blocked=("graph__mutation_deleteTask", {"id": "t1"}),
        misfit=("graph__query_tasks", {"first": "many"}, "first"),
        fails=("graph__query_broken", {}, "This field is broken on purpose."),
    ),
    Kind(
        name="mcp",
        reads=("notes__echo", {"text": "hello"}),
        says="hello",
        writes="notes__add_note",
        body=lambda name: {"text": name},
        written=_notes,
        blocked=("notes__clear_notes", {}),
        misfit=("notes__echo", {"text": 5}, "text"),
        fails=("notes__fail", {"reason": "rain"}, "rain"),
    ),
)


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param


@pytest.fixture(params=ERAS)
def era(request: pytest.FixtureRequest) -> str:
    return request.param


async def agrees(three: Three, answer: Answer, tool: str) -> dict[str, Any]:
    """The record of a call says what its agent was told."""
    record = await three.house.record(answer.facts["id"])
    assert record["subject"] == "alice"
    assert record["outcome"] == answer.outcome
    assert record.get("code") == answer.code
    assert tool.partition("__")[2] in record["tool"].replace(".", "_")
    return record


async def test_all_kinds_stand_in_one_list_without_what_is_blocked(three: Three, era: str):
    async with three.house.agent("alice", era) as agent:
        names = await agent.tools()
        assert len(names) == len(set(names))
        for one in KINDS:
            assert {one.reads[0], one.writes, one.fails[0], one.misfit[0]} <= set(names)
            assert one.blocked[0] not in names


async def test_a_call_that_reads_is_made_with_the_credential(three: Three, kind: Kind, era: str):
    async with three.house.agent("alice", era) as agent:
        answer = await agent.call(*kind.reads)
        assert answer.outcome == "ok"
        assert kind.says in answer.text
        record = await agrees(three, answer, kind.reads[0])
        assert record["credential"]
        assert record["decision"] == "allow"


async def test_a_call_that_writes_waits_is_approved_and_runs_exactly_once(three: Three, kind: Kind, era: str):
    async with three.house.agent("alice", era) as agent:
        name = f"Written by {kind.name} in {era}"
        asked = await agent.call(kind.writes, kind.body(name))
        assert (asked.outcome, asked.code) == ("approval_required", "approval_required")
        assert asked.facts["approval"]["url"] in asked.text
        assert await kind.written(three, name) == 0
        await agrees(three, asked, kind.writes)
        approval = str(asked.facts["approval"]["id"])
        async with three.house.rest("bob") as bob:
            assert (await bob.get(f"approvals/{approval}"))["arguments"] == kind.body(name)
            await bob.decide(approval)
        done = await agent.call(kind.writes, kind.body(name))
        assert done.outcome == "ok", done.text
        assert await kind.written(three, name) == 1
        assert (await agrees(three, done, kind.writes))["approval"] == approval
        again = await agent.call(kind.writes, kind.body(name))
        assert again.outcome == "approval_required"
        assert again.facts["approval"]["id"] != approval
        assert await kind.written(three, name) == 1


async def test_a_denied_call_is_never_made(three: Three, kind: Kind, era: str):
    async with three.house.agent("alice", era) as agent:
        name = f"Denied to {kind.name} in {era}"
        asked = await agent.call(kind.writes, kind.body(name))
        async with three.house.rest("bob") as bob:
            await bob.decide(asked.facts["approval"]["id"], "deny")
        refused = await agent.call(kind.writes, kind.body(name))
        assert (refused.outcome, refused.code) == ("blocked", "approval_denied")
        await agrees(three, refused, kind.writes)
        assert await kind.written(three, name) == 0


async def test_only_those_whom_the_rule_names_decide(three: Three, kind: Kind, era: str):
    async with three.house.agent("alice", era) as agent:
        asked = await agent.call(kind.writes, kind.body(f"Decided by {kind.name} in {era}"))
        path = f"approvals/{asked.facts['approval']['id']}/decision"
        for who, statuses in (("alice", {403, 404}), ("mallory", {403, 404}), ("bob", {200})):
            async with three.house.rest(who) as rest:
                response = await rest.send("POST", path, {"decision": "approve"})
            assert response.status_code in statuses, (who, response.text)


async def test_a_blocked_tool_refuses(three: Three, kind: Kind, era: str):
    async with three.house.agent("alice", era) as agent:
        answer = await agent.call(*kind.blocked)
        assert (answer.outcome, answer.code) == ("blocked", "tool_blocked")
        assert "Nothing was executed." in answer.text
        await agrees(three, answer, kind.blocked[0])


async def test_arguments_that_do_not_fit_are_named_and_nothing_is_sent(three: Three, kind: Kind, era: str):
    async with three.house.agent("alice", era) as agent:
        tool, arguments, field = kind.misfit
        answer = await agent.call(tool, arguments)
        assert (answer.outcome, answer.code) == ("not_executed", "invalid_tool_arguments")
        assert field in answer.text


async def test_an_error_of_the_upstream_is_told_in_its_own_words(three: Three, kind: Kind, era: str):
    async with three.house.agent("alice", era) as agent:
        tool, arguments, words = kind.fails
        answer = await agent.call(tool, arguments)
        assert answer.outcome == "tool_error"
        assert answer.whole.is_error
        assert words in answer.text
        await agrees(three, answer, tool)


async def test_an_unknown_tool_is_told_apart(three: Three, era: str):
    async with three.house.agent("alice", era) as agent:
        with pytest.raises(MCPError, match="Unknown tool"):
            await agent.call("crm__nothing_like_this", {})


async def test_an_unknown_argument_is_named(three: Three, era: str):
    async with three.house.agent("alice", era) as agent:
        answer = await agent.call("crm__customers_get", {"id": "c1", "colour": "red"})
        assert (answer.outcome, answer.code) == ("not_executed", "invalid_tool_arguments")
        assert "colour" in answer.text
