import asyncio
import re
from typing import Any

import pytest
from starlette.routing import BaseRoute

from executor_gateway.http import rest

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
OPEN = {"/", "/approvals/x"}


def _paths(app: Any) -> set[str]:
    found: set[str] = set()
    routes: list[BaseRoute] = list(app.routes)
    while routes:
        route = routes.pop()
        path = getattr(route, "path", None)
        if path:
            found.add(path)
        inner = getattr(route, "original_router", None) or getattr(route, "router", None)
        routes += list(getattr(inner, "routes", ()))
    return found | {f"{path}" for path in app.openapi()["paths"]}


async def test_every_path_and_method_needs_a_token_before_anything_else(world: Any, client: Any) -> None:
    paths = {re.sub(r"\{[^}]+\}", "x", path) for path in _paths(rest(world.use))} - OPEN
    assert len(paths) > 20
    paths |= {
        "/nowhere",
        "/api/v1/nowhere",
        "/approvals/..%2fapi/v1/me",
        "/api/v1/me/",
        "/approvals/",
        "/approvals/x/y",
        "/docs",
        "/mcpx",
    }
    for path in sorted(paths):
        for method in METHODS:
            for body in (b"", b"{", b"x" * 2_000_000):
                answer = await client.request(method, path, content=body)
                assert answer.status_code == 401, (method, path)
                assert answer.headers["www-authenticate"] == "Bearer"
                if method != "HEAD":
                    assert answer.json()["code"] == "not_authenticated"
                    assert answer.headers["content-type"] == "application/problem+json"
    assert world.steps.done == []
    assert world.records.asked == []


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_the_pages_are_open_for_reading_only(client: Any, method: str) -> None:
    for path in ("/", "/approvals/apr_1"):
        assert (await client.request(method, path)).status_code == 401


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic exe_admin",
        "Bearer exe_nobody",
        "Bearer exe_admin x",
        "exe_admin",
        "Bearer \xe9",
    ],
)
async def test_what_is_no_known_token_is_refused(client: Any, header: str) -> None:
    answer = await client.get("/api/v1/me", headers={"Authorization": header.encode("latin-1")})
    assert answer.status_code == 401


async def test_two_tokens_are_no_token(client: Any) -> None:
    headers = [("Authorization", "Bearer exe_admin"), ("Authorization", "Bearer exe_agent")]
    assert (await client.get("/api/v1/me", headers=headers)).status_code == 401


async def test_a_known_token_is_who_asks(client: Any, agent: dict[str, str]) -> None:
    answer = await client.get("/api/v1/me", headers=agent)
    assert answer.json() == {
        "tenant": "default",
        "subject": "bot",
        "person": "bot",
        "groups": ["support"],
        "admin": False,
    }
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/config/plan"),
        ("POST", "/config/apply"),
        ("GET", "/config"),
        ("DELETE", "/integrations/crm"),
        ("POST", "/integrations/crm/refresh"),
        ("DELETE", "/connections/conn_1"),
        ("DELETE", "/toolkits/support"),
        ("GET", "/policies"),
        ("DELETE", "/policies/old"),
        ("GET", "/principals"),
        ("DELETE", "/principals/bot"),
        ("DELETE", "/api-keys/bot"),
        ("GET", "/definitions"),
        ("POST", "/definitions/tool_h/accept"),
        ("POST", "/definitions/tool_h/reject"),
        ("GET", "/credentials/sealing-key"),
    ],
)
async def test_configuring_needs_an_administrator(
    world: Any, client: Any, agent: dict[str, str], method: str, path: str
) -> None:
    answer = await client.request(method, f"/api/v1{path}", headers=agent)
    assert answer.status_code == 403, answer.text
    assert answer.json()["code"] == "not_permitted"
    assert world.steps.done == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/integrations", {"slug": "x", "kind": "mcp", "mcp": {"url": "http://x"}}),
        ("/connections", {"integration": "crm", "name": "b"}),
        ("/toolkits", {"slug": "x", "tools": []}),
        ("/policies", {"name": "x", "match": {"tool": "*"}, "effect": "allow"}),
        ("/principals", {"subject": "eve", "admin": True}),
        ("/api-keys", {"subject": "root"}),
    ],
)
async def test_writing_a_noun_needs_an_administrator(
    world: Any, client: Any, agent: dict[str, str], path: str, body: dict[str, Any]
) -> None:
    answer = await client.post(f"/api/v1{path}", headers=agent, json=body)
    assert answer.status_code == 403, answer.text
    assert world.steps.done == []


async def test_an_unknown_path_is_a_problem(client: Any, admin: dict[str, str]) -> None:
    answer = await client.get("/api/v1/nowhere", headers=admin)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    answer = await client.put("/api/v1/me", headers=admin)
    assert (answer.status_code, answer.json()["code"]) == (405, "invalid_request")


async def test_a_body_beyond_its_bound_is_refused(client: Any, admin: dict[str, str]) -> None:
    answer = await client.post("/api/v1/toolkits", headers=admin, content=b"x" * (1024 * 1024 + 1))
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")

    async def chunks() -> Any:
        for _ in range(20):
            yield b"x" * 100_000

    answer = await client.post("/api/v1/toolkits", headers=admin, content=chunks())
    assert answer.status_code == 413


async def test_a_configuration_may_be_large_but_only_an_administrators(
    client: Any, admin: dict[str, str], agent: dict[str, str]
) -> None:
    large = b"#" * (2 * 1024 * 1024)
    assert (await client.post("/api/v1/config/plan", headers=agent, content=large)).status_code == 413
    answer = await client.post("/api/v1/config/plan", headers=admin, content=large)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert "larger than 1024 KiB" in answer.json()["detail"]


async def test_who_may_not_configure_holds_up_nobody_who_may(
    client: Any, admin: dict[str, str], agent: dict[str, str]
) -> None:
    free, arrived = asyncio.Event(), asyncio.Event()
    begun = 0

    async def slow() -> Any:
        nonlocal begun
        begun += 1
        if begun == 2:
            arrived.set()
        yield b"{"
        await free.wait()

    held = [
        asyncio.create_task(client.post("/api/v1/config/apply", headers=agent, content=slow()))
        for _ in range(2)
    ]
    await arrived.wait()
    answer = await client.post("/api/v1/config/plan", headers=admin, content=b"#")
    free.set()
    assert answer.status_code == 400, answer.text
    assert [each.status_code for each in await asyncio.gather(*held)] == [403, 403]


async def test_an_unforeseen_error_is_told_by_an_id_alone(
    world: Any, client: Any, admin: dict[str, str]
) -> None:
    world.steps.fails["policy dry"] = RuntimeError("secret inside")
    answer = await client.post("/api/v1/toolkits", headers=admin, json={"slug": "a", "tools": ["*"]})
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "err_" in answer.json()["detail"]
    assert "secret inside" not in answer.text


async def test_a_wrong_body_names_its_fields_and_repeats_no_value(client: Any, admin: dict[str, str]) -> None:
    body = {"integration": "crm", "name": "b", "values": "hunter2", "colour": 1}
    answer = await client.post("/api/v1/connections", headers=admin, json=body)
    assert answer.status_code == 400
    assert [field["field"] for field in answer.json()["details"]["fields"]] == ["values", "colour"]
    assert "hunter2" not in answer.text
