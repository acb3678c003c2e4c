"""Scripted MCP servers of both eras."""

import json
from collections.abc import Awaitable, Callable

from aiohttp import web
from services.adapters.tests.kinds.scripted import Arrived, Message

Tools = Callable[[Arrived], Awaitable[web.StreamResponse]]
DISCOVERED: Message = {
    "supportedVersions": ["2026-07-28"],
    "capabilities": {"tools": {}},
    "serverInfo": {"name": "scripted", "title": "Scripted"},
    "resultType": "complete",
}
GREETED: Message = {
    "protocolVersion": "2025-11-25",
    "capabilities": {"tools": {}},
    "serverInfo": {"name": "scripted"},
}
ECHO: Message = {
    "name": "echo",
    "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}},
    "annotations": {"readOnlyHint": True},
}
OK: Message = {"content": [{"type": "text", "text": "ok"}]}


def modern(tools: Tools) -> Tools:
    """A 2026-07-28 server; everything but discovery is up to `tools`."""

    async def answer(arrived: Arrived) -> web.StreamResponse:
        if arrived.method == "server/discover":
            return arrived.result(DISCOVERED)
        return await tools(arrived)

    return answer


def legacy(tools: Tools, session: str = "s1") -> Tools:
    """A handshake-era server with sessions; everything but the handshake is up to `tools`."""

    async def answer(arrived: Arrived) -> web.StreamResponse:
        if arrived.request.method == "DELETE":
            return web.Response(status=200)
        if arrived.method == "initialize":
            return arrived.result(GREETED, **{"Mcp-Session-Id": session})
        if arrived.method.startswith("notifications/"):
            return web.Response(status=202)
        if "Mcp-Session-Id" not in arrived.request.headers:
            return arrived.error(-32000, "Bad Request: Server not initialized", 400)
        return await tools(arrived)

    return answer


def offering(*tools: object, result: Message | None = None) -> Tools:
    """Lists these tools and answers every call with the same result."""

    async def answer(arrived: Arrived) -> web.StreamResponse:
        if arrived.method == "tools/list":
            return arrived.result({"tools": list(tools)})
        return arrived.result(OK if result is None else result)

    return answer


async def stream(arrived: Arrived, *events: Message, cut: bool = False) -> web.StreamResponse:
    """Answer with server-sent events."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(arrived.request)
    for event in events:
        await response.write(b"event: message\ndata: " + json.dumps(event).encode() + b"\n\n")
    if cut and arrived.request.transport is not None:
        arrived.request.transport.close()
        return response
    await response.write_eof()
    return response
