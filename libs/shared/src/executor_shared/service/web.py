"""Serving an ASGI application by uvicorn inside a loop that someone else owns."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from typing import Final

import uvicorn

from executor_shared.errors import ConflictError
from executor_shared.service.service import Asgi
from executor_shared.settings import HttpSettings

_KEEP_ALIVE_SECONDS: Final = 65
_BACKLOG: Final = 2048


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers; says when it accepts."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.accepting = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.accepting.set()


def _bound(settings: HttpSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((settings.host, settings.port))
    except OSError as error:
        bound.close()
        raise ConflictError(
            f"Cannot listen on {settings.host} port {settings.port}: {error.strerror}. "
            f"Choose another port (EXECUTOR_HTTP__PORT; 0 picks a free one).",
            details={"field": "http.port", "port": settings.port},
        ) from error
    return bound


@asynccontextmanager
async def serving(app: Asgi, settings: HttpSettings, *, drain_seconds: int) -> AsyncGenerator[str]:
    """Serve `app` for the block; gives the base URL. At the end, requests in hand have `drain_seconds`.

    Raises:
        ConflictError: the address cannot be listened on.

    """
    bound = _bound(settings)
    config = uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=_BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=drain_seconds,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[bound]))
    accepting = asyncio.create_task(server.accepting.wait())
    try:
        await asyncio.wait({task, accepting}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            await task
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        yield f"http://{host}:{bound.getsockname()[1]}"
    finally:
        accepting.cancel()
        server.should_exit = True
        await task
        bound.close()
