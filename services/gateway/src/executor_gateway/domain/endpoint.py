"""The MCP endpoints: the whole catalog, one toolkit, one connection; and which tools each serves."""

import re
from dataclasses import dataclass, field

from executor_shared.contracts.catalog import Connection, Tool, Toolkit
from executor_shared.contracts.vocabulary import Principal
from executor_shared.views.catalog import CatalogView, Routed, may_use, owner_segment
from executor_shared.views.patterns import matches

_SEGMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,127}")
_TENANTS_KEPT = 1_000


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What a path names; whether it exists is for `Endpoints.serve` to say.

    Attributes:
        path: the canonical path, without a trailing slash.
        toolkit: slug, on a toolkit's endpoint.
        connection: integration, owner segment and name, on a connection's endpoint.

    """

    path: str
    toolkit: str | None = None
    connection: tuple[str, str, str] | None = None


def endpoint_of(path: str) -> Endpoint | None:
    """The endpoint that a path names, or None where it is no MCP path."""
    if path == "/mcp":
        return Endpoint(path)
    segments = path.split("/")[1:]
    if segments[0] != "mcp" or not all(_SEGMENT.fullmatch(segment) for segment in segments):
        return None
    match segments[1:]:
        case ["toolkits", slug]:
            return Endpoint(path, toolkit=slug)
        case ["connections", integration, owner, name]:
            return Endpoint(path, connection=(integration, owner, name))
        case _:
            return None


@dataclass(frozen=True, slots=True)
class Served:
    """An endpoint as it is for one principal."""

    endpoint: Endpoint
    toolkit: Toolkit | None = None
    connection: Connection | None = None

    def has(self, tool: Tool) -> bool:
        """Whether the tool is served here."""
        if self.connection:
            return tool.connection == self.connection.id
        return self.toolkit is None or any(matches(pattern, tool.address) for pattern in self.toolkit.tools)

    def name_of(self, tool: Tool) -> str:
        """The name under which the tool is shown here."""
        return tool.own_name if self.connection else tool.name


@dataclass(slots=True)
class _Index:
    """One tenant's catalog by the names that clients use; several tools share a name across owners."""

    revision: int
    by_name: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    by_own_name: dict[tuple[str, str], list[str]] = field(default_factory=dict[tuple[str, str], list[str]])
    connections: dict[tuple[str, str, str], list[Connection]] = field(
        default_factory=dict[tuple[str, str, str], list[Connection]]
    )


class Endpoints:
    """Finds endpoints and their tools in the view, by dictionaries that are rebuilt when the view moves."""

    def __init__(self, view: CatalogView) -> None:
        self.view = view
        self._indexes: dict[str, _Index] = {}

    def serve(self, principal: Principal, endpoint: Endpoint) -> Served | None:
        """The endpoint for this principal; None where it does not exist or is not theirs to see."""
        if endpoint.toolkit is not None:
            toolkit = self.view.toolkit(principal.tenant, endpoint.toolkit)
            return Served(endpoint, toolkit=toolkit) if toolkit else None
        if endpoint.connection is None:
            return Served(endpoint)
        found = self._index(principal.tenant).connections.get(endpoint.connection, ())
        usable = next((c for c in found if may_use(principal, c)), None)
        return Served(endpoint, connection=usable) if usable else None

    def find(self, principal: Principal, served: Served, name: str) -> Routed | None:
        """The tool of that name here, if the principal may see it: hidden and unknown are one."""
        index = self._index(principal.tenant)
        if served.connection:
            ids = index.by_own_name.get((served.connection.id, name), ())
        else:
            ids = index.by_name.get(name, ())
        for tool in ids:
            routed = self.view.routed(principal, tool)
            if routed and served.has(routed.tool):
                return routed
        return None

    def all(self, principal: Principal, served: Served) -> list[Routed]:
        """Every tool that is visible here, ordered by integration and own name."""
        found = [routed for routed in self.view.visible(principal) if served.has(routed.tool)]
        return sorted(found, key=lambda r: (r.integration.slug, r.tool.own_name, r.tool.name))

    def _index(self, tenant: str) -> _Index:
        index = self._indexes.get(tenant)
        if index is None or index.revision != self.view.revision:
            if len(self._indexes) >= _TENANTS_KEPT:
                self._indexes.clear()
            index = self._indexes[tenant] = self._build(tenant)
        return index

    def _build(self, tenant: str) -> _Index:
        index = _Index(self.view.revision)
        for tool in self.view.tools(tenant):
            if tool.state == "active":
                index.by_name.setdefault(tool.name, []).append(tool.id)
                index.by_own_name.setdefault((tool.connection, tool.own_name), []).append(tool.id)
        for connection in self.view.connections(tenant):
            key = (connection.integration, owner_segment(connection.owner), connection.name)
            index.connections.setdefault(key, []).append(connection)
        return index
