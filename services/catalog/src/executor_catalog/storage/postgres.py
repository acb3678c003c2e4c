"""The catalog in PostgreSQL."""

import zlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from sqlalchemy import Table, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from executor_catalog.domain.ports import StaleStateError
from executor_catalog.domain.state import Definition, KnownTool, TenantState, Write
from executor_catalog.storage import reading, rows
from executor_catalog.storage.changes import read_changes
from executor_catalog.storage.writing import write_all
from executor_shared.contracts.catalog import Changes
from executor_shared.db import Database

_HELD_AT_ONCE = 500
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:tenant, 7203))")
_SNAPSHOT = text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
_KEPT = (rows.integrations, rows.connections, rows.tools, rows.toolkits)


class PostgresStore:
    """The store; every statement names the tenant but that of `changes`, which is for all."""

    def __init__(self, db: Database) -> None:
        """Keep the catalog in `db`, whose schema is `catalog`."""
        self._db = db

    @asynccontextmanager
    async def _snapshot(self) -> "AsyncGenerator[AsyncConnection]":
        """One moment, for as many statements as it takes."""
        async with self._db.transaction() as tx:
            await tx.execute(_SNAPSHOT)
            yield tx

    async def state(self, tenant: str) -> TenantState:
        """Everything of a tenant."""
        async with self._snapshot() as tx:
            revision = int((await tx.execute(select(rows.counter.c.value))).scalar_one())

            async def of(table: Table):  # noqa: ANN202
                return (await tx.execute(select(table).where(table.c.tenant == tenant))).mappings().all()

            integrations, connections, tools, toolkits = [await of(table) for table in _KEPT]
        known = [reading.known_connection(row) for row in connections]
        return TenantState(
            tenant,
            max(
                (row["revision"] for some in (integrations, connections, tools, toolkits) for row in some),
                default=0,
            ),
            revision,
            {row["slug"]: reading.known_integration(row) for row in integrations},
            {one.key: one for one in known},
            tuple(reading.known_tool(row) for row in tools),
            {row["slug"]: reading.toolkit(row) for row in toolkits},
        )

    async def source(self, tenant: str, integration: str) -> str | None:
        """The text of a description."""
        table = rows.sources
        wanted = select(table.c.body).where(table.c.tenant == tenant, table.c.integration == integration)
        async with self._db.transaction() as tx:
            body: bytes | None = (await tx.execute(wanted)).scalar_one_or_none()
        return None if body is None else zlib.decompress(body).decode()

    async def definitions(self, tenant: str, fingerprints: frozenset[str]) -> dict[str, Definition]:
        """Stored definitions."""
        table = rows.definitions
        wanted = select(table).where(table.c.tenant == tenant, table.c.fingerprint.in_(fingerprints))
        async with self._db.transaction() as tx:
            found = (await tx.execute(wanted)).mappings().all()
        return {row["fingerprint"]: reading.definition(row) for row in found}

    async def held(self, tenant: str, after: str) -> tuple[KnownTool, ...]:
        """Tools with a proposed definition."""
        table = rows.tools
        wanted = select(table).where(table.c.tenant == tenant, table.c.proposed != "", table.c.id > after)
        async with self._db.transaction() as tx:
            found = (await tx.execute(wanted.order_by(table.c.id).limit(_HELD_AT_ONCE))).mappings().all()
        return tuple(reading.known_tool(row) for row in found)

    async def write(self, tenant: str, version: int, wanted: Write) -> int:
        """Write everything or nothing."""
        async with self._db.transaction() as tx:
            await tx.execute(_LOCK, {"tenant": tenant})
            newest = [
                select(func.max(table.c.revision)).where(table.c.tenant == tenant).scalar_subquery()
                for table in _KEPT
            ]
            present = (await tx.execute(select(func.coalesce(func.greatest(*newest), 0)))).scalar_one()
            if present != version:
                raise StaleStateError
            return await write_all(tx, tenant, wanted)

    async def changes(self, after: int, *, facts_only: bool, max_bytes: int) -> Changes:
        """A page of changes."""
        async with self._snapshot() as tx:
            return await read_changes(tx, after, facts_only=facts_only, max_bytes=max_bytes)
