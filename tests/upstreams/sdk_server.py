"""An MCP server on the official SDK, in both protocol eras: echoes, writes, fails, answers oddly.

Run: `python tests/upstreams/sdk_server.py` (stdio) or with `--http [--port N] [--token SECRET]`.
"""

import argparse
import asyncio
import hmac
import json
import os
import socket
import sys

import uvicorn
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult, TextContent, ToolAnnotations
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

READS = ToolAnnotations(read_only_hint=True)
WRITES = ToolAnnotations(destructive_hint=False)

server = MCPServer("upstream", title="Notes", version="1.0", instructions="Keeps notes.")
notes: list[str] = []


@server.tool(annotations=READS)
def echo(text: str) -> str:
    """Give the text back."""
    return text


@server.tool(annotations=READS)
def list_notes() -> list[str]:
    """All notes so far."""
    return notes


@server.tool(annotations=WRITES)
def add_note(text: str) -> int:
    """Add a note; answers how many there are."""
    notes.append(text)
    return len(notes)


@server.tool()
def clear_notes() -> str:
    """Throw all notes away. Without annotations, as many servers have it."""
    notes.clear()
    return "gone"


@server.tool(annotations=READS)
def fail(reason: str = "on purpose") -> str:
    """Fail, as a tool does."""
    raise ToolError(f"failed: {reason}")


@server.tool(annotations=READS)
def show_headers(context: Context) -> dict[str, str]:
    """The HTTP headers of this request; empty over stdio."""
    return dict(context.headers or {})


@server.tool(annotations=READS)
def show_environment(name: str) -> str:
    """The value of one environment variable of the server."""
    return os.environ.get(name, "")


@server.tool(annotations=READS)
def show_process() -> int:
    """The process id of the server."""
    return os.getpid()


@server.tool(annotations=WRITES)
def end_now(text: str = "") -> str:
    """Keep a note and die before the answer."""
    notes.append(text)
    os._exit(1)


@server.tool(annotations=READS)
async def wait_for_ever() -> str:
    """Never answer."""
    await asyncio.Event().wait()
    return ""


@server.tool(annotations=READS)
def large(size: int) -> str:
    """A text of that many characters."""
    return "x" * size


@server.tool(annotations=READS, structured_output=False)
def odd() -> CallToolResult:
    """A result with vendor metadata and nulls inside structured content."""
    return CallToolResult(
        content=[TextContent(type="text", text="odd")],
        structured_content={"nothing": None, "big": 9007199254740993, "deep": {"list": [1, None, "ü"]}},
        _meta={"example.com/vendor": {"kept": True}},
    )


class TokenRequired:
    """Answers 401 without the bearer token."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._expected = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "http":
            given = Request(scope).headers.get("authorization", "").encode()
            if not hmac.compare_digest(given, self._expected):
                refusal = JSONResponse({"error": "invalid_token"}, 401, {"WWW-Authenticate": "Bearer"})
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)


def main() -> None:
    """Serve over stdio or HTTP."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--http", action="store_true")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--token")
    options = parser.parse_args()
    if not options.http:
        server.run()
        return
    app: ASGIApp = server.streamable_http_app()
    if options.token:
        app = TokenRequired(app, options.token)
    with socket.create_server(("127.0.0.1", options.port), backlog=256) as listening:
        sys.stdout.write(json.dumps({"url": f"http://127.0.0.1:{listening.getsockname()[1]}/mcp"}) + "\n")
        sys.stdout.flush()
        uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False)).run(sockets=[listening])


if __name__ == "__main__":
    main()
