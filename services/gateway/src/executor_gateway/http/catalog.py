"""`integrations`, `connections`, `toolkits` and `definitions`."""

from typing import Any

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response

from executor_gateway.domain.identify import Identity
from executor_gateway.domain.plan import Wanted
from executor_gateway.http.replies import Administrator, Caller, Cursor, from_base64, page, reply, shown
from executor_gateway.http.use_cases import UseCases
from executor_shared.contracts.catalog import (
    CatalogDocument,
    Connection,
    Integration,
    RefreshConnection,
    Removal,
    ResolveDefinition,
    ToolkitSpec,
    ToolsChanged,
)
from executor_shared.contracts.policy import GrantDiscovery
from executor_shared.document.convert import connection_of, integration_of
from executor_shared.document.models import ConnectionPart, IntegrationPart, ToolkitPart
from executor_shared.document.read import description_of
from executor_shared.errors import InvalidRequestError, NotFoundError
from executor_shared.views.catalog import may_use


class IntegrationBody(IntegrationPart):
    """An integration as in a document; `source` is the text of a description that is no URL."""

    source: str | None = Field(None, repr=False)


class ConnectionBody(ConnectionPart):
    """A connection as in a document, with its credential: `values` by input, or `sealed` to the broker."""

    values: dict[str, str] | None = Field(None, repr=False)
    sealed: str | None = None


def _key(connection: Connection) -> str:
    return f"{connection.integration}/{connection.owner}/{connection.name}"


def _integration(record: Integration) -> dict[str, Any]:
    return shown(record, "removed", "target", "tenant")


def _connection(record: Connection) -> dict[str, Any]:
    return {
        **shown(record, "removed", "credential", "tenant"),
        "has_credential": record.credential is not None,
    }


async def _made_so(use: UseCases, identity: Identity, wanted: Wanted, status: int = 200) -> Response:
    applied = await use.apply(identity, wanted)
    changes, tools = map(shown, applied.changes), map(shown, applied.tools)
    return reply({"changes": list(changes), "tools": list(tools), "revision": applied.revision}, status)


def integrations(use: UseCases) -> APIRouter:
    """The routes of integrations."""
    routes = APIRouter(prefix="/integrations", tags=["integrations"])

    @routes.get("")
    async def list_integrations(identity: Caller) -> Response:
        """The tenant's integrations."""
        return page([_integration(i) for i in use.view.integrations(identity.principal.tenant)], None)

    @routes.get("/{slug}")
    async def get_integration(identity: Caller, slug: str) -> Response:
        """One integration."""
        found = use.view.integration(identity.principal.tenant, slug)
        if found is None:
            raise NotFoundError(f"There is no integration {slug!r}.")
        return reply(_integration(found))

    @routes.post("", status_code=201)
    async def put_integration(identity: Administrator, body: IntegrationBody) -> Response:
        """Create or change an integration."""
        path = description_of(body)
        spec = integration_of(body, {path: body.source} if path and body.source else {})
        return await _made_so(use, identity, Wanted(catalog=CatalogDocument(integrations=(spec,))), 201)

    @routes.delete("/{slug}")
    async def delete_integration(identity: Administrator, slug: str) -> Response:
        """Remove an integration with its connections."""
        tenant = identity.principal.tenant
        if use.view.integration(tenant, slug) is None:
            raise NotFoundError(f"There is no integration {slug!r}.")
        with_it = tuple(_key(c) for c in use.view.connections(tenant) if c.integration == slug)
        return await _made_so(
            use, identity, Wanted(remove=Removal(integrations=(slug,), connections=with_it))
        )

    @routes.post("/{slug}/refresh")
    async def refresh_integration(identity: Administrator, slug: str) -> Response:
        """Ask the upstream again, through every connection, what it offers."""
        found = use.view.integration(identity.principal.tenant, slug)
        if found is None:
            raise NotFoundError(f"There is no integration {slug!r}.")
        through = [c for c in use.view.connections(found.tenant) if c.integration == slug]
        told = [await _refresh(use, identity, found, connection) for connection in through]
        return page([shown(tools) for tools in told], None)

    return routes


async def _refresh(
    use: UseCases, identity: Identity, integration: Integration, connection: Connection
) -> ToolsChanged:
    asked = GrantDiscovery(
        proof=identity.proof,
        integration=integration.slug,
        connection=_key(connection),
        origin=integration.origin,
        credential=connection.credential,
    )
    grant = await use.policy.grant_discovery(asked)
    return await use.catalog.refresh(
        RefreshConnection(tenant=integration.tenant, connection=connection.id, discovery=grant)
    )


