"""Descriptions and servers that nobody here wrote: GitHub's API, npm's server-everything, PyPI's mcp-server-git."""

import asyncio
import contextlib
import http.server
import json
import re
import shutil
import threading
import time
import urllib.request
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.flows.conftest import place
from tests.flows.house import ERAS, House
from tests.upstreams import Running, Unavailable, git_command, github_description, github_mock

pytestmark = pytest.mark.connected

_IMPORT_SECONDS = 30.0
_CONNECTION = "/mcp/connections/{}/org/main"
_META = "io.modelcontextprotocol"
_TOKEN = "github-token-6b1f20"
_METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}


@dataclass(frozen=True)
class Imported:
    """GitHub's API behind the house."""

    house: House
    applied: dict[str, Any]
    seconds: float
    operations: int
    seen: "Seen"


@dataclass(frozen=True)
class Seen:
    """What came by on the way to the mock."""

    url: str
    requests: list[tuple[str, str | None]] = field(default_factory=list[tuple[str, str | None]])


@contextlib.contextmanager
def _seeing(mock: str) -> Generator[Seen]:
    """A door before the mock that keeps path and `Authorization` of every request."""

    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.requests.append((self.path, self.headers.get("Authorization")))
            with direct.open(mock + self.path, timeout=20) as answer:
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.headers["Content-Type"])
                self.end_headers()
                self.wfile.write(answer.read())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        seen = Seen(f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield seen
        server.shutdown()
        thread.join(10)


@pytest.fixture(scope="module")
def github(house: House) -> Generator[Imported]:
    with contextlib.ExitStack() as stack:
        try:
            description = github_description()
            mock = stack.enter_context(github_mock("/repos/{owner}/{repo}", "/repos/{owner}/{repo}/license"))
        except Unavailable as missing:
            pytest.skip(str(missing))
        seen = stack.enter_context(_seeing(mock.url))
        shutil.copy(description, house.folder / "github.json")
        paths: dict[str, Any] = json.loads(description.read_text())["paths"]
        document = f"""
integrations:
  - slug: github
    kind: openapi
    openapi: {{spec: ./github.json, server: "{seen.url}"}}
    network: {{allow: ["{place(seen.url)}"]}}
connections:
  - {{integration: github, name: main, owner: org, credential: {{env: GITHUB_SECRET}}}}
"""
        begun = time.monotonic()
        applied = asyncio.run(house.applied(document, GITHUB_SECRET=_TOKEN))
        seconds = time.monotonic() - begun
        operations = sum(len(_METHODS & set(path)) for path in paths.values())
        yield Imported(house, applied, seconds, operations, seen)
        asyncio.run(_remove(house, "github"))


async def _remove(house: House, *slugs: str) -> None:
    async with house.rest() as rest:
        for slug in slugs:
            response = await rest.send("DELETE", f"integrations/{slug}")
            assert response.status_code in {200, 204}, response.text


def test_githubs_description_is_imported_in_time(github: Imported, capsys: pytest.CaptureFixture[str]):
    (tools,) = github.applied["tools"]
    with capsys.disabled():
        print(f"\nGitHub: {len(tools['added'])} tools imported in {github.seconds:.1f} s")  # noqa: T201
    assert github.operations > 1000
    assert len(tools["added"]) == github.operations
    assert not tools.get("set_aside")
    assert github.seconds < _IMPORT_SECONDS


@pytest.mark.parametrize("era", ERAS)
async def test_githubs_operations_are_listed_in_full(github: Imported, era: str):
    async with github.house.agent(era=era) as agent:
        names = [name for name in await agent.tools() if name.startswith("github__")]
    assert len(names) == github.operations
    assert len({name.casefold() for name in names}) == github.operations
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,46}", name) for name in names)


async def test_githubs_operations_are_listed_in_the_same_bytes_every_time(github: Imported):
    first, second = await _listed(github.house), await _listed(github.house)
    assert len(first) > 1
    assert first == second


