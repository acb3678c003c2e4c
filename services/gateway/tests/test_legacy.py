"""Revisions 2025-03-26 to 2025-11-25: sessions, statuses, stripped fields, batches, streams."""

import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from executor_shared.contracts.adapters import Executed

if TYPE_CHECKING:
    from conftest import Gateway, House

VERSIONS = ("2025-03-26", "2025-06-18", "2025-11-25")
JSON = {"content-type": "application/json", "accept": "application/json, text/event-stream"}


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        *((v, v) for v in VERSIONS),
        ("2024-11-05", "2024-11-05"),
        ("2026-07-28", "2025-11-25"),
        ("1999", "2025-11-25"),
    ],
)
async def test_initialize_negotiates_the_revision(gateway: "Gateway", asked: str, given: str) -> None:
    result, session = await gateway.initialize(asked)
    assert result["protocolVersion"] == given
    assert result["capabilities"] == {"tools": {"listChanged": True}}
    assert result["serverInfo"]["name"] == "executor"
    assert session.isascii()
    assert set(result) == {"protocolVersion", "capabilities", "serverInfo", "instructions"}


async def test_session_is_served_by_every_replica(house: "House") -> None:
    one, two = await house.gateway(), await house.gateway()
    _, session = await one.initialize()
    answer = await two.legacy("tools/list", session=session)
    assert [tool["name"] for tool in answer.json()["result"]["tools"]] == ["crm__read", "crm__write"]


async def test_missing_session_is_400_and_unknown_ones_are_404(house: "House", gateway: "Gateway") -> None:
    _, session = await gateway.initialize()
    other = await house.gateway(session_keys=("x" * 32,))
    _, foreign_keys = await other.initialize()
    assert (await gateway.legacy("ping", session=None)).status_code == 400
    told = set[bytes]()
    for wrong in ("nonsense", session[:-2] + "AA", session + "A", foreign_keys, "x" * 5_000):
        answer = await gateway.legacy("ping", session=wrong)
        assert answer.status_code == 404, wrong
        told.add(answer.content)
    answer = await gateway.legacy("ping", session=session, token="bob-key")
    assert answer.status_code == 404
    told.add(answer.content)
    answer = await gateway.legacy("ping", session=session, path="/mcp/toolkits/support")
    assert answer.status_code == 404
    told.add(answer.content)
    assert len(told) == 1


async def test_ended_session_is_unknown_on_every_replica(house: "House") -> None:
    one, two = await house.gateway(), await house.gateway()
    _, session = await one.initialize()
    assert (await two.send("DELETE", headers={"mcp-session-id": session}, token="bob-key")).status_code == 404
    assert (await one.legacy("ping", session=session)).status_code == 200
    assert (await two.send("DELETE", headers={"mcp-session-id": session})).status_code == 204
    assert (await two.legacy("ping", session=session)).status_code == 404
    assert (await one.legacy("ping", session=session)).status_code == 404
    assert (await one.send("DELETE", headers={"mcp-session-id": session})).status_code == 404
    assert (await one.send("DELETE")).status_code == 400


async def test_session_ends_with_its_time(house: "House") -> None:
    gateway = await house.gateway(session_seconds=1e-6)
    _, session = await gateway.initialize()
    assert (await gateway.legacy("ping", session=session)).status_code == 404


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("resources/list", None, -32601),
        ("prompts/list", None, -32601),
        ("logging/setLevel", {"level": "info"}, -32601),
        ("server/discover", None, -32601),
        ("vendor/x", None, -32601),
        ("tools/call", {"name": "crm__nothing"}, -32602),
        ("tools/call", {"name": "notes__secret"}, -32602),
        ("tools/call", {}, -32602),
        ("tools/list", {"cursor": "nonsense"}, -32602),
        ("initialize", {}, -32602),
    ],
)
async def test_every_json_rpc_error_is_at_200(
    gateway: "Gateway", method: str, params: Any, code: int
) -> None:
    _, session = await gateway.initialize()
    answer = await gateway.legacy(method, params, session=session, identifier="i")
    assert answer.status_code == 200
    assert answer.json()["error"]["code"] == code
    assert answer.json()["id"] == "i"