def connections(use: UseCases) -> APIRouter:
    """The routes of connections."""
    routes = APIRouter(prefix="/connections", tags=["connections"])

    def one(identity: Identity, connection: str) -> Connection:
        principal = identity.principal
        found = use.view.connection(principal.tenant, connection)
        if found is None or not (principal.admin or may_use(principal, found)):
            raise NotFoundError("There is no such connection.")
        return found

    @routes.get("")
    async def list_connections(identity: Caller, integration: str | None = None) -> Response:
        """Connections that the caller may use; administrators see all of the tenant."""
        principal = identity.principal
        found = [
            c
            for c in use.view.connections(principal.tenant)
            if (principal.admin or may_use(principal, c)) and integration in {None, c.integration}
        ]
        return page([_connection(c) for c in found], None)

    @routes.get("/{connection}")
    async def get_connection(identity: Caller, connection: str) -> Response:
        """One connection."""
        return reply(_connection(one(identity, connection)))

    @routes.post("", status_code=201)
    async def put_connection(identity: Administrator, body: ConnectionBody) -> Response:
        """Create or change a connection; its credential goes sealed to the vault-broker."""
        if body.values is not None and body.sealed is not None:
            raise InvalidRequestError("Send either `values` or `sealed`.", details={"field": "values"})
        given = from_base64(body.sealed, "sealed") if body.sealed is not None else body.values
        spec = connection_of(_named(body, has_credential=given is not None))
        wanted = Wanted(
            catalog=CatalogDocument(connections=(spec,)),
            credentials={body.key: given} if given is not None else {},
        )
        return await _made_so(use, identity, wanted, 201)

    @routes.delete("/{connection}")
    async def delete_connection(identity: Administrator, connection: str) -> Response:
        """Remove a connection, its tools and its credential."""
        key = _key(one(identity, connection))
        return await _made_so(use, identity, Wanted(remove=Removal(connections=(key,))))

    return routes


def _named(body: ConnectionBody, *, has_credential: bool) -> ConnectionPart:
    """A credential that no document names is exported as a variable, so that the export can be applied."""
    if not has_credential or body.credential is not None:
        return body
    plain = "".join(c if c.isalnum() else "_" for c in f"{body.integration}_{body.name}").upper()
    return body.model_copy(update={"credential": {"env": f"EXPORTED_{plain}"}})


def toolkits(use: UseCases) -> APIRouter:
    """The routes of toolkits."""
    routes = APIRouter(prefix="/toolkits", tags=["toolkits"])

    @routes.get("")
    async def list_toolkits(identity: Caller) -> Response:
        """The tenant's toolkits."""
        found = use.view.toolkits(identity.principal.tenant)
        return page([shown(t, "removed", "tenant") for t in found], None)

    @routes.post("", status_code=201)
    async def put_toolkit(identity: Administrator, body: ToolkitPart) -> Response:
        """Create or change a toolkit."""
        spec = ToolkitSpec(slug=body.slug, tools=tuple(body.tools), surface=body.surface)
        return await _made_so(use, identity, Wanted(catalog=CatalogDocument(toolkits=(spec,))), 201)

    @routes.delete("/{slug}")
    async def delete_toolkit(identity: Administrator, slug: str) -> Response:
        """Remove a toolkit."""
        if use.view.toolkit(identity.principal.tenant, slug) is None:
            raise NotFoundError(f"There is no toolkit {slug!r}.")
        return await _made_so(use, identity, Wanted(remove=Removal(toolkits=(slug,))))

    return routes


def definitions(use: UseCases) -> APIRouter:
    """The routes of held definitions."""
    routes = APIRouter(prefix="/definitions", tags=["definitions"])

    async def resolve(identity: Identity, tool: str, *, accept: bool) -> Response:
        wanted = ResolveDefinition(tenant=identity.principal.tenant, tool=tool, accept=accept)
        await use.catalog.resolve(wanted)
        return reply({"tool": tool, "accepted": accept})

    @routes.get("")
    async def list_definitions(identity: Administrator, cursor: Cursor = None) -> Response:
        """Definitions that wait: what agents see now, and what they would see."""
        held = await use.catalog.held(identity.principal.tenant, cursor or "")
        return page([shown(d) for d in held.definitions], held.next)

    @routes.post("/{tool}/accept")
    async def accept_definition(identity: Administrator, tool: str) -> Response:
        """Let agents see and call it as proposed."""
        return await resolve(identity, tool, accept=True)

    @routes.post("/{tool}/reject")
    async def reject_definition(identity: Administrator, tool: str) -> Response:
        """Keep what agents see now."""
        return await resolve(identity, tool, accept=False)

    return routes