async def _listed(house: House) -> list[bytes]:
    """Every page of `tools/list` as it stands on the wire."""
    pages: list[bytes] = []
    params: dict[str, Any] = {
        "_meta": {f"{_META}/protocolVersion": ERAS[1], f"{_META}/clientCapabilities": {}}
    }
    headers = {
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": ERAS[1],
        "mcp-method": "tools/list",
    }
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": params}
    async with house.rest("alice") as rest:
        while True:
            answer = await rest.http.post("/mcp", json=body, headers=headers)
            assert answer.status_code == 200, answer.text
            pages.append(answer.content)
            cursor = answer.json()["result"].get("nextCursor")
            if cursor is None:
                return pages
            params["cursor"] = cursor


@pytest.mark.parametrize("era", ERAS)
async def test_one_of_githubs_operations_is_found_and_called_with_the_credential(github: Imported, era: str):
    async with github.house.rest() as rest:
        found = (await rest.get("tools?query=licenses+get+for+repo&integration=github"))["items"]
    assert found[0]["address"] == "github.org.main.licenses.getForRepo"
    async with github.house.agent(era=era) as agent:
        answer = await agent.call(found[0]["name"], {"owner": "octocat", "repo": "hello-world"})
    assert answer.outcome == "ok", answer.text
    assert answer.structured["license"]["key"] == "mit"
    assert github.seen.requests[-1] == ("/repos/octocat/hello-world/license", f"Bearer {_TOKEN}")


async def test_githubs_connection_has_an_endpoint_of_its_own(github: Imported):
    async with github.house.agent(path=_CONNECTION.format("github")) as agent:
        assert len(await agent.tools()) == github.operations
        answer = await agent.call("repos.get", {"owner": "octocat", "repo": "Hello-World"})
    assert answer.outcome == "ok", answer.text
    assert answer.structured["full_name"] == "octocat/Hello-World"
    assert github.seen.requests[-1] == ("/repos/octocat/Hello-World", f"Bearer {_TOKEN}")


def _added(house: House, slug: str, mcp: dict[str, Any], allow: list[str]) -> None:
    integration = {"slug": slug, "kind": "mcp", "mcp": mcp, "network": {"allow": allow}}
    connection = {"integration": slug, "name": "main", "owner": "org"}
    allowed = {
        "name": f"all of {slug}",
        "scope": "org",
        "match": {"tool": f"{slug}.org.main.*"},
        "effect": "allow",
    }
    document = {"integrations": [integration], "connections": [connection], "policies": [allowed]}
    asyncio.run(house.applied(yaml.safe_dump(document)))


async def _through_both_doors(
    house: House, era: str, slug: str, tool: str, arguments: dict[str, Any], says: str
) -> None:
    """Call a tool in the whole catalog, and under its own name at its connection."""
    for path, name in (("/mcp", f"{slug}__{tool}"), (_CONNECTION.format(slug), tool)):
        async with house.agent(era=era, path=path) as agent:
            assert name in await agent.tools()
            answer = await agent.call(name, arguments)
        assert answer.outcome == "ok", answer.text
        assert says in answer.text


@pytest.mark.parametrize("era", ERAS)
async def test_server_everything_is_proxied_over_http(house: House, everything_http: None, era: str):
    await _through_both_doors(house, era, "everything-http", "get-sum", {"a": 2, "b": 40}, "42")


@pytest.mark.parametrize("era", ERAS)
async def test_server_everything_is_proxied_over_stdio(house: House, everything_command: None, era: str):
    await _through_both_doors(house, era, "everything-stdio", "get-sum", {"a": 2, "b": 40}, "42")


@pytest.mark.parametrize("era", ERAS)
async def test_mcp_server_git_is_proxied(house: House, git: Path, era: str):
    await _through_both_doors(house, era, "git", "git_log", {"repo_path": str(git)}, "First commit")


@pytest.fixture(scope="module")
def everything_http(house: House, everything_server: Running) -> Generator[None]:
    allow = [place(everything_server.url)]
    _added(house, "everything-http", {"url": everything_server.url}, allow)
    yield
    asyncio.run(_remove(house, "everything-http"))


@pytest.fixture(scope="module")
def everything_command(house: House, everything_stdio: list[str]) -> Generator[None]:
    _added(house, "everything-stdio", {"command": everything_stdio}, [])
    yield
    asyncio.run(_remove(house, "everything-stdio"))


@pytest.fixture(scope="module")
def git(house: House, git_repository: Path) -> Generator[Path]:
    _added(house, "git", {"command": git_command(git_repository)}, [])
    yield git_repository
    asyncio.run(_remove(house, "git"))
