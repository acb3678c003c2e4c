"""The HTTP of the stand-in, in a thread of its own."""

import asyncio
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Literal

import msgspec
import uvicorn
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tests.standins.vault.answers import Asked, Body, Refused
from tests.standins.vault.auth import AppRoles
from tests.standins.vault.kv import KeyValues
from tests.standins.vault.system import System

State = Literal["active", "sealed", "standby", "overloaded", "broken"]


class StandInClock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.seconds = 1_800_000_000.0

    def __call__(self) -> float:
        """Seconds since the epoch."""
        return self.seconds


class VaultStandIn:
    """A running stand-in.

    Attributes:
        state: `standby` redirects to `elsewhere`; `overloaded` answers 429; `broken` 500.
        hold: while set, requests wait (for clients that must not).
        requests: method and raw path of every request, and its namespace.

    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.clock = StandInClock()
        self.system = System(self.clock)
        self.system.kv["executor"] = KeyValues(self.clock)
        self.system.approle["approle"] = AppRoles(self.system.tokens, self.clock)
        self.root = self.system.tokens.issue(["root"]).id
        self.state: State = "active"
        self.elsewhere = "http://127.0.0.1:1"
        self.hold = threading.Event()
        self.release = threading.Event()
        self.namespace: str | None = None
        self.requests: list[tuple[str, str, str | None]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as an ASGI application."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        namespace = request.headers.get("x-vault-namespace")
        self.requests.append((request.method, scope["raw_path"].decode(), namespace))
        if self.hold.is_set():
            await asyncio.to_thread(self.release.wait, 30)
        status, body, headers = self._stateful(request.url.path) or await self._answer(request)
        content = msgspec.json.encode(body) if status != 204 and body is not None else b""
        response = Response(content, status, headers, media_type="application/json")
        await response(scope, receive, send)

    def _stateful(self, path: str) -> tuple[int, Body | None, dict[str, str]] | None:
        """What the state answers in place of the rest."""
        health = path == "/v1/sys/health"
        match self.state:
            case "active":
                facts: Body = {"initialized": True, "sealed": False, "standby": False, "version": "stand-in"}
                return (200, facts, {}) if health else None
            case "sealed":
                return 503, {"errors": ["Vault is sealed"]}, {}
            case "standby" if health:
                return 429, {"initialized": True, "sealed": False, "standby": True}, {}
            case "standby":
                return 307, None, {"location": f"{self.elsewhere}{path}"}
            case "overloaded":
                return 429, {"errors": ["request path: rate limit quota exceeded"]}, {}
            case "broken":
                return 500, {"errors": ["internal error"]}, {}

    async def _answer(self, request: Request) -> tuple[int, Body | None, dict[str, str]]:
        raw = await request.body()
        asked = Asked(
            method="LIST" if request.query_params.get("list") == "true" else request.method,
            path=request.url.path.removeprefix("/v1/"),
            body=msgspec.json.decode(raw, type=dict[str, object]) if raw.strip() else {},
            token=request.headers.get("x-vault-token", ""),
            query=dict(request.query_params),
        )
        if self.namespace is not None and request.headers.get("x-vault-namespace") != self.namespace:
            return 404, {"errors": ["no handler for route in this namespace"]}, {}
        try:
            answer = self.system.answer(asked)
        except Refused as refused:
            return refused.status, refused.body, {}
        return answer.status, answer.body, {}

    @classmethod
    @contextmanager
    def running(cls, host: str = "127.0.0.1", port: int = 0) -> "Generator[VaultStandIn]":
        """A stand-in that answers for the block."""
        with socket.create_server((host, port), backlog=256) as listening:
            standin = cls(f"http://{host}:{listening.getsockname()[1]}")
            config = uvicorn.Config(standin, log_level="error", access_log=False, lifespan="off")
            server = uvicorn.Server(config)
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
            thread.start()
            try:
                yield standin
            finally:
                standin.release.set()
                server.should_exit = server.force_exit = True
                thread.join(10)
