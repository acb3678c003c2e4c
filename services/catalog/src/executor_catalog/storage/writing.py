"""Records of the domain as rows, written in bulk."""

import zlib
from collections.abc import Iterator
from typing import Any

import msgspec
from sqlalchemy import Table, delete, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from executor_catalog.domain.state import Definition, KnownConnection, KnownIntegration, KnownTool, Write
from executor_catalog.storage import rows
from executor_shared.contracts.catalog import Toolkit

Row = dict[str, Any]


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


async def write_all(tx: AsyncConnection, tenant: str, wanted: Write) -> int:
    """Write everything; the revision of the last row.

    The counter is taken as late as possible: its row lock holds up every other tenant's commit.
    """
    await _upsert(
        tx, rows.definitions, [_definition_row(tenant, one) for one in wanted.definitions.values()], keep=True
    )
    await _write_sources(tx, tenant, wanted)
    records = (wanted.integrations, wanted.connections, wanted.tools, wanted.toolkits)
    count = sum(len(some) for some in records)
    taken = update(rows.counter).values(value=rows.counter.c.value + count).returning(rows.counter.c.value)
    last = int((await tx.execute(taken)).scalar_one())
    numbers = iter(range(last - count + 1, last + 1))
    await _upsert(tx, rows.integrations, [_integration_row(o, numbers) for o in wanted.integrations])
    await _upsert(tx, rows.connections, [_connection_row(o, numbers) for o in wanted.connections])
    await _upsert(tx, rows.tools, [_tool_row(tenant, o, numbers) for o in wanted.tools])
    await _upsert(tx, rows.toolkits, [_toolkit_row(o, numbers) for o in wanted.toolkits])
    if wanted.tools:
        await _forget_unused(tx, tenant)
    return last


async def _upsert(tx: AsyncConnection, table: Table, values: list[Row], *, keep: bool = False) -> None:
    if not values:
        return
    keys = [column.name for column in table.primary_key.columns]
    statement = insert(table)
    if keep:
        statement = statement.on_conflict_do_nothing(index_elements=keys)
    else:
        new = {c.name: statement.excluded[c.name] for c in table.columns if c.name not in keys}
        # Another tenant's row is never touched, whatever id it is asked for under.
        ours = table.c.tenant == statement.excluded["tenant"]
        statement = statement.on_conflict_do_update(index_elements=keys, set_=new, where=ours)
    await tx.execute(statement, values)


async def _write_sources(tx: AsyncConnection, tenant: str, wanted: Write) -> None:
    for slug, source in wanted.sources.items():
        table = rows.sources
        await tx.execute(delete(table).where(table.c.tenant == tenant, table.c.integration == slug))
        if source is not None:
            plain = source.encode()
            row = {"tenant": tenant, "integration": slug, "size": len(plain), "body": zlib.compress(plain, 6)}
            await tx.execute(insert(table), [row])


async def _forget_unused(tx: AsyncConnection, tenant: str) -> None:
    """Definitions that no tool names any more."""
    kept, tools = rows.definitions, rows.tools
    ours = select(1).where(tools.c.tenant == tenant, ~tools.c.removed)
    accepted = ours.where(tools.c.accepted == kept.c.fingerprint).exists()
    proposed = ours.where(tools.c.proposed == kept.c.fingerprint).exists()
    await tx.execute(delete(kept).where(kept.c.tenant == tenant, ~or_(accepted, proposed)))


def _definition_row(tenant: str, one: Definition) -> Row:
    return {
        "tenant": tenant,
        "fingerprint": one.fingerprint,
        "shown": one.shown.decode(),
        "public_digest": one.public_digest,
        "binding": one.binding.decode(),
        "effect": one.effect,
        "idempotent": one.idempotent,
    }


def _integration_row(one: KnownIntegration, numbers: Iterator[int]) -> Row:
    record = one.record
    return {
        "tenant": record.tenant,
        "slug": record.slug,
        "revision": next(numbers),
        "removed": record.removed,
        "name": record.name,
        "description": record.description,
        "kind": record.kind,
        "origin": record.origin,
        "target": bytes(record.target).decode(),
        "auth": _json(record.auth),
        "definitions": record.definitions,
        "spec": _json(one.spec),
        "source_digest": one.source_digest,
    }


def _connection_row(one: KnownConnection, numbers: Iterator[int]) -> Row:
    record = one.record
    return {
        "id": record.id,
        "tenant": record.tenant,
        "revision": next(numbers),
        "removed": record.removed,
        "integration": record.integration,
        "owner": record.owner,
        "name": record.name,
        "auth": record.auth,
        "credential": record.credential,
        "credential_text": _json(one.credential_text),
    }


def _tool_row(tenant: str, one: KnownTool, numbers: Iterator[int]) -> Row:
    return {
        "id": one.id,
        "tenant": tenant,
        "revision": next(numbers),
        "removed": one.removed,
        "connection": one.connection,
        "own_name": one.own_name,
        "name": one.name,
        "folded": one.name.casefold(),
        "address": one.address,
        "accepted": one.accepted,
        "proposed": one.proposed,
        "rejected": one.rejected,
        "state": one.state,
        "reason": one.reason,
    }


def _toolkit_row(one: Toolkit, numbers: Iterator[int]) -> Row:
    return {
        "tenant": one.tenant,
        "slug": one.slug,
        "revision": next(numbers),
        "removed": one.removed,
        "tools": _json(one.tools),
        "surface": one.surface,
    }
