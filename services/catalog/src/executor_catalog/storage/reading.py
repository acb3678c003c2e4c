"""Rows of the catalog as records of the domain."""

import msgspec
from sqlalchemy import RowMapping

from executor_catalog.domain.state import Definition, KnownConnection, KnownIntegration, KnownTool
from executor_shared.contracts.catalog import Connection, Integration, IntegrationSpec, Toolkit
from executor_shared.contracts.vocabulary import AuthMethod


def integration_record(row: RowMapping) -> Integration:
    """A row of `integrations` as its public record."""
    if row["removed"]:
        return Integration(tenant=row["tenant"], slug=row["slug"], revision=row["revision"], removed=True)
    return Integration(
        tenant=row["tenant"],
        slug=row["slug"],
        revision=row["revision"],
        name=row["name"],
        description=row["description"],
        kind=row["kind"],
        origin=row["origin"],
        target=msgspec.Raw(row["target"].encode()),
        auth=msgspec.json.decode(row["auth"], type=tuple[AuthMethod, ...]),
        definitions=row["definitions"],
    )


def known_integration(row: RowMapping) -> KnownIntegration:
    """A row of `integrations` with how it was written."""
    spec = msgspec.json.decode(row["spec"], type=IntegrationSpec)
    return KnownIntegration(integration_record(row), spec, row["source_digest"])


def connection_record(row: RowMapping) -> Connection:
    """A row of `connections` as its public record."""
    return Connection(
        tenant=row["tenant"],
        id=row["id"],
        revision=row["revision"],
        integration=row["integration"],
        owner=row["owner"],
        name=row["name"],
        auth=row["auth"],
        credential=row["credential"],
        removed=row["removed"],
    )


def known_connection(row: RowMapping) -> KnownConnection:
    """A row of `connections` with how the document names its credential."""
    text: dict[str, object] = msgspec.json.decode(row["credential_text"])
    return KnownConnection(connection_record(row), text)


def known_tool(row: RowMapping) -> KnownTool:
    """A row of `tools`."""
    return KnownTool(
        id=row["id"],
        connection=row["connection"],
        own_name=row["own_name"],
        name=row["name"],
        address=row["address"],
        accepted=row["accepted"],
        proposed=row["proposed"],
        rejected=row["rejected"],
        state=row["state"],
        reason=row["reason"],
        removed=row["removed"],
    )


def definition(row: RowMapping) -> Definition:
    """A row of `definitions` (`shown` may be left out of the selection)."""
    return Definition(
        fingerprint=row["fingerprint"],
        shown=row["shown"].encode() if "shown" in row else b"",
        public_digest=row["public_digest"],
        binding=row["binding"].encode(),
        effect=row["effect"],
        idempotent=row["idempotent"],
    )


def toolkit(row: RowMapping) -> Toolkit:
    """A row of `toolkits`."""
    return Toolkit(
        tenant=row["tenant"],
        slug=row["slug"],
        revision=row["revision"],
        tools=msgspec.json.decode(row["tools"], type=tuple[str, ...]),
        surface=row["surface"],
        removed=row["removed"],
    )
