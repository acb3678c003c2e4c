"""Revision 2026-07-28: the ladder, statuses and errors, lists and calls."""

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from executor_shared.contracts.base import ServiceName
from executor_shared.contracts.catalog import Connection, Tool

if TYPE_CHECKING:
    from conftest import Gateway, House

MODERN = "2026-07-28"
META = "io.modelcontextprotocol/"
JSON = {"content-type": "application/json"}


def _error(answer: Any, status: int, code: int, identifier: Any = 1) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert body["error"]["code"] == code, body
    assert body["id"] == identifier
    assert answer.headers["cache-control"] == "no-store"
    return body["error"]


async def test_discover_says_what_is_offered(gateway: "Gateway") -> None:
    answer = await gateway.modern("server/discover")
    result = answer.json()["result"]
    assert answer.status_code == 200
    assert result["supportedVersions"] == [MODERN]
    assert result["capabilities"] == {"tools": {"listChanged": True}}
    assert result["resultType"] == "complete"
    assert result["cacheScope"] == "private"
    assert result["ttlMs"] == 300_000
    assert "- crm: Customers" in result["instructions"]
    assert "notes" not in result["instructions"]
    assert result["_meta"][f"{META}serverInfo"]["name"] == "executor"
    assert "mcp-session-id" not in answer.headers


async def test_list_shows_what_the_principal_may_see_in_order(gateway: "Gateway") -> None:
    alice = (await gateway.modern("tools/list")).json()["result"]
    bob = (await gateway.modern("tools/list", token="bob-key")).json()["result"]
    assert [tool["name"] for tool in alice["tools"]] == ["crm__read", "crm__write"]
    assert [tool["name"] for tool in bob["tools"]] == ["crm__read", "crm__write", "notes__secret"]
    assert alice["tools"][0]["future"] == {"x": 1}
    assert (alice["resultType"], alice["ttlMs"], alice["cacheScope"]) == ("complete", 60_000, "private")


async def test_lists_are_the_same_bytes_every_time_and_on_every_replica(house: "House") -> None:
    one, two = await house.gateway(), await house.gateway()
    answers = [await g.modern("tools/list") for g in (one, two, one, two)]
    assert len({answer.content for answer in answers}) == 1
    assert house.world.listed == 2


async def test_blocked_tools_are_not_listed_and_a_change_of_rules_shows(house: "House") -> None:
    gateway = await house.gateway()
    house.world.blocked = {"tool_write"}
    names = [t["name"] for t in (await gateway.modern("tools/list")).json()["result"]["tools"]]
    assert names == ["crm__read"]
    house.world.blocked = set()
    await house.policy_changed()
    answer = await gateway.modern("tools/list")
    assert len(answer.json()["result"]["tools"]) == 2


async def test_call_runs_and_says_how_it_ended(house: "House", gateway: "Gateway") -> None:
    result = await gateway.call("crm__read", {"n": 3})
    call = result["_meta"]["executor/call"]
    assert result["structuredContent"] == {"got": {"n": 3}}
    assert result["resultType"] == "complete"
    assert result["_meta"][f"{META}serverInfo"]["name"] == "executor"
    assert call["outcome"] == "ok"
    assert call["code"] is None
    assert "isError" not in result
    finished = await house.world.finished.get()
    assert (finished.call, finished.outcome) == (call["id"], "ok")
    assert house.world.contexts[0].call_id == call["id"]
    asked = house.world.executed[0]
    assert (bytes(asked.target), asked.grant) == (b'{"t":1}', "v1.grant")


async def test_arguments_travel_byte_for_byte(house: "House", gateway: "Gateway") -> None:
    raw = '{ "n" : 12345678901234567890123456789,  "text":"\\u00e9 é" }'
    body, headers = gateway.modern_request("tools/call", {"name": "crm__read", "arguments": "HERE"})
    content = json.dumps(body).replace('"HERE"', raw)
    answer = await gateway.send(headers=headers, content=content.encode())
    assert bytes(house.world.executed[0].arguments) == raw.encode()
    assert bytes(house.world.decided[0].arguments) == raw.encode()
    assert b"12345678901234567890123456789" in answer.content


# --- the table of statuses and errors ---------------------------------------------------------------


async def test_body_that_does_not_parse(gateway: "Gateway") -> None:
    _error(
        await gateway.send(headers={**JSON, "mcp-protocol-version": MODERN}, content=b"{"), 400, -32700, None
    )