async def test_notifications_and_responses_are_accepted(gateway: "Gateway") -> None:
    _, session = await gateway.initialize()
    headers = {**JSON, "mcp-session-id": session}
    for body in (
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 99}},
        {"jsonrpc": "2.0", "method": "notifications/unheard"},
        {"jsonrpc": "2.0", "id": 5, "result": {}},
        {"jsonrpc": "2.0", "id": 5, "error": {"code": 1, "message": "m"}},
    ):
        answer = await gateway.send(headers=headers, content=json.dumps(body))
        assert (answer.status_code, answer.content) == (202, b"")


async def test_version_header_that_nobody_serves_is_400(gateway: "Gateway") -> None:
    _, session = await gateway.initialize()
    headers = {**JSON, "mcp-session-id": session, "mcp-protocol-version": "2025-99-99"}
    answer = await gateway.send(headers=headers, content='{"jsonrpc":"2.0","id":1,"method":"ping"}')
    assert answer.status_code == 400


# --- what each revision is shown ---------------------------------------------------------------------

_DEFINITION = {
    "title": "Rich",
    "description": "d",
    "inputSchema": {"type": "object"},
    "outputSchema": {"type": "object"},
    "icons": [{"src": "https://x/y.png"}],
    "execution": {"taskSupport": "optional"},
    "future": 1,
}


@pytest.mark.parametrize(
    ("version", "gone"),
    [
        ("2025-03-26", {"title", "outputSchema", "icons", "execution"}),
        ("2025-06-18", {"icons", "execution"}),
        ("2025-11-25", {"execution"}),
    ],
)
async def test_list_holds_what_the_revision_knows(house: "House", version: str, gone: set[str]) -> None:
    house.world.tool("tool_rich", "conn-crm", "rich", _DEFINITION)
    house.world.tool(
        "tool_odd", "conn-crm", "odd", {"outputSchema": {"type": "array"}, "inputSchema": {"type": "object"}}
    )
    gateway = await house.gateway()
    _, session = await gateway.initialize(version)
    result = (await gateway.legacy("tools/list", session=session)).json()["result"]
    tools = {tool["name"]: tool for tool in result["tools"]}
    assert set(tools["crm__rich"]) == {"name", *_DEFINITION} - gone
    assert "outputSchema" not in tools["crm__odd"]
    assert set(result) == {"tools"}


@pytest.mark.parametrize("version", VERSIONS)
async def test_result_holds_what_the_revision_knows(house: "House", gateway: "Gateway", version: str) -> None:
    upstream = (
        b'{"resultType":"complete","ttlMs":5,"cacheScope":"public","content":[{"type":"resource_link",'
        b'"uri":"file:///a","name":"A"},{"type":"new-kind","big":123456789012345678901234567890}],'
        b'"structuredContent":[1,null],"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"up"},"vendor/x":null},"more":{"y":1.0}}'
    )

    async def answer(_: Any) -> Executed:
        return Executed(outcome="ok", result=msgspec.Raw(upstream))

    house.world.execute = answer
    _, session = await gateway.initialize(version)
    got = await gateway.legacy("tools/call", {"name": "crm__read"}, session=session)
    result = got.json()["result"]
    assert not {"resultType", "ttlMs", "cacheScope", "structuredContent"} & set(result)
    assert "io.modelcontextprotocol/serverInfo" not in result["_meta"]
    assert result["_meta"]["vendor/x"] is None
    assert result["more"] == {"y": 1.0}
    assert b'"big":123456789012345678901234567890' in got.content
    first = result["content"][0]
    assert first == ({"type": "text", "text": "A file:///a"} if version == "2025-03-26" else
                     {"type": "resource_link", "uri": "file:///a", "name": "A"})  # fmt: skip


async def test_batches_are_of_the_oldest_revision_only(house: "House", gateway: "Gateway") -> None:
    batch = [
        {"jsonrpc": "2.0", "id": 1, "method": "ping"},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {
            "jsonrpc": "2.0",
            "id": 2,
            "method": "tools/call",
            "params": {"name": "crm__read", "arguments": {"n": 2**80}},
        },
        {"jsonrpc": "2.0", "id": 3, "method": "nothing"},
        {"no": "message"},
    ]
    _, session = await gateway.initialize("2025-03-26")
    headers = {**JSON, "mcp-session-id": session}
    answers = (await gateway.send(headers=headers, content=json.dumps(batch))).json()
    assert [answer["id"] for answer in answers] == [1, 2, 3, None]
    assert bytes(house.world.executed[0].arguments) == b'{"n": %d}' % 2**80
    assert answers[2]["error"]["code"] == -32601
    only = await gateway.send(headers=headers, content=json.dumps(batch[1:2]))
    assert only.status_code == 202
    for wrong in ([], batch[:1] * 51):
        assert (await gateway.send(headers=headers, content=json.dumps(wrong))).status_code == 400
    _, newer = await gateway.initialize("2025-06-18")
    answer = await gateway.send(headers={**JSON, "mcp-session-id": newer}, content=json.dumps(batch))
    assert answer.status_code == 400


