"""Evil twins: programs with the real bus credentials of a service, but without its good intentions."""

import base64
import json
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
import nats
from nats.aio.client import Client

from executor_shared.bus import Bus
from executor_shared.bus.nats import NatsTransport
from executor_shared.context import deadline_in
from executor_shared.contracts.adapters import EXECUTE_CALL, ExecuteCall, Executed
from executor_shared.contracts.base import ServiceName
from executor_shared.contracts.catalog import GET_CHANGES, ChangesAsked, Connection, Integration, Tool
from executor_shared.contracts.policy import DECIDE_CALL, Allow, DecideCall
from executor_shared.contracts.vault_broker import LEASE_CREDENTIAL, Lease, LeaseCredential
from executor_shared.grants import Grant
from executor_shared.testing.bus_fixtures import Nats

_SECONDS = 20.0


@asynccontextmanager
async def bus_as(nats_server: Nats, name: ServiceName) -> AsyncGenerator[Bus]:
    """A bus with the credentials of a service."""
    bus = Bus(name, await NatsTransport.open(nats_server.settings(name), name))
    try:
        yield bus
    finally:
        await bus.close()


@dataclass(frozen=True, slots=True)
class Known:
    """A tool with what a gateway sends along when it is called."""

    tool: Tool
    connection: Connection
    integration: Integration

    def call(self, grant: str, arguments: object, **instead: Any) -> ExecuteCall:
        """A call; `instead` puts something else in place of what belongs to the tool."""
        plain: dict[str, Any] = {
            "grant": grant,
            "arguments": msgspec.Raw(msgspec.json.encode(arguments)),
            "target": self.integration.target,
            "binding": self.tool.binding,
            "public_digest": self.tool.public_digest,
        }
        return ExecuteCall(**(plain | instead))


@dataclass(frozen=True, slots=True)
class EvilGateway:
    """A gateway that sends what it likes."""

    bus: Bus

    async def tools(self) -> dict[str, Known]:
        """Every tool by its address, as any gateway may know it."""
        integrations: dict[str, Integration] = {}
        connections: dict[str, Connection] = {}
        tools: list[Tool] = []
        after, more = 0, True
        while more:
            with deadline_in(_SECONDS):
                page = await self.bus.request(GET_CHANGES, ChangesAsked(after=after))
            integrations |= {one.slug: one for one in page.integrations}
            connections |= {one.id: one for one in page.connections}
            tools += page.tools
            after, more = page.upto, page.more
        alive = [tool for tool in tools if not tool.removed]
        of = {tool.id: connections[tool.connection] for tool in alive}
        return {
            tool.address: Known(tool, of[tool.id], integrations[of[tool.id].integration]) for tool in alive
        }

    async def decide(self, proof: str, known: Known, arguments: object, seconds: float = _SECONDS) -> str:
        """Policy's genuine grant for a call."""
        with deadline_in(seconds):
            asked = DecideCall(
                proof=proof, tool=known.tool.id, arguments=msgspec.Raw(msgspec.json.encode(arguments))
            )
            decision = await self.bus.request(DECIDE_CALL, asked)
        assert isinstance(decision.outcome, Allow), decision
        return decision.outcome.grant

    async def execute(self, call: ExecuteCall, kind: str = "openapi") -> Executed:
        """What the worker answers."""
        with deadline_in(_SECONDS):
            return await self.bus.request(EXECUTE_CALL, call, route=("default", kind))


@dataclass(frozen=True, slots=True)
class EvilWorker:
    """A worker that asks for what it likes."""

    bus: Bus

    async def lease(self, grant: str, public_key: bytes) -> Lease:
        """What the broker answers."""
        with deadline_in(_SECONDS):
            return await self.bus.request(
                LEASE_CREDENTIAL, LeaseCredential(grant=grant, public_key=public_key)
            )


def opened(signed: str) -> Grant:
    """What stands in a grant."""
    return msgspec.json.decode(_unb64(signed.split(".")[1]), type=Grant)


def altered(signed: str, **fields: Any) -> str:
    """The grant with other fields under the genuine signature."""
    version, payload, signature = signed.split(".")
    content: dict[str, Any] = {**json.loads(_unb64(payload)), **fields}
    fresh = base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")
    return f"{version}.{fresh}.{signature}"


def _unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Raw:
    """A bare connection with a service's credentials, and what the server refused it."""

    client: Client = field(default_factory=Client)
    refusals: list[str] = field(default_factory=list[str])
    heard: list[str] = field(default_factory=list[str])

    async def refused(self) -> list[str]:
        """The refusals so far; the server answers in order, so they precede the answer to a ping."""
        for _ in range(2):
            await self.client.flush(10)
        found, self.refusals[:] = list(self.refusals), []
        return found

    async def says(self, subjects: Iterable[str]) -> list[str]:
        """Publish on each; the refusals."""
        for subject in subjects:
            await self.client.publish(subject, b"{}")
        return await self.refused()

    async def listens(self, subject: str, queue: str = "") -> list[str]:
        """Subscribe; the refusals."""

        async def hear(message: Any) -> None:
            self.heard.append(message.subject)

        await self.client.subscribe(subject, queue=queue, cb=hear)
        return await self.refused()


@asynccontextmanager
async def raw_as(nats_server: Nats, name: ServiceName) -> AsyncGenerator[Raw]:
    """A bare connection."""
    settings = nats_server.settings(name)
    assert settings.password is not None
    raw = Raw()

    async def failed(error: Exception) -> None:
        raw.refusals.append(str(error).lower())

    raw.client = await nats.connect(
        settings.url,
        user=settings.user,
        password=settings.password.get_secret_value(),
        error_cb=failed,
        connect_timeout=10,
    )
    try:
        yield raw
    finally:
        await raw.client.close()
