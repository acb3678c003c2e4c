"""Which servers there are and how each is started."""

import contextlib
import json
import shutil
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path

from tests.upstreams.process import Running, Unavailable, free_port, running

_NODE = Path(__file__).parent / "node"
_EVERYTHING = _NODE / "node_modules/@modelcontextprotocol/server-everything/dist/index.js"
_GITHUB = _NODE / "node_modules/@octokit/openapi/generated/api.github.com.json"
_PRISM = _NODE / "node_modules/@stoplight/prism-cli/dist/index.js"


def crm(key: str) -> contextlib.AbstractContextManager[Running]:
    """`examples/crm`: a REST API behind an API key; its description is `examples/crm/openapi.yaml`."""
    return running([sys.executable, "-m", "examples.crm.server", "--key", key])


def graph(token: str) -> contextlib.AbstractContextManager[Running]:
    """`examples/graph`: a GraphQL API behind a bearer token."""
    return running([sys.executable, "-m", "examples.graph.server", "--token", token])


def sdk_command() -> list[str]:
    """Our own MCP server on the official SDK, over stdio: both eras."""
    return [sys.executable, str(Path(__file__).with_name("sdk_server.py"))]


def sdk_http(token: str | None = None) -> contextlib.AbstractContextManager[Running]:
    """Our own MCP server on the official SDK, over streamable HTTP: both eras on one URL.

    Args:
        token: the bearer token that it demands; None: it is open.

    """
    return running([*sdk_command(), "--http", *(["--token", token] if token else [])])


def git_command(repository: Path) -> list[str]:
    """PyPI `mcp-server-git` over stdio, for one repository."""
    return [sys.executable, "-m", "mcp_server_git", "--repository", str(repository)]


def everything_command() -> list[str]:
    """npm `@modelcontextprotocol/server-everything` over stdio (handshake era only).

    Raises:
        Unavailable: node or the installed package is missing.

    """
    return [*_node(), str(_installed(_EVERYTHING))]


@contextlib.contextmanager
def everything_http() -> Generator[Running]:
    """npm `@modelcontextprotocol/server-everything` over streamable HTTP (handshake era only).

    Raises:
        Unavailable: node or the installed package is missing.

    """
    port = free_port()
    command = [*everything_command(), "streamableHttp"]
    with running(command, env={"PORT": str(port)}, url=f"http://127.0.0.1:{port}/mcp") as server:
        yield server


def github_description() -> Path:
    """GitHub's own OpenAPI description, from npm `@octokit/openapi`: more than a thousand operations.

    Raises:
        Unavailable: the package is not installed.

    """
    return _installed(_GITHUB)


@contextlib.contextmanager
def github_mock(*paths: str) -> Generator[Running]:
    """npm `@stoplight/prism-cli` answering for GitHub with the examples of its description.

    Args:
        paths: which it serves; all of them would take it ten seconds to read.

    Raises:
        Unavailable: node or the installed package is missing.

    """
    node, prism, port = _node(), _installed(_PRISM), free_port()
    described = json.loads(github_description().read_text())
    described["paths"] = {path: described["paths"][path] for path in paths}
    described.pop("x-webhooks", None)
    with tempfile.NamedTemporaryFile("w", suffix=".json") as part:
        json.dump(described, part)
        part.flush()
        command = [*node, str(prism), "mock", "-p", str(port), part.name]
        with running(command, url=f"http://127.0.0.1:{port}") as server:
            yield server


def _node() -> list[str]:
    node = shutil.which("node")
    if node is None:
        raise Unavailable("node is not installed: upstreams of npm cannot be started")
    return [node]


def _installed(path: Path) -> Path:
    if not path.exists():
        raise Unavailable("npm upstreams are not installed: run scripts/test-upstreams")
    return path