@pytest.mark.parametrize(
    "body",
    [
        "[]",
        "1",
        "[{}]",
        '{"jsonrpc":"2.0","id":1,"result":{}}',
        '{"id":1,"method":"x"}',
        '{"jsonrpc":"2.0","id":null,"method":"x"}',
        '{"jsonrpc":"2.0","id":true,"method":"x"}',
        '{"jsonrpc":"2.0","id":1.5,"method":"x"}',
        '{"jsonrpc":"2.0","id":1,"method":"x","params":[]}',
    ],
)
async def test_body_that_is_not_one_request_or_notification(gateway: "Gateway", body: str) -> None:
    headers = {**JSON, "mcp-protocol-version": MODERN}
    _error(await gateway.send(headers=headers, content=body), 400, -32600, None)


@pytest.mark.parametrize("missing", ["protocolVersion", "clientCapabilities"])
async def test_envelope_without_a_required_key(gateway: "Gateway", missing: str) -> None:
    body, headers = gateway.modern_request("tools/list")
    del body["params"]["_meta"][META + missing]
    _error(await gateway.send(headers=headers, content=json.dumps(body)), 400, -32602)


async def test_envelope_missing_altogether(gateway: "Gateway") -> None:
    body, headers = gateway.modern_request("tools/list")
    del body["params"]
    _error(await gateway.send(headers=headers, content=json.dumps(body)), 400, -32602)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mcp-method", "tools/call"),
        ("mcp-method", "Tools/List"),
        ("mcp-method", None),
        ("mcp-protocol-version", "2025-11-25"),
        ("mcp-protocol-version", None),
    ],
)
async def test_header_that_says_something_else(gateway: "Gateway", name: str, value: str | None) -> None:
    body, headers = gateway.modern_request("tools/list")
    del headers[name]
    if value:
        headers[name] = value
    _error(await gateway.send(headers=headers, content=json.dumps(body)), 400, -32020)


@pytest.mark.parametrize(
    ("value", "good"),
    [
        ("crm__read", True),
        ("=?base64?Y3JtX19yZWFk?=", True),
        ("=?base64?Y3JtX19yZWFkIA==?=", False),
        ("=?base64?Y3JtX19yZWF?=", False),
        ("=?base64?***?=", False),
        ("CRM__READ", False),
        ("crm__write", False),
        (None, False),
    ],
)
async def test_name_header_is_decoded_and_compared(
    gateway: "Gateway", value: str | None, *, good: bool
) -> None:
    body, headers = gateway.modern_request("tools/call", {"name": "crm__read", "arguments": {}})
    del headers["mcp-name"]
    if value:
        headers["mcp-name"] = value
    answer = await gateway.send(headers=headers, content=json.dumps(body))
    if good:
        assert answer.json()["result"]["resultType"] == "complete"
    else:
        _error(answer, 400, -32020)


async def test_base64_that_is_not_canonical_never_matches(house: "House", gateway: "Gateway") -> None:
    house.world.tool("tool_x", "conn-crm", "x")
    body, headers = gateway.modern_request("tools/call", {"name": "crm__readx", "arguments": {}})
    # 'crm__readx' has ten bytes: the last quantum has four unused bits, here set.
    headers["mcp-name"] = "=?base64?Y3JtX19yZWFkeB==?="
    _error(await gateway.send(headers=headers, content=json.dumps(body)), 400, -32020)


async def test_headers_are_trimmed_and_their_names_have_no_case(gateway: "Gateway") -> None:
    body, _ = gateway.modern_request("tools/list")
    content = json.dumps(body).encode()
    head = (
        f"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nauthorization: Bearer alice-key\r\nConnection: close\r\n"
        f"CONTENT-type: application/json\r\nMCP-PROTOCOL-VERSION:   {MODERN} \t\r\nmCp-MeThOd:\ttools/list  \r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    answer = await gateway.raw(head.encode() + content)
    assert answer.startswith(b"HTTP/1.1 200"), answer


@pytest.mark.parametrize("name", ["mcp-method", "mcp-protocol-version", "mcp-name"])
async def test_routing_header_that_comes_twice(gateway: "Gateway", name: str) -> None:
    body, headers = gateway.modern_request("tools/call", {"name": "crm__read", "arguments": {}})
    content = json.dumps(body).encode()
    lines = [*headers.items(), (name, headers[name]), ("content-length", str(len(content)))]
    head = "".join(f"{key}: {value}\r\n" for key, value in lines)
    answer = await gateway.raw(
        b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nAuthorization: Bearer alice-key\r\n"
        + f"{head}\r\n".encode()
        + content
    )
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"-32020" in answer


async def test_version_that_is_not_served(gateway: "Gateway") -> None:
    body, headers = gateway.modern_request("tools/list")
    body["params"]["_meta"][f"{META}protocolVersion"] = headers["mcp-protocol-version"] = "2031-01-01"
    error = _error(await gateway.send(headers=headers, content=json.dumps(body)), 400, -32022)
    assert error["data"]["requested"] == "2031-01-01"
    assert {"2026-07-28", "2025-11-25", "2025-03-26"} <= set(error["data"]["supported"])


@pytest.mark.parametrize(
    "method",
    [
        "initialize",
        "ping",
        "logging/setLevel",
        "resources/subscribe",
        "resources/unsubscribe",
        "tasks/list",
        "tasks/result",
        "tasks/get",
        "prompts/list",
        "prompts/get",
        "resources/list",
        "resources/read",
        "resources/templates/list",
        "completion/complete",
        "vendor/thing",
    ],
)
async def test_method_that_is_unknown_or_not_served(gateway: "Gateway", method: str) -> None:
    body, headers = gateway.modern_request(method)
    _error(await gateway.send(headers=headers, content=json.dumps(body)), 404, -32601)


async def test_unknown_hidden_held_and_foreign_tools_are_told_alike(gateway: "Gateway") -> None:
    told = set[str]()
    for name in ("crm__nothing", "notes__secret", "crm__held"):
        error = _error(await gateway.modern("tools/call", {"name": name, "arguments": {}}), 200, -32602)
        told.add(error["message"].replace(name, "NAME"))
        assert set(error) == {"code", "message"}
    answer = await gateway.modern("tools/call", {"name": "crm__read", "arguments": {}}, token="eve-key")
    told.add(_error(answer, 200, -32602)["message"].replace("crm__read", "NAME"))
    assert len(told) == 1


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"name": 1},
        {"name": ""},
        {"name": "crm__read", "arguments": []},
        {"name": "crm__read", "arguments": None},
    ],
)
async def test_call_parameters_of_the_wrong_kind(gateway: "Gateway", params: dict[str, Any]) -> None:
    body, headers = gateway.modern_request("tools/call", params)
    headers["mcp-name"] = str(params.get("name", ""))
    if params.get("name") == 1:
        headers["mcp-name"] = "1"
    answer = await gateway.send(headers=headers, content=json.dumps(body))
    assert answer.json()["error"]["code"] in (-32602, -32020)


@pytest.mark.parametrize("cursor", ["nonsense", "AAAA.BBBB", 7, None, "x" * 5000])
async def test_cursor_that_was_not_given(gateway: "Gateway", cursor: Any) -> None:
    _error(await gateway.modern("tools/list", {"cursor": cursor}), 200, -32602)


async def test_pages_follow_each_other_and_cursors_cannot_be_forged(house: "House") -> None:
    for number in range(1_500):
        house.world.tool(f"tool_{number}", "conn-crm", f"many{number:05}")
    gateway = await house.gateway()
    first = (await gateway.modern("tools/list")).json()["result"]
    second = (await gateway.modern("tools/list", {"cursor": first["nextCursor"]})).json()["result"]
    names = [tool["name"] for tool in first["tools"] + second["tools"]]
    assert len(first["tools"]) == 1_000
    assert len(names) == len(set(names)) == 1_502
    assert "nextCursor" not in second
    assert (first["ttlMs"], first["cacheScope"]) == (second["ttlMs"], second["cacheScope"])
    forged = first["nextCursor"][:-1] + ("A" if first["nextCursor"][-1] != "A" else "B")
    _error(await gateway.modern("tools/list", {"cursor": forged}), 200, -32602)
    of_bob = await gateway.modern("tools/list", {"cursor": first["nextCursor"]}, token="bob-key")
    _error(of_bob, 200, -32602)


async def test_internal_errors_are_at_200_and_say_no_more_than_an_id(
    house: "House", gateway: "Gateway"
) -> None:
    await house.silence(ServiceName.POLICY)
    # Who alice is, is known by nobody any more: 503, not 200.
    answer = await gateway.modern("tools/list")
    assert answer.status_code == 503
    assert answer.headers["retry-after"]


