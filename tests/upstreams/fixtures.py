"""The servers as pytest fixtures, one of each for a whole test session.

A `conftest.py` takes them by `from tests.upstreams.fixtures import …`.
"""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.upstreams import servers
from tests.upstreams.process import Running, Unavailable

CRM_KEY = "crm-key-7c2f51"
GRAPH_TOKEN = "graph-token-91ab3e"
MCP_TOKEN = "mcp-token-5d80c4"


@pytest.fixture(scope="session")
def crm_server() -> Iterator[Running]:
    """The REST API behind `CRM_KEY`."""
    with servers.crm(CRM_KEY) as server:
        yield server


@pytest.fixture(scope="session")
def graph_server() -> Iterator[Running]:
    """The GraphQL API behind `GRAPH_TOKEN`."""
    with servers.graph(GRAPH_TOKEN) as server:
        yield server


@pytest.fixture(scope="session")
def mcp_server() -> Iterator[Running]:
    """Our both-era MCP server, open to all."""
    with servers.sdk_http() as server:
        yield server


@pytest.fixture(scope="session")
def mcp_server_with_token() -> Iterator[Running]:
    """Our both-era MCP server behind `MCP_TOKEN`."""
    with servers.sdk_http(MCP_TOKEN) as server:
        yield server


@pytest.fixture(scope="session")
def everything_server() -> Iterator[Running]:
    """npm's server-everything over HTTP; skips where it cannot run."""
    with contextlib.ExitStack() as stack:
        try:
            server = stack.enter_context(servers.everything_http())
        except Unavailable as missing:
            pytest.skip(str(missing))
        yield server


@pytest.fixture(scope="session")
def everything_stdio() -> list[str]:
    """The command of npm's server-everything over stdio; skips where it cannot run."""
    try:
        return servers.everything_command()
    except Unavailable as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def git_repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A git repository with one commit, for `mcp-server-git`."""
    folder = tmp_path_factory.mktemp("repository")
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.com"]
    (folder / "README.md").write_text("A repository for tests.\n")
    for command in (["init", "-q"], ["add", "."], [*identity, "commit", "-qm", "First commit"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder
