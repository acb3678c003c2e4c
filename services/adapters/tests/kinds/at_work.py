"""One kind at work: discovers an upstream and calls its tools, through the real egress client."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
from yarl import URL

from executor_adapters.domain.kind import Adapter, AdapterKind, Job, KindOptions
from executor_shared.context import deadline_in
from executor_shared.contracts.adapters import Discover, Discovered, DiscoveredTool, Executed
from executor_shared.contracts.vault_broker import Injection, LeasedCredential
from executor_shared.contracts.vocabulary import Carrier, Target
from executor_shared.egress.addresses import Guard
from executor_shared.egress.guarded import GuardedEgress

MIB = 1024 * 1024


def leased(value: str, name: str = "Authorization", carrier: Carrier = "header") -> LeasedCredential:
    """A credential with one injection."""
    injection = Injection(carrier=carrier, name=name, value=value)
    return LeasedCredential(injections=(injection,), secrets=(value,), expires_at=4e9)


def shown(raw: msgspec.Raw | msgspec.UnsetType | None) -> dict[str, Any]:
    """A raw JSON object, decoded."""
    return msgspec.json.decode(raw or b"{}")


@dataclass
class AtWork:
    """An integration of one kind, and what was found of it."""

    adapter: Adapter
    kind: str
    config: dict[str, object]
    source: str | None = None
    credential: LeasedCredential | None = None
    seconds: float = 20.0
    found: Discovered | None = None
    asked: Discover = field(init=False)

    def __post_init__(self) -> None:
        url = self.config.get("url")
        network = (f"127.0.0.1:{URL(url).port}",) if isinstance(url, str) else ()
        self.asked = Discover(
            tenant="default",
            integration="up",
            kind=self.kind,
            config=self.config,
            source=self.source,
            network=network,
        )

    async def target(self) -> Target:
        """Where it goes."""
        with deadline_in(self.seconds):
            return msgspec.json.decode((await self.adapter.resolve(self.asked)).target, type=Target)

    async def discover(self) -> Discovered:
        """Find the tools."""
        target = await self.target()
        with deadline_in(self.seconds):
            self.found = await self.adapter.discover(self.asked, target, self.credential)
        return self.found

    def tool(self, name: str) -> DiscoveredTool:
        """One of the tools that were found."""
        assert self.found is not None
        return next(tool for tool in self.found.tools if tool.own_name == name)

    def job(self, target: Target, binding: msgspec.Raw, arguments: dict[str, object], max_bytes: int) -> Job:
        return Job(
            target=target,
            connection="conn_1",
            binding=binding,
            arguments=msgspec.Raw(msgspec.json.encode(arguments)),
            credential=self.credential,
            max_bytes=max_bytes,
        )

    async def call(
        self, name: str, arguments: dict[str, object] | None = None, *, max_bytes: int = 4 * MIB
    ) -> Executed:
        """Call one of the tools; finds them first where nobody has."""
        if self.found is None:
            await self.discover()
        return await self.call_bound(self.tool(name).binding, arguments, max_bytes=max_bytes)

    async def call_bound(
        self, binding: msgspec.Raw, arguments: dict[str, object] | None = None, *, max_bytes: int = 4 * MIB
    ) -> Executed:
        """Call by a binding, without discovery."""
        job = self.job(await self.target(), binding, arguments or {}, max_bytes)
        with deadline_in(self.seconds):
            return await self.adapter.execute(job)


@asynccontextmanager
async def opened(kind: AdapterKind, *, stdio: bool = True) -> AsyncGenerator[Callable[..., AtWork]]:
    """A kind with the real egress client; gives a maker of integrations."""
    egress = GuardedEgress(Guard(allow_loopback=True))
    try:
        async with kind.open(egress, KindOptions(allow_stdio=stdio)) as adapter:

            def make(
                config: dict[str, object],
                *,
                source: str | None = None,
                credential: LeasedCredential | None = None,
                seconds: float = 20.0,
            ) -> AtWork:
                return AtWork(adapter, kind.name, config, source, credential, seconds)

            yield make
    finally:
        await egress.close()