async def test_list_that_policy_cannot_be_asked_for_is_an_internal_error(
    house: "House", gateway: "Gateway"
) -> None:
    await gateway.modern("server/discover")
    await house.silence(ServiceName.POLICY)
    _error(await gateway.modern("tools/list"), 200, -32603)


async def test_too_many_calls_at_once_are_refused_before_dispatch(house: "House") -> None:
    gateway = await house.gateway(calls_of_one=1)
    inside, leave = asyncio.Event(), asyncio.Event()

    async def slow(_: Any) -> Any:
        inside.set()
        await leave.wait()
        return house.allow()

    house.world.decide = slow
    running = asyncio.create_task(gateway.call("crm__read"))
    await inside.wait()
    answer = await gateway.modern("tools/call", {"name": "crm__read", "arguments": {}})
    leave.set()
    _error(answer, 429, 4290)
    assert answer.headers["retry-after"]
    assert (await running)["_meta"]["executor/call"]["outcome"] == "ok"


async def test_notifications_are_accepted_and_dropped(gateway: "Gateway") -> None:
    body, headers = gateway.modern_request("notifications/cancelled", {"requestId": 1})
    del body["id"]
    answer = await gateway.send(headers=headers, content=json.dumps(body))
    assert (answer.status_code, answer.content) == (202, b"")


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
async def test_only_post_is_served(gateway: "Gateway", method: str) -> None:
    answer = await gateway.send(method, headers={"mcp-protocol-version": MODERN})
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"


async def test_session_id_is_ignored(gateway: "Gateway") -> None:
    answer = await gateway.modern("tools/list", extra={"mcp-session-id": "nonsense", "last-event-id": "1"})
    assert answer.status_code == 200
    assert "mcp-session-id" not in answer.headers


async def test_unknown_log_level_is_refused(gateway: "Gateway") -> None:
    _error(await gateway.modern("tools/list", meta={f"{META}logLevel": "shout"}), 200, -32602)


async def test_modern_body_without_the_header_gets_the_ladder(gateway: "Gateway") -> None:
    body, headers = gateway.modern_request("tools/list")
    del headers["mcp-protocol-version"]
    _error(await gateway.send(headers=headers, content=json.dumps(body)), 400, -32020)


async def test_ids_come_back_as_they_were(gateway: "Gateway") -> None:
    for identifier in (0, -1, 2**70, "a", "", "é\u2028"):
        body, headers = gateway.modern_request("tools/list", identifier=identifier)
        answer = await gateway.send(headers=headers, content=json.dumps(body))
        assert answer.json()["id"] == identifier


# --- mirrored parameters -----------------------------------------------------------------------------

_MIRRORED = {
    "inputSchema": {
        "type": "object",
        "properties": {
            "region": {"type": "string", "x-mcp-header": "Region"},
            "count": {"type": "integer", "x-mcp-header": "Count"},
        },
    }
}


@pytest.mark.parametrize(
    ("arguments", "headers", "good"),
    [
        ({"region": "eu"}, {"mcp-param-region": "eu"}, True),
        ({"region": "eu"}, {"MCP-Param-REGION": "eu"}, True),
        ({"region": "eu"}, {}, False),
        ({"region": "eu"}, {"mcp-param-region": "us"}, False),
        ({}, {"mcp-param-region": "eu"}, False),
        ({}, {}, True),
        ({"region": None}, {"mcp-param-region": "eu"}, False),
        ({"count": 42}, {"mcp-param-count": "42.0"}, True),
        ({"count": 42}, {"mcp-param-count": "43"}, False),
        ({"region": " é"}, {"mcp-param-region": "=?base64?IMOp?="}, True),
        ({"region": "eu"}, {"mcp-param-region": "=?base64?%%?="}, False),
        ({"region": "eu"}, {"mcp-param-region": "eu", "mcp-param-other": "x"}, True),
    ],
)
async def test_mirrored_parameters_must_agree_with_the_body(
    house: "House", arguments: dict[str, Any], headers: dict[str, str], *, good: bool
) -> None:
    house.world.tool("tool_m", "conn-crm", "mirrored", _MIRRORED)
    gateway = await house.gateway()
    params = {"name": "crm__mirrored", "arguments": arguments}
    answer = await gateway.modern("tools/call", params, extra=headers)
    if good:
        assert "result" in answer.json(), answer.text
    else:
        _error(answer, 400, -32020)
        assert not house.world.decided


