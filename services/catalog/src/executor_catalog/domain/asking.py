"""Asking adapters on behalf of one document: each question once, errors with the integration's name."""

import asyncio
from dataclasses import dataclass, field

import msgspec

from executor_catalog.domain.ports import Discovery
from executor_shared.contracts.adapters import Discover, Discovered
from executor_shared.contracts.catalog import IntegrationSpec
from executor_shared.errors import ExecutorError, UpstreamError, rebuild

_AT_ONCE = 4


@dataclass(slots=True)
class Asking:
    """Remembers answers, so that planning anew after somebody else's write asks nothing twice."""

    discovery: Discovery
    tenant: str
    _answers: dict[str, Discovered] = field(default_factory=dict[str, Discovered])
    _free: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE))

    async def target(self, spec: IntegrationSpec, digest: str) -> Discovered:
        """Where an integration goes and how it authenticates."""
        return await self._ask(spec, f"target {_mark(spec, digest)}", None, target_only=True)

    async def tools(
        self, spec: IntegrationSpec, digest: str, connection: str, grant: str | None
    ) -> Discovered:
        """What a connection (by key) offers."""
        return await self._ask(spec, f"tools {connection} {_mark(spec, digest)}", grant, target_only=False)

    async def _ask(
        self, spec: IntegrationSpec, mark: str, grant: str | None, *, target_only: bool
    ) -> Discovered:
        if mark in self._answers:
            return self._answers[mark]
        asked = Discover(
            tenant=self.tenant,
            integration=spec.slug,
            kind=spec.kind,
            config=spec.config,
            source=spec.source,
            network=spec.network,
            auth=spec.auth,
            grant=grant,
            target_only=target_only,
        )
        async with self._free:
            try:
                answer = await self.discovery(asked)
            except ExecutorError as error:
                raise named(error, spec.slug) from error
        self._answers[mark] = answer
        return answer


def named(error: ExecutorError, slug: str) -> ExecutorError:
    """The same error, saying which integration it is about."""
    message = f"Integration {slug!r}: {error.message}"
    details = {**error.details, "integration": slug}
    if isinstance(error, UpstreamError):
        return UpstreamError(message, code=error.code, sent=error.sent, details=details)
    return rebuild(error.code, message, details)


def _mark(spec: IntegrationSpec, digest: str) -> str:
    plain = msgspec.structs.replace(spec, source=None)
    return f"{digest} {msgspec.json.encode(plain, order='sorted').decode()}"
