"""The catalog as a service sees it: records by id, kept current by `follow.Follower`. Pure; no I/O."""

from collections.abc import Iterator
from dataclasses import dataclass

from executor_shared.contracts.catalog import Changes, Connection, Integration, Tool, Toolkit
from executor_shared.contracts.definition import definition_hash
from executor_shared.contracts.vocabulary import Principal


@dataclass(frozen=True, slots=True)
class Routed:
    """A tool with the connection and integration that it is called through."""

    tool: Tool
    connection: Connection
    integration: Integration

    def hash(self) -> str:
        """The definition hash that grants are made for."""
        return definition_hash(
            self.tool.public_digest, bytes(self.tool.binding), bytes(self.integration.target)
        )


def may_use(principal: Principal, connection: Connection) -> bool:
    """Whether a principal may see and use what an owner owns."""
    if principal.tenant != connection.tenant:
        return False
    kind, _, whose = connection.owner.partition(":")
    if kind == "team":
        return whose in principal.groups
    if kind == "user":
        return whose == principal.subject
    return kind == "org"


def owner_segment(owner: str) -> str:
    """How an owner is written in an address: `org`, `team-<group>`, `user`."""
    kind, _, whose = owner.partition(":")
    return f"team-{whose}" if kind == "team" else kind


class CatalogView:
    """Every tenant's records. `revision` is up to where it is complete."""

    def __init__(self) -> None:
        self.revision = 0
        self._integrations: dict[tuple[str, str], Integration] = {}
        self._connections: dict[str, Connection] = {}
        self._tools: dict[str, Tool] = {}
        self._toolkits: dict[tuple[str, str], Toolkit] = {}
        self._of_tenant: dict[str, dict[str, Tool]] = {}

    def apply(self, page: Changes) -> None:
        """Take in one page of changes."""
        for integration in page.integrations:
            _put(self._integrations, (integration.tenant, integration.slug), integration)
        for connection in page.connections:
            _put(self._connections, connection.id, connection)
        for toolkit in page.toolkits:
            _put(self._toolkits, (toolkit.tenant, toolkit.slug), toolkit)
        for tool in page.tools:
            _put(self._tools, tool.id, tool)
            _put(self._of_tenant.setdefault(tool.tenant, {}), tool.id, tool)
        self.revision = max(self.revision, page.upto)

    def integration(self, tenant: str, slug: str) -> Integration | None:
        """An integration by slug."""
        return self._integrations.get((tenant, slug))

    def integrations(self, tenant: str) -> list[Integration]:
        """The tenant's integrations by slug."""
        return sorted((i for i in self._integrations.values() if i.tenant == tenant), key=lambda i: i.slug)

    def connections(self, tenant: str) -> list[Connection]:
        """The tenant's connections by integration, owner and name."""
        found = (c for c in self._connections.values() if c.tenant == tenant)
        return sorted(found, key=lambda c: (c.integration, c.owner, c.name))

    def connection(self, tenant: str, connection: str) -> Connection | None:
        """A connection by id."""
        found = self._connections.get(connection)
        return found if found and found.tenant == tenant else None

    def toolkit(self, tenant: str, slug: str) -> Toolkit | None:
        """A toolkit by slug."""
        return self._toolkits.get((tenant, slug))

    def toolkits(self, tenant: str) -> list[Toolkit]:
        """The tenant's toolkits by slug."""
        return sorted((t for t in self._toolkits.values() if t.tenant == tenant), key=lambda t: t.slug)

    def routed(self, principal: Principal, tool: str) -> Routed | None:
        """An active tool by id with its way, if the principal may use its connection.

        Unknown, foreign, held and unusable tools are all None: they are told alike.
        """
        found = self._tools.get(tool)
        if found is None or found.tenant != principal.tenant or found.state != "active":
            return None
        connection = self._connections.get(found.connection)
        if connection is None or not may_use(principal, connection):
            return None
        integration = self._integrations.get((found.tenant, connection.integration))
        return Routed(found, connection, integration) if integration else None

    def tools(self, tenant: str) -> list[Tool]:
        """The tenant's tools, in no order, for building an index."""
        return list(self._of_tenant.get(tenant, {}).values())

    def visible(self, principal: Principal) -> Iterator[Routed]:
        """Every active tool that the principal may see, in no order."""
        for tool in self._of_tenant.get(principal.tenant, {}):
            if routed := self.routed(principal, tool):
                yield routed


def _put(records: dict, key: object, record: object) -> None:  # pyright: ignore[reportMissingTypeArgument, reportUnknownParameterType]
    if getattr(record, "removed"):  # noqa: B009 - records of four types
        records.pop(key, None)
    else:
        records[key] = record
