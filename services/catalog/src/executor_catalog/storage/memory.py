"""The catalog in memory, held to the same suite as PostgreSQL."""

from dataclasses import dataclass, field, replace
from typing import TypeVar

import msgspec

from executor_catalog.domain.ports import StaleStateError
from executor_catalog.domain.records import RECORD_BYTES, cut, tool_record
from executor_catalog.domain.state import (
    Definition,
    KnownConnection,
    KnownIntegration,
    KnownTool,
    TenantState,
    Write,
)
from executor_shared.contracts.catalog import Changes, Connection, Integration, Tool, Toolkit

Record = Integration | Connection | Toolkit
R = TypeVar("R", Integration, Connection, Toolkit)


@dataclass(slots=True)
class _Tenant:
    version: int = 0
    integrations: dict[str, KnownIntegration] = field(default_factory=dict[str, KnownIntegration])
    connections: dict[str, KnownConnection] = field(default_factory=dict[str, KnownConnection])
    toolkits: dict[str, Toolkit] = field(default_factory=dict[str, Toolkit])
    tools: dict[str, tuple[KnownTool, int]] = field(default_factory=dict[str, tuple[KnownTool, int]])
    definitions: dict[str, Definition] = field(default_factory=dict[str, Definition])
    sources: dict[str, str] = field(default_factory=dict[str, str])


class MemoryStore:
    """Nothing here waits, so that every method is one moment."""

    def __init__(self) -> None:
        self._tenants: dict[str, _Tenant] = {}
        self._revision = 0

    def _of(self, tenant: str) -> _Tenant:
        return self._tenants.setdefault(tenant, _Tenant())

    async def state(self, tenant: str) -> TenantState:
        """Everything of a tenant."""
        ours = self._of(tenant)
        return TenantState(
            tenant,
            ours.version,
            self._revision,
            dict(ours.integrations),
            dict(ours.connections),
            tuple(tool for tool, _ in ours.tools.values()),
            dict(ours.toolkits),
        )

    async def source(self, tenant: str, integration: str) -> str | None:
        """The text of a description."""
        return self._of(tenant).sources.get(integration)

    async def definitions(self, tenant: str, fingerprints: frozenset[str]) -> dict[str, Definition]:
        """Stored definitions."""
        stored = self._of(tenant).definitions
        return {mark: stored[mark] for mark in fingerprints if mark in stored}

    async def held(self, tenant: str, after: str) -> tuple[KnownTool, ...]:
        """Tools with a proposed definition."""
        tools = (tool for tool, _ in self._of(tenant).tools.values())
        return tuple(sorted((t for t in tools if t.proposed and t.id > after), key=lambda t: t.id))

    async def write(self, tenant: str, version: int, wanted: Write) -> int:
        """Write everything."""
        ours = self._of(tenant)
        if ours.version != version:
            raise StaleStateError
        for integration in wanted.integrations:
            record = self._stamped(integration.record)
            ours.integrations[record.slug] = replace(integration, record=record)
        for slug, source in wanted.sources.items():
            ours.sources.pop(slug, None)
            if source is not None:
                ours.sources[slug] = source
        for connection in wanted.connections:
            ours.connections[connection.key] = replace(connection, record=self._stamped(connection.record))
        for tool in wanted.tools:
            ours.tools[tool.id] = (tool, self._next())
        for toolkit in wanted.toolkits:
            ours.toolkits[toolkit.slug] = self._stamped(toolkit)
        ours.definitions = {**wanted.definitions, **ours.definitions}
        used = {mark for t, _ in ours.tools.values() if not t.removed for mark in (t.accepted, t.proposed)}
        ours.definitions = {mark: one for mark, one in ours.definitions.items() if mark in used}
        ours.version = self._revision
        return self._revision

    def _next(self) -> int:
        self._revision += 1
        return self._revision

    def _stamped(self, record: R) -> R:
        return msgspec.structs.replace(record, revision=self._next())

    async def changes(self, after: int, *, facts_only: bool, max_bytes: int) -> Changes:
        """A page of changes."""
        found: list[Integration | Connection | Toolkit | Tool] = []
        for tenant, ours in self._tenants.items():
            found += [one.record for one in ours.integrations.values()]
            found += [one.record for one in ours.connections.values()]
            found += ours.toolkits.values()
            found += [
                tool_record(tenant, tool, at, ours.definitions.get(tool.accepted), facts_only=facts_only)
                for tool, at in ours.tools.values()
            ]
        rows = sorted((one for one in found if one.revision > after), key=lambda one: one.revision)
        count = cut([(one.revision, _size(one)) for one in rows], max_bytes)
        page, more = rows[:count], count < len(rows)
        return Changes(
            upto=page[-1].revision if more else self._revision,
            more=more,
            integrations=tuple(one for one in page if isinstance(one, Integration)),
            connections=tuple(one for one in page if isinstance(one, Connection)),
            tools=tuple(one for one in page if isinstance(one, Tool)),
            toolkits=tuple(one for one in page if isinstance(one, Toolkit)),
        )


def _size(record: Integration | Connection | Toolkit | Tool) -> int:
    if isinstance(record, Tool):
        return RECORD_BYTES + len(bytes(record.definition)) + len(bytes(record.binding))
    return RECORD_BYTES