# --- endpoints ---------------------------------------------------------------------------------------


async def test_toolkit_serves_its_tools_only(house: "House", gateway: "Gateway") -> None:
    path = "/mcp/toolkits/support"
    _, session = await gateway.initialize(path=path)
    listed = (await gateway.legacy("tools/list", session=session, path=path)).json()["result"]["tools"]
    assert [tool["name"] for tool in listed] == ["crm__read"]
    called = await gateway.legacy("tools/call", {"name": "crm__write"}, session=session, path=path)
    assert called.json()["error"]["code"] == -32602
    await gateway.legacy("tools/call", {"name": "crm__read"}, session=session, path=path)
    assert house.world.decided[-1].toolkit == "support"


async def test_connection_serves_its_tools_under_their_own_names(gateway: "Gateway") -> None:
    path = "/mcp/connections/crm/org/main"
    _, session = await gateway.initialize(path=path)
    listed = (await gateway.legacy("tools/list", session=session, path=path)).json()["result"]["tools"]
    assert [tool["name"] for tool in listed] == ["read", "write"]
    called = await gateway.legacy("tools/call", {"name": "read"}, session=session, path=path)
    assert called.json()["result"]["content"]
    other = await gateway.legacy("tools/call", {"name": "crm__read"}, session=session, path=path)
    assert other.json()["error"]["code"] == -32602


# --- the stream of a session -------------------------------------------------------------------------


async def test_stream_tells_of_changed_tools(house: "House") -> None:
    gateway = await house.gateway()
    _, session = await gateway.initialize()
    headers = {"authorization": "Bearer alice-key", "mcp-session-id": session, "accept": "text/event-stream"}
    request = gateway.http.build_request("GET", f"{gateway.url}/mcp", headers=headers)
    answer = await gateway.http.send(request, stream=True)
    lines = answer.aiter_lines()
    assert await anext(lines) == ": open"
    house.world.tool("tool_new", "conn-crm", "new")
    await house.catalog_changed()
    told = await house.next_event(lines)
    assert told == {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}
    await answer.aclose()


async def test_stream_ends_with_its_session(house: "House") -> None:
    one, two = await house.gateway(), await house.gateway()
    _, session = await one.initialize()
    headers = {"authorization": "Bearer alice-key", "mcp-session-id": session, "accept": "text/event-stream"}
    request = one.http.build_request("GET", f"{one.url}/mcp", headers=headers)
    answer = await one.http.send(request, stream=True)
    lines = answer.aiter_lines()
    await anext(lines)
    await two.send("DELETE", headers={"mcp-session-id": session})
    assert [line async for line in lines if line] == []


async def test_stream_ends_when_the_key_is_revoked(house: "House") -> None:
    gateway = await house.gateway()
    _, session = await gateway.initialize()
    headers = {"authorization": "Bearer alice-key", "mcp-session-id": session, "accept": "text/event-stream"}
    request = gateway.http.build_request("GET", f"{gateway.url}/mcp", headers=headers)
    answer = await gateway.http.send(request, stream=True)
    lines = answer.aiter_lines()
    await anext(lines)
    house.forget("alice")
    await house.policy_changed()
    assert [line async for line in lines if line] == []


async def test_stream_needs_a_session_and_a_client_that_takes_it(gateway: "Gateway") -> None:
    _, session = await gateway.initialize()
    assert (await gateway.send("GET")).status_code == 400
    assert (await gateway.send("GET", headers={"mcp-session-id": "x"})).status_code == 404
    headers = {"mcp-session-id": session, "accept": "application/json"}
    assert (await gateway.send("GET", headers=headers)).status_code == 406
