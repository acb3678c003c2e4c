"""The front door: hosts, origins, tokens, sizes, types, JSON; on every MCP path and in every method."""

import json
from typing import TYPE_CHECKING, Any

import pytest

from executor_shared.contracts.base import ServiceName

if TYPE_CHECKING:
    from conftest import Gateway, House

PATHS = (
    "/mcp",
    "/mcp/toolkits/support",
    "/mcp/toolkits/nothing",
    "/mcp/connections/crm/org/main",
    "/mcp/connections/nothing/org/main",
    "/mcp/abc",
    "/mcp/",
)
METHODS = ("GET", "POST", "DELETE", "PUT", "PATCH", "OPTIONS", "HEAD")
JSON = {"content-type": "application/json"}
PING = '{"jsonrpc":"2.0","id":1,"method":"ping"}'
INITIALIZE = json.dumps(
    {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-11-25"}}
)
METADATA = "http://gw.example.com/.well-known/oauth-protected-resource"


@pytest.mark.parametrize("path", PATHS)
async def test_every_route_asks_for_a_token_first(gateway: "Gateway", path: str) -> None:
    resource = path if path in PATHS[1:5] else "/mcp"
    challenge = f'Bearer resource_metadata="{METADATA}{resource}", scope="mcp"'
    refusal = f'{challenge}, error="invalid_token", error_description="The access token is not valid"'
    for method in METHODS:
        answer = await gateway.send(method, path, token=None)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, challenge)
        for wrong in (b"nobody", b"x" * 5_000, b"a b", "ä".encode()):
            headers = {b"authorization": b"Bearer " + wrong}
            answer = await gateway.send(method, path, token=None, headers=headers)
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, refusal)


@pytest.mark.parametrize("value", ["Basic YTpi", "alice-key", "", "Bearer"])
async def test_other_credentials_are_no_token(gateway: "Gateway", value: str) -> None:
    answer = await gateway.send(token=None, headers={"authorization": value}, content=PING)
    assert answer.status_code == 401
    assert ("error=" in answer.headers["www-authenticate"]) == (value == "Bearer")


async def test_two_tokens_are_none(gateway: "Gateway") -> None:
    answer = await gateway.raw(
        b"GET /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nAuthorization: Bearer alice-key\r\n"
        b"Authorization: Bearer bob-key\r\n\r\n"
    )
    assert answer.startswith(b"HTTP/1.1 401")


async def test_a_token_in_the_query_is_none(gateway: "Gateway") -> None:
    answer = await gateway.send(path="/mcp?access_token=alice-key", token=None, headers=JSON, content=PING)
    assert answer.status_code == 401


async def test_policy_that_cannot_be_asked_is_no_yes(house: "House", gateway: "Gateway") -> None:
    await house.silence(ServiceName.POLICY)
    answer = await gateway.send(headers=JSON, content=INITIALIZE)
    assert answer.status_code == 503
    assert answer.headers["retry-after"]


async def test_a_token_is_asked_about_once_until_principals_change(
    house: "House", gateway: "Gateway"
) -> None:
    for _ in range(3):
        assert (await gateway.send(headers=JSON, content=INITIALIZE)).status_code == 200
    assert house.world.identified == 1
    house.forget("alice")
    await house.policy_changed()
    assert (await gateway.send(headers=JSON, content=INITIALIZE)).status_code == 401


async def test_the_token_stays_at_the_edge(house: "House", gateway: "Gateway") -> None:
    await gateway.call("crm__read", {"n": 1})
    assert house.hub.taps
    for _, frame in house.hub.taps:
        assert b"alice-key" not in frame.body
        assert "alice-key" not in str(dict(frame.headers))


@pytest.mark.parametrize(
    "path",
    [
        "/mcp/toolkits/nothing",
        "/mcp/connections/notes/team-writers/main",
        "/mcp/connections/crm/user/main",
        "/mcp/abc",
        "/mcp/",
        "/mcp/toolkits/a/b",
    ],
)
async def test_unknown_and_foreign_endpoints_are_told_alike(gateway: "Gateway", path: str) -> None:
    answer = await gateway.send(path=path, headers=JSON, content=INITIALIZE)
    assert answer.status_code == 404
    assert answer.json() == {"code": "not_found", "message": "There is no such MCP endpoint."}


# --- host and origin ---------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/mcp", "/api/v1/tools"])
async def test_only_our_own_host_names_are_served(gateway: "Gateway", path: str) -> None:
    async def status(host: str) -> int:
        head = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        return int((await gateway.raw(head.encode())).split(b" ")[1])

    for ours in ("127.0.0.1:1234", "localhost", "[::1]:80", "gw.example.com", "GW.example.com:443"):
        assert await status(ours) not in (400, 421), ours
    for other in (
        "other.example.com",
        "gw.example.com.evil.com",
        "localhost.evil.com",
        "gw.example.com/abc?bar=",
        "gw.example.com@evil.com",
        "evil.com:127.0.0.1",
        "127.0.0.1:99999999",
        "",
    ):
        assert await status(other) in (400, 421), other


async def test_two_host_headers_are_refused(gateway: "Gateway") -> None:
    answer = await gateway.raw(
        b"GET /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: gw.example.com\r\nConnection: close\r\n\r\n"
    )
    assert answer.split(b" ")[1] in (b"421", b"400")


