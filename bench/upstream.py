"""The smallest upstreams that answer correctly: an MCP server (2026-07-28) and a REST API, plain ASGI.

Run: `python -m bench.upstream PORT TOOLS`.
"""

import json
import sys
from typing import Any

import uvicorn

_VERSION = "2026-07-28"
KEY = "bench-key"


def _tool(number: int) -> dict[str, Any]:
    schema = {
        "type": "object",
        "properties": {"text": {"type": "string"}, "count": {"type": "integer", "minimum": 0}},
        "required": ["text"],
        "additionalProperties": False,
    }
    return {
        "name": f"echo_{number:05d}",
        "title": f"Echo {number}",
        "description": "Gives back the text that it is given, for measuring what lies between.",
        "inputSchema": schema,
        "annotations": {"readOnlyHint": True, "openWorldHint": False},
    }


def description(port: int) -> dict[str, Any]:
    """The OpenAPI description of the REST side."""
    parameter = {"name": "text", "in": "query", "required": True, "schema": {"type": "string"}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Bench", "version": "1"},
        "servers": [{"url": f"http://127.0.0.1:{port}"}],
        "security": [{"key": []}],
        "components": {"securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-Api-Key"}}},
        "paths": {
            "/echo": {
                "get": {
                    "operationId": "echo",
                    "tags": ["bench"],
                    "parameters": [parameter],
                    "responses": {"200": {"description": "The text.", "content": {"application/json": {}}}},
                }
            }
        },
    }


class Upstream:
    """Both sides on one port."""

    def __init__(self, tools: int) -> None:
        self._tools = [_tool(number) for number in range(tools)]
        self._answer = {"resultType": "complete", "content": [{"type": "text", "text": "hello"}]}

    def result(self, method: str) -> dict[str, Any] | None:
        """The result of an MCP method; None where there is no such method."""
        cached = {"resultType": "complete", "ttlMs": 60000, "cacheScope": "public"}
        if method == "server/discover":
            info = {"name": "bench", "version": "1"}
            capabilities = {"tools": {}}
            return {
                **cached,
                "supportedVersions": [_VERSION],
                "capabilities": capabilities,
                "serverInfo": info,
            }
        if method == "tools/list":
            return {**cached, "tools": self._tools}
        return self._answer if method == "tools/call" else None

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        if scope["path"] == "/echo":
            allowed = (b"x-api-key", KEY.encode()) in scope["headers"]
            await _send(send, 200 if allowed else 401, {"text": "hello"})
            return
        body = b""
        while True:
            event = await receive()
            body += event.get("body", b"")
            if not event.get("more_body"):
                break
        message = json.loads(body)
        result = self.result(message["method"])
        if result is None:
            error = {"code": -32601, "message": "Method not found"}
            await _send(send, 404, {"jsonrpc": "2.0", "id": message.get("id"), "error": error})
        else:
            await _send(send, 200, {"jsonrpc": "2.0", "id": message["id"], "result": result})


async def _send(send: Any, status: int, value: dict[str, Any]) -> None:
    body = json.dumps(value).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


if __name__ == "__main__":
    uvicorn.run(
        Upstream(int(sys.argv[2])),
        host="127.0.0.1",
        port=int(sys.argv[1]),
        log_level="warning",
        access_log=False,
    )
