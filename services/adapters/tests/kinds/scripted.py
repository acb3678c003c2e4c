"""An HTTP server whose every answer a test writes itself."""

import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Message = dict[str, Any]
Answering = Callable[["Arrived"], Awaitable[web.StreamResponse]]


@dataclass
class Arrived:
    """A request, with its JSON body where it has one."""

    request: web.Request
    message: Message

    @property
    def method(self) -> str:
        return str(self.message.get("method", ""))

    def result(self, result: object, **headers: str) -> web.Response:
        """A JSON-RPC result for it."""
        return answered(self.message, headers=headers, result=result)

    def error(self, code: int, message: str = "no", status: int = 200, data: object = None) -> web.Response:
        """A JSON-RPC error for it."""
        return answered(self.message, status, error={"code": code, "message": message, "data": data})


def answered(
    message: Message, status: int = 200, headers: dict[str, str] | None = None, **body: object
) -> web.Response:
    """A JSON-RPC answer."""
    text = json.dumps({"jsonrpc": "2.0", "id": message.get("id"), **body})
    return web.Response(status=status, text=text, content_type="application/json", headers=headers)


@dataclass
class Scripted:
    """A running server and what arrived at it."""

    url: str
    arrived: list[Arrived] = field(default_factory=list[Arrived])

    def methods(self) -> list[str]:
        """The JSON-RPC methods in the order of their arrival."""
        return [each.method for each in self.arrived if each.method]


@asynccontextmanager
async def scripted(answer: Answering) -> AsyncGenerator[Scripted]:
    """Serve on a free port for the block."""
    server = Scripted("")

    async def handle(request: web.Request) -> web.StreamResponse:
        text = await request.text()
        arrived = Arrived(request, json.loads(text) if text else {})
        server.arrived.append(arrived)
        return await answer(arrived)

    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_route("*", "/mcp", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/mcp"
    try:
        yield server
    finally:
        await runner.cleanup()