# --- streams -----------------------------------------------------------------------------------------


async def test_listen_acknowledges_then_tells_of_changes_that_the_principal_sees(house: "House") -> None:
    gateway = await house.gateway()
    body, headers = gateway.modern_request(
        "subscriptions/listen",
        {"notifications": {"toolsListChanged": True, "promptsListChanged": True}},
        "s-1",
    )
    headers["authorization"] = "Bearer alice-key"
    request = gateway.http.build_request(
        "POST", f"{gateway.url}/mcp", headers=headers, content=json.dumps(body)
    )
    answer = await gateway.http.send(request, stream=True)
    lines = answer.aiter_lines()
    assert answer.headers["content-type"] == "text/event-stream"
    acknowledged = await house.next_event(lines)
    assert acknowledged["method"] == "notifications/subscriptions/acknowledged"
    assert acknowledged["params"] == {
        "notifications": {"toolsListChanged": True},
        "_meta": {f"{META}subscriptionId": "s-1"},
    }
    house.world.tool("tool_new", "conn-crm", "new")
    await house.catalog_changed()
    told = await house.next_event(lines)
    assert told["method"] == "notifications/tools/list_changed"
    assert told["params"]["_meta"][f"{META}subscriptionId"] == "s-1"
    await answer.aclose()


async def test_listen_without_a_stream_is_not_acceptable(gateway: "Gateway") -> None:
    answer = await gateway.modern(
        "subscriptions/listen", {"notifications": {}}, extra={"accept": "application/json"}
    )
    assert answer.status_code == 406


async def test_streams_are_counted(house: "House") -> None:
    gateway = await house.gateway(streams_of_one=1)
    body, headers = gateway.modern_request(
        "subscriptions/listen", {"notifications": {"toolsListChanged": True}}
    )
    headers["authorization"] = "Bearer alice-key"
    request = gateway.http.build_request(
        "POST", f"{gateway.url}/mcp", headers=headers, content=json.dumps(body)
    )
    first = await gateway.http.send(request, stream=True)
    await house.next_event(first.aiter_lines())
    second = await gateway.modern("subscriptions/listen", {"notifications": {"toolsListChanged": True}})
    _error(second, 503, 5030)
    assert second.headers["retry-after"]
    await first.aclose()


# --- several owners ----------------------------------------------------------------------------------


async def test_each_owner_reaches_the_own_tool_behind_a_shared_name(house: "House") -> None:
    for name in ("alice", "bob"):
        house.world.add(
            Connection(
                tenant="acme",
                id=f"conn-crm-{name}",
                revision=0,
                integration="crm",
                owner=f"user:{name}",
                name="mine",
            )
        )
        house.world.tool(f"tool_of_{name}", f"conn-crm-{name}", "own")
    gateway = await house.gateway()
    for name in ("alice", "bob"):
        await gateway.call("crm__own", token=f"{name}-key")
        assert house.world.decided[-1].tool == f"tool_of_{name}"
        await gateway.call("own", token=f"{name}-key", path="/mcp/connections/crm/user/mine")
        assert house.world.decided[-1].tool == f"tool_of_{name}"
    answer = await gateway.modern("tools/list", token="eve-key")
    assert answer.json()["result"]["tools"] == []


async def test_colliding_ids_of_many_clients_never_cross(house: "House") -> None:
    gateway = await house.gateway()
    for number in range(32):
        house.person(f"p{number}")
    calls = (gateway.call("crm__read", {"n": number}, token=f"p{number}-key") for number in range(32))
    results = await asyncio.gather(*calls)
    assert [result["structuredContent"]["got"]["n"] for result in results] == list(range(32))


async def test_tool_that_appears_can_be_called_and_one_that_goes_is_unknown(house: "House") -> None:
    gateway = await house.gateway()
    params = {"name": "crm__late", "arguments": {}}
    _error(await gateway.modern("tools/call", params), 200, -32602)
    house.world.tool("tool_late", "conn-crm", "late")
    await house.catalog_changed()
    async with asyncio.timeout(5):
        while "error" in (await gateway.modern("tools/call", params)).json():
            pass
    house.world.add(Tool(tenant="acme", id="tool_late", revision=0, removed=True))
    await house.catalog_changed()
    async with asyncio.timeout(5):
        while "result" in (await gateway.modern("tools/call", params)).json():
            pass
