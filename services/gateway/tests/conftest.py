"""A gateway on real HTTP, with the contracts of the others served by fakes on the memory bus."""

import asyncio
import hashlib
import json
import socket
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx2
import msgspec
import pytest
import uvicorn

from executor_gateway.compose import compose
from executor_gateway.settings import GatewaySettings
from executor_shared import context
from executor_shared.bus import Bus, Handler, Listener, MemoryHub, MemoryTransport
from executor_shared.bus.nats import NatsTransport
from executor_shared.canonical import digest
from executor_shared.contracts.adapters import EXECUTE_CALL, ExecuteCall, Executed
from executor_shared.contracts.base import ServiceName
from executor_shared.contracts.catalog import (
    CATALOG_CHANGED,
    GET_CHANGES,
    CatalogChanged,
    Changes,
    ChangesAsked,
    Connection,
    Integration,
    Tool,
    Toolkit,
)
from executor_shared.contracts.policy import (
    CALL_FINISHED,
    DECIDE_CALL,
    IDENTIFY,
    LIST_BLOCKED,
    POLICY_CHANGED,
    Allow,
    AlreadyCalled,
    ApprovalNeeded,
    Block,
    Blocked,
    CallDecision,
    CallFinished,
    DecideCall,
    Identify,
    ListBlocked,
    PolicyChanged,
)
from executor_shared.contracts.vocabulary import Effect, Principal
from executor_shared.errors import NotAuthenticatedError
from executor_shared.testing.bus_fixtures import Nats

MODERN = "2026-07-28"
META = "io.modelcontextprotocol/"
KEY = "k" * 32
Raw = msgspec.Raw
Outcome = Allow | ApprovalNeeded | Block | AlreadyCalled


