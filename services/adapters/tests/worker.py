"""A worker on the memory bus: real use cases, grants and sealing; a broker and a kind that tests script."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec

from executor_adapters.bus import handlers, listeners
from executor_adapters.clients.reports import BusReports
from executor_adapters.clients.vault_broker import BusLeases
from executor_adapters.domain.bulkhead import Bulkhead
from executor_adapters.domain.discover_tools import DiscoverTools
from executor_adapters.domain.execute_call import ExecuteCalls
from executor_adapters.domain.kind import Job
from executor_adapters.domain.leasing import Leasing
from executor_adapters.domain.registry import Registry
from executor_adapters.domain.seen import SeenCalls
from executor_shared.bus import Bus, Handler, Listener, MemoryHub, MemoryTransport
from executor_shared.canonical import canonical, digest
from executor_shared.clock import SystemClock
from executor_shared.contracts.adapters import EXECUTE_CALL, Discover, Discovered, ExecuteCall, Executed
from executor_shared.contracts.base import ServiceName
from executor_shared.contracts.definition import definition_hash
from executor_shared.contracts.policy import CALL_FINISHED, CallFinished
from executor_shared.contracts.vault_broker import (
    LEASE_CREDENTIAL,
    Injection,
    Lease,
    LeaseCredential,
    LeasedCredential,
)
from executor_shared.contracts.vocabulary import Target
from executor_shared.errors import ExecutorError
from executor_shared.grants import Grant, GrantSigner, GrantVerifier
from executor_shared.ids import new_call_id
from executor_shared.sealing import seal_lease

ORIGIN = "https://upstream.example:443"
TARGET = Target(tenant="default", integration="up", kind="fake", origin=ORIGIN)
SECRET = "s3cret-token-value"
Doing = Callable[[Job], Awaitable[Executed]]


def done(value: object = "done") -> Executed:
    """An answer of an upstream."""
    text = msgspec.json.encode(value).decode()
    result = {"content": [{"type": "text", "text": text}], "structuredContent": {"value": value}}
    return Executed(outcome="ok", result=msgspec.Raw(msgspec.json.encode(result)))


@dataclass
class FakeKind:
    """Does what the test says, and remembers the jobs it got."""

    doing: Doing | None = None
    jobs: list[Job] = field(default_factory=list[Job])
    found: Discovered = field(
        default_factory=lambda: Discovered(
            target=msgspec.Raw(canonical(msgspec.to_builtins(TARGET))), origin=ORIGIN
        )
    )
    used: list[LeasedCredential | None] = field(default_factory=list[LeasedCredential | None])

    async def resolve(self, asked: Discover) -> Discovered:  # noqa: ARG002
        return msgspec.structs.replace(self.found, tools=())

    async def discover(
        self,
        asked: Discover,  # noqa: ARG002
        target: Target,  # noqa: ARG002
        credential: LeasedCredential | None,
    ) -> Discovered:
        self.used.append(credential)
        return self.found

    async def execute(self, job: Job) -> Executed:
        self.jobs.append(job)
        return await self.doing(job) if self.doing else done()


@dataclass
class Broker:
    """Leases one credential to whoever has a genuine grant; `refusing` and `before` are for tests."""

    grants: GrantVerifier
    reuse: float = 10.0
    refusing: ExecutorError | None = None
    before: Callable[[], Awaitable[None]] | None = None
    secret: str = SECRET
    leased: list[Grant] = field(default_factory=list[Grant])

    async def lease(self, asked: LeaseCredential) -> Lease:
        grant = self.grants.verify(asked.grant)
        self.leased.append(grant)
        if self.before:
            await self.before()
        if self.refusing:
            raise self.refusing
        if grant.credential is None:
            return Lease()
        credential = LeasedCredential(
            injections=(Injection(carrier="header", name="Authorization", value=f"Bearer {self.secret}"),),
            secrets=(self.secret,),
            expires_at=time.time() + 60,
            reuse=self.reuse,
        )
        return Lease(sealed=seal_lease(asked.public_key, asked.grant, credential), version=1)


@dataclass
class Worker:
    """A worker and those who speak to it."""

    signer: GrantSigner
    kind: FakeKind
    broker: Broker
    gateway: Bus
    catalog: Bus
    vault: Bus
    own: Bus
    finished: list[CallFinished] = field(default_factory=list[CallFinished])
    heard: asyncio.Event = field(default_factory=asyncio.Event)

    def grant(self, **changes: Any) -> Grant:
        """A grant for a call of a tool that writes."""
        now = time.time()
        plain: dict[str, Any] = {
            "purpose": "call",
            "call": new_call_id(),
            "tenant": "default",
            "subject": "alice",
            "connection": "conn_1",
            "origin": ORIGIN,
            "issued_at": now,
            "deadline": now + 20,
            "tool": "up.org.main.do",
            "effect": "write",
            "credential": "cred_1",
        }
        return Grant(**(plain | changes))

    def asking(
        self,
        arguments: object = None,
        *,
        target: Target = TARGET,
        signer: GrantSigner | None = None,
        **changes: Any,
    ) -> ExecuteCall:
        """A call, granted as it stands unless `changes` say otherwise."""
        given: object = {} if arguments is None else arguments
        binding, public = canonical({"do": "it"}), digest({"name": "do"})
        whole = canonical(msgspec.to_builtins(target))
        mine = {"definition": definition_hash(public, binding, whole), "arguments": digest(given)}
        return ExecuteCall(
            grant=(signer or self.signer).sign(self.grant(**(mine | changes))),
            arguments=msgspec.Raw(msgspec.json.encode(given)),
            target=msgspec.Raw(whole),
            binding=msgspec.Raw(binding),
            public_digest=public,
        )

    async def send(self, asked: ExecuteCall) -> Executed:
        """What the worker answers over the bus."""
        return await self.gateway.request(EXECUTE_CALL, asked, route=("default", "fake"))

    async def call(self, arguments: object = None, **changes: Any) -> Executed:
        """Ask for a granted call."""
        return await self.send(self.asking(arguments, **changes))

    async def reported(self) -> CallFinished:
        """What the worker said of a call."""
        async with asyncio.timeout(5):
            await self.heard.wait()
        return self.finished[-1]


@asynccontextmanager
async def working(*, per_origin: int = 8) -> AsyncGenerator[Worker]:
    """A worker with its neighbours on a bus of their own."""
    hub = MemoryHub()
    signer = GrantSigner(bytes(32))
    grants = GrantVerifier((signer.public_key,))
    buses = {name: Bus(name, MemoryTransport(hub)) for name in ServiceName}
    own = buses[ServiceName.ADAPTERS]
    worker = Worker(
        signer=signer,
        kind=FakeKind(),
        broker=Broker(grants),
        gateway=buses[ServiceName.GATEWAY],
        catalog=buses[ServiceName.CATALOG],
        vault=buses[ServiceName.VAULT_BROKER],
        own=own,
    )
    leasing = Leasing(BusLeases(own), SystemClock())
    kinds = Registry({"fake": worker.kind})
    execute = ExecuteCalls(
        grants=grants,
        seen=SeenCalls(SystemClock()),
        leasing=leasing,
        kinds=kinds,
        bulkhead=Bulkhead(per_origin),
        reports=BusReports(own),
        max_bytes=1024 * 1024,
    )
    discover = DiscoverTools(grants, leasing, kinds, 30)
    for handler in handlers(execute, discover, pool="default", kinds=("fake",), calls=64):
        await own.serve(handler)
    for listener in listeners(leasing):
        await own.hear(listener)
    await worker.vault.serve(Handler(LEASE_CREDENTIAL, worker.broker.lease))

    async def heard(said: CallFinished) -> None:
        worker.finished.append(said)
        worker.heard.set()

    await buses[ServiceName.POLICY].hear(Listener(CALL_FINISHED, heard))
    try:
        yield worker
    finally:
        for bus in buses.values():
            await bus.close()