@pytest.mark.parametrize(
    ("origin", "good"),
    [
        ("http://gw.example.com", True),
        ("http://localhost:5173", True),
        ("http://127.0.0.1", True),
        ("https://app.example.com", True),
        ("null", False),
        ("https://good.evil.com", False),
        ("https://app.example.com.evil.com", False),
        ("https://app.example.com:8443", False),
        ("http://app.example.com", False),
        ("http://localhost.evil.com", False),
        ("file://", False),
        ("", False),
    ],
)
async def test_only_known_web_pages_may_ask(house: "House", origin: str, *, good: bool) -> None:
    gateway = await house.gateway(allowed_origins=("https://app.example.com",))
    answer = await gateway.send(headers={**JSON, "origin": origin}, content=INITIALIZE)
    assert answer.status_code == (200 if good else 403)
    if good:
        assert answer.headers["access-control-allow-origin"] == origin
        assert "Mcp-Session-Id" in answer.headers["access-control-expose-headers"]


async def test_preflight_needs_no_token_and_echoes_the_asked_headers(gateway: "Gateway") -> None:
    headers = {
        "origin": "http://localhost:5173",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization, mcp-param-region",
    }
    answer = await gateway.send("OPTIONS", token=None, headers=headers)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-headers"] == "authorization, mcp-param-region"
    assert answer.headers["access-control-allow-methods"] == "POST, GET, DELETE"
    foreign = await gateway.send("OPTIONS", token=None, headers={**headers, "origin": "https://evil.com"})
    assert foreign.status_code == 403


# --- sizes, types, JSON ------------------------------------------------------------------------------


async def test_large_bodies_are_refused_announced_or_not(house: "House") -> None:
    gateway = await house.gateway(body_limit=2_000)

    async def pieces() -> Any:
        for _ in range(10):
            yield b" " * 500

    assert (await gateway.send(headers=JSON, content=" " * 3_000)).status_code == 413
    assert (await gateway.send(headers=JSON, content=pieces())).status_code == 413
    assert (await gateway.send(headers=JSON, content=INITIALIZE)).status_code == 200


@pytest.mark.parametrize(
    "kind", [None, "text/plain", "application/x-www-form-urlencoded", "application/jsonx"]
)
async def test_other_content_types_are_refused(gateway: "Gateway", kind: str | None) -> None:
    headers = {"content-type": kind} if kind else {}
    assert (await gateway.send(headers=headers, content=INITIALIZE.encode())).status_code == 415


async def test_content_type_may_carry_a_charset(gateway: "Gateway") -> None:
    headers = {"content-type": "application/json; charset=utf-8"}
    assert (await gateway.send(headers=headers, content=INITIALIZE)).status_code == 200


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("*/*", 200),
        ("application/json", 200),
        ("application/*;q=0.5", 200),
        ("text/html", 406),
        ("image/png, text/html", 406),
    ],
)
async def test_accept_is_read_leniently(gateway: "Gateway", accept: str, status: int) -> None:
    answer = await gateway.send(headers={**JSON, "accept": accept}, content=INITIALIZE)
    assert answer.status_code == status


async def test_client_that_takes_only_a_stream_gets_one(gateway: "Gateway") -> None:
    answer = await gateway.send(headers={**JSON, "accept": "text/event-stream"}, content=INITIALIZE)
    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.headers["mcp-session-id"]
    data = answer.text.partition("data: ")[2].strip()
    assert json.loads(data)["result"]["protocolVersion"] == "2025-11-25"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}',
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","name":"b"}}',
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"crm__read","arguments":{"n":1,"\\u006e":2}}}',
        b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"n":NaN}}',
        b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"n":1e999}}',
        b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"n":' + b"9" * 5_000 + b"}}",
        b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"n":' + b"[" * 101 + b"]" * 101 + b"}}",
        b"[" * 100_000,
        b"[" + b",".join([b"[]"] * 200_001) + b"]",
        b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"n":"\xff"}}',
        b'\xef\xbb\xbf{"jsonrpc":"2.0","id":1,"method":"ping"}',
        '{"jsonrpc":"2.0","id":1,"method":"ping"}'.encode("utf-16"),
    ],
)
async def test_json_that_two_readers_could_read_differently_is_refused(
    gateway: "Gateway", body: bytes
) -> None:
    answer = await gateway.send(headers=JSON, content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == -32700
    assert answer.json()["id"] is None


async def test_lone_surrogates_in_arguments_are_refused(house: "House", gateway: "Gateway") -> None:
    body, headers = gateway.modern_request("tools/call", {"name": "crm__read", "arguments": {"text": "HERE"}})
    content = json.dumps(body).replace("HERE", "\\ud800")
    answer = await gateway.send(headers=headers, content=content)
    assert answer.status_code == 400
    assert not house.world.decided


# --- metadata ----------------------------------------------------------------------------------------


async def test_metadata_names_the_resource_of_each_endpoint(house: "House") -> None:
    issuer = "https://idp.example.com"
    gateway = await house.gateway(authorization_servers=(issuer,))
    root = "/.well-known/oauth-protected-resource"
    for path, resource in (("", "/mcp"), *((p, p) for p in PATHS[:5])):
        answer = await gateway.send("GET", root + path, token=None)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.json() == {
            "resource": f"http://gw.example.com{resource}",
            "authorization_servers": [issuer],
            "scopes_supported": ["mcp"],
            "bearer_methods_supported": ["header"],
            "resource_name": "Executor",
        }
    assert (await gateway.send("GET", f"{root}/other", token=None)).status_code == 404
    assert (await gateway.send("POST", root, token=None)).status_code == 405


async def test_the_rest_of_the_house_is_behind_the_same_door(gateway: "Gateway") -> None:
    assert (await gateway.send("GET", "/", token=None)).status_code == 200
    assert (await gateway.send("GET", "/api/v1/tools", token=None)).status_code == 401
    assert (await gateway.send("GET", "/", token=None, headers={"host": "evil.com"})).status_code == 421