def _proof(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


@dataclass
class World:
    """What the others know and say; tests change it."""

    principals: dict[str, Principal] = field(default_factory=dict)
    changes: list[tuple[int, Any]] = field(default_factory=list)
    revision: int = 0
    blocked: set[str] = field(default_factory=set)
    decide: Callable[[DecideCall], Awaitable[Outcome]] | None = None
    execute: Callable[[ExecuteCall], Awaitable[Executed]] | None = None
    identified: int = 0
    listed: int = 0
    decided: list[DecideCall] = field(default_factory=list)
    executed: list[ExecuteCall] = field(default_factory=list)
    finished: asyncio.Queue[CallFinished] = field(default_factory=asyncio.Queue)
    contexts: list[context.CallContext] = field(default_factory=list)

    def add(self, record: Integration | Connection | Tool | Toolkit) -> None:
        self.revision += 1
        self.changes.append((self.revision, msgspec.structs.replace(record, revision=self.revision)))

    def tool(
        self,
        tool: str,
        connection: str,
        own_name: str,
        definition: dict[str, Any] | None = None,
        *,
        effect: Effect = "read",
        tenant: str = "acme",
        **more: Any,
    ) -> None:
        shown: dict[str, Any] = {"inputSchema": {"type": "object", "properties": {"n": {"type": "integer"}}}}
        shown = shown if definition is None else definition
        slug = connection.split("-")[1]
        self.add(
            Tool(
                tenant=tenant,
                id=tool,
                revision=0,
                connection=connection,
                address=f"{slug}.org.main.{own_name}",
                name=f"{slug}__{own_name.replace('.', '_')}",
                own_name=own_name,
                effect=effect,
                definition=Raw(msgspec.json.encode(shown)),
                public_digest=digest({**shown, "name": own_name}),
                **more,
            )
        )


class Others:
    """Policy, catalog and adapters."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def identify(self, asked: Identify) -> Principal:
        self.world.identified += 1
        if found := self.world.principals.get(asked.proof):
            return found
        raise NotAuthenticatedError("Nobody holds this token.")

    async def decide(self, asked: DecideCall) -> CallDecision:
        self.world.decided.append(asked)
        if here := context.current():
            self.world.contexts.append(here)
        if self.world.decide:
            return CallDecision(outcome=await self.world.decide(asked))
        return CallDecision(outcome=Allow(grant="v1.grant", deadline=time.time() + 30))

    async def blocked(self, asked: ListBlocked) -> Blocked:
        del asked
        self.world.listed += 1
        return Blocked(tools=tuple(sorted(self.world.blocked)))

    async def finished(self, said: CallFinished) -> None:
        await self.world.finished.put(said)

    async def changes(self, asked: ChangesAsked) -> Changes:
        found = [record for revision, record in self.world.changes if revision > asked.after]
        return Changes(
            upto=self.world.revision,
            integrations=tuple(r for r in found if isinstance(r, Integration)),
            connections=tuple(r for r in found if isinstance(r, Connection)),
            tools=tuple(r for r in found if isinstance(r, Tool)),
            toolkits=tuple(r for r in found if isinstance(r, Toolkit)),
        )

    async def execute(self, asked: ExecuteCall) -> Executed:
        self.world.executed.append(asked)
        if self.world.execute:
            return await self.world.execute(asked)
        echo = b'{"content":[{"type":"text","text":"done"}],"structuredContent":{"got":%b}}'
        return Executed(outcome="ok", result=Raw(echo % bytes(asked.arguments)))


@dataclass
class Gateway:
    """One replica, reachable over HTTP."""

    url: str
    port: int
    http: httpx2.AsyncClient

    async def send(
        self, method: str = "POST", path: str = "/mcp", *, token: str | None = "alice-key", **more: Any
    ) -> httpx2.Response:
        headers = httpx2.Headers(more.pop("headers", None) or {})
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        return await self.http.request(method, self.url + path, headers=headers, **more)

    def modern_request(
        self,
        method: str,
        params: dict[str, Any] | None = None,
        identifier: Any = 1,
        meta: dict[str, Any] | None = None,
    ) -> tuple[dict[str, Any], dict[str, str]]:
        envelope = {f"{META}protocolVersion": MODERN, f"{META}clientCapabilities": {}, **(meta or {})}
        body = {
            "jsonrpc": "2.0",
            "id": identifier,
            "method": method,
            "params": {**(params or {}), "_meta": envelope},
        }
        headers = {
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
            "mcp-protocol-version": MODERN,
            "mcp-method": method,
        }
        if method == "tools/call" and params and "name" in params:
            headers["mcp-name"] = str(params["name"])
        return body, headers

    async def modern(
        self,
        method: str,
        params: dict[str, Any] | None = None,
        *,
        path: str = "/mcp",
        token: str = "alice-key",
        extra: dict[str, str] | None = None,
        meta: dict[str, Any] | None = None,
    ) -> httpx2.Response:
        body, headers = self.modern_request(method, params, meta=meta)
        content = json.dumps(body)
        return await self.send(path=path, token=token, headers={**headers, **(extra or {})}, content=content)

    async def call(self, name: str, arguments: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        params = {"name": name, "arguments": arguments or {}}
        answer = await self.modern("tools/call", params, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()["result"]

    async def initialize(
        self, version: str = "2025-11-25", *, path: str = "/mcp", token: str = "alice-key"
    ) -> tuple[dict[str, Any], str]:
        params = {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
        answer = await self.legacy("initialize", params, session=None, path=path, token=token)
        assert answer.status_code == 200, answer.text
        return answer.json()["result"], answer.headers["mcp-session-id"]

    async def legacy(
        self,
        method: str,
        params: dict[str, Any] | None = None,
        *,
        session: str | None,
        path: str = "/mcp",
        token: str = "alice-key",
        identifier: Any = 1,
    ) -> httpx2.Response:
        body: dict[str, Any] = {"jsonrpc": "2.0", "id": identifier, "method": method}
        if params is not None:
            body["params"] = params
        headers = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
        if session:
            headers["mcp-session-id"] = session
        return await self.send(path=path, token=token, headers=headers, content=json.dumps(body))

    async def raw(self, data: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(data)
        await writer.drain()
        async with asyncio.timeout(5):
            answer = await reader.read()
        writer.close()
        return answer


class House:
    """The world, the bus, and as many gateways as a test wants."""

    def __init__(self, stack: AsyncExitStack, nats: Nats | None = None) -> None:
        self.world = World()
        self.hub = MemoryHub()
        self._stack = stack
        self._nats = nats
        self.buses: dict[ServiceName, Bus] = {}

    async def bus(self, service: ServiceName) -> Bus:
        if self._nats is None:
            return Bus(service, MemoryTransport(self.hub))
        return Bus(service, await NatsTransport.open(self._nats.settings(service), service))

    async def open(self) -> None:
        others = Others(self.world)
        served: dict[ServiceName, list[Handler[Any, Any]]] = {
            ServiceName.POLICY: [
                Handler(IDENTIFY, others.identify),
                Handler(DECIDE_CALL, others.decide),
                Handler(LIST_BLOCKED, others.blocked),
            ],
            ServiceName.CATALOG: [Handler(GET_CHANGES, others.changes)],
            ServiceName.ADAPTERS: [Handler(EXECUTE_CALL, others.execute, routes=(("default", "openapi"),))],
        }
        for service, handlers in served.items():
            bus = self.buses[service] = await self.bus(service)
            self._stack.push_async_callback(bus.close)
            for handler in handlers:
                await bus.serve(handler)
        await self.buses[ServiceName.POLICY].hear(Listener(CALL_FINISHED, others.finished))

    @staticmethod
    def allow(**more: Any) -> Allow:
        return Allow(grant="v1.grant", deadline=time.time() + 30, **more)

    @staticmethod
    async def next_event(lines: AsyncIterator[str]) -> dict[str, Any]:
        async with asyncio.timeout(10):
            async for line in lines:
                if line.startswith("data: "):
                    return json.loads(line[6:])
        raise AssertionError("the stream ended")

    async def silence(self, service: ServiceName) -> None:
        await self.buses[service].drain()

    async def catalog_changed(self) -> None:
        await self.buses[ServiceName.CATALOG].say(
            CATALOG_CHANGED, CatalogChanged(revision=self.world.revision)
        )

    async def policy_changed(self) -> None:
        await self.buses[ServiceName.POLICY].say(POLICY_CHANGED, PolicyChanged(revision=1))

    def person(self, name: str, *, tenant: str = "acme", groups: tuple[str, ...] = ()) -> None:
        self.world.principals[_proof(f"{name}-key")] = Principal(
            tenant=tenant, subject=name, person=name, groups=groups
        )

    def forget(self, name: str) -> None:
        del self.world.principals[_proof(f"{name}-key")]

    async def gateway(self, **block: Any) -> Gateway:
        settings = {"public_url": "http://gw.example.com", "session_keys": (KEY,), **block}
        return await self._stack.enter_async_context(self._serving(settings))

    @asynccontextmanager
    async def _serving(self, block: dict[str, Any]) -> AsyncGenerator[Gateway]:
        bus = await self.bus(ServiceName.GATEWAY)
        settings = GatewaySettings.model_validate({"gateway": block})
        listening = socket.create_server(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        async with compose(settings, bus) as service:
            for listener in service.listeners:
                await bus.hear(listener)
            assert service.start
            assert service.app
            await service.start()
            server = uvicorn.Server(
                uvicorn.Config(service.app, lifespan="off", log_level="error", timeout_graceful_shutdown=1)
            )
            task = asyncio.create_task(server.serve(sockets=[listening]))
            async with httpx2.AsyncClient(timeout=10, trust_env=False) as http:
                yield Gateway(f"http://127.0.0.1:{port}", port, http)
            assert service.stop
            await service.stop()
            server.should_exit = True
            with suppress(asyncio.CancelledError):
                await task
        await bus.close()


def _furnish(world: World) -> None:
    world.add(
        Integration(
            tenant="acme", slug="crm", revision=0, name="Customers", kind="openapi", target=Raw(b'{"t":1}')
        )
    )
    world.add(Integration(tenant="acme", slug="notes", revision=0, name="Notes", kind="openapi"))
    world.add(Connection(tenant="acme", id="conn-crm", revision=0, integration="crm", name="main"))
    world.add(
        Connection(
            tenant="acme", id="conn-notes", revision=0, integration="notes", owner="team:writers", name="main"
        )
    )
    world.add(Toolkit(tenant="acme", slug="support", revision=0, tools=("crm.org.main.read",)))
    schema = {
        "type": "object",
        "properties": {"n": {"type": "integer"}, "text": {"type": "string"}},
        "required": [],
        "additionalProperties": False,
    }
    world.tool(
        "tool_read", "conn-crm", "read", {"description": "Reads.", "inputSchema": schema, "future": {"x": 1}}
    )
    world.tool("tool_write", "conn-crm", "write", {"inputSchema": schema}, effect="write")
    world.tool("tool_secret", "conn-notes", "secret")
    world.tool("tool_held", "conn-crm", "held", state="held")


@pytest.fixture
async def house() -> AsyncGenerator[House]:
    async with AsyncExitStack() as stack:
        found = House(stack)
        _furnish(found.world)
        found.person("alice", groups=("support",))
        found.person("bob", groups=("writers",))
        found.person("eve", tenant="other")
        await found.open()
        yield found


@pytest.fixture
async def nats_house(nats: Nats) -> AsyncGenerator[House]:
    """The same on a real nats-server, where each service has its own rights only."""
    async with AsyncExitStack() as stack:
        found = House(stack, nats)
        _furnish(found.world)
        found.person("alice", groups=("support",))
        await found.open()
        yield found


@pytest.fixture
async def gateway(house: House) -> Gateway:
    return await house.gateway()
