"""Descriptions and servers that nobody here wrote: GitHub's API, npm's server-everything, PyPI's mcp-server-git."""

import asyncio
import contextlib
import json
import shutil
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.flows.conftest import place
from tests.flows.house import ERAS, House
from tests.upstreams import Running, Unavailable, git_command, github_description, github_mock

pytestmark = pytest.mark.connected

_IMPORT_SECONDS = 30.0
_METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}


@dataclass(frozen=True)
class Imported:
    """GitHub's API behind the house."""

    house: House
    applied: dict[str, Any]
    seconds: float
    operations: int


@pytest.fixture(scope="module")
def github(house: House) -> Generator[Imported]:
    with contextlib.ExitStack() as stack:
        try:
            description = github_description()
            mock = stack.enter_context(github_mock("/repos/{owner}/{repo}/license"))
        except Unavailable as missing:
            pytest.skip(str(missing))
        shutil.copy(description, house.folder / "github.json")
        paths: dict[str, Any] = json.loads(description.read_text())["paths"]
        document = f"""
integrations:
  - slug: github
    kind: openapi
    openapi: {{spec: ./github.json, server: "{mock.url}"}}
    network: {{allow: ["{place(mock.url)}"]}}
connections:
  - {{integration: github, name: main, owner: org}}
"""
        begun = time.monotonic()
        applied = asyncio.run(house.applied(document))
        seconds = time.monotonic() - begun
        yield Imported(house, applied, seconds, sum(len(_METHODS & set(path)) for path in paths.values()))
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
    assert max(map(len, names)) <= 46


async def test_one_of_githubs_operations_is_called(github: Imported):
    async with github.house.rest() as rest:
        found = (await rest.get("tools?query=licenses+get+for+repo&integration=github"))["items"]
    assert found[0]["address"] == "github.org.main.licenses.getForRepo"
    async with github.house.agent() as agent:
        answer = await agent.call(found[0]["name"], {"owner": "octocat", "repo": "hello-world"})
    assert answer.outcome == "ok", answer.text
    assert answer.structured["license"]["key"] == "mit"


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


@pytest.mark.parametrize("era", ERAS)
async def test_server_everything_is_proxied_over_http(house: House, everything_http: None, era: str):
    async with house.agent(era=era) as agent:
        answer = await agent.call("everything-http__get-sum", {"a": 2, "b": 40})
    assert answer.outcome == "ok", answer.text
    assert "42" in answer.text


@pytest.mark.parametrize("era", ERAS)
async def test_server_everything_is_proxied_over_stdio(house: House, everything_command: None, era: str):
    async with house.agent(era=era) as agent:
        answer = await agent.call("everything-stdio__get-sum", {"a": 2, "b": 40})
    assert answer.outcome == "ok", answer.text
    assert "42" in answer.text


@pytest.mark.parametrize("era", ERAS)
async def test_mcp_server_git_is_proxied(house: House, git: Path, era: str):
    async with house.agent(era=era) as agent:
        answer = await agent.call("git__git_log", {"repo_path": str(git)})
    assert answer.outcome == "ok", answer.text
    assert "First commit" in answer.text


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
