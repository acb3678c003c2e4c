"""Reading one page of changes, in the order of revisions."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, RowMapping, Table, func, literal, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from executor_catalog.domain.records import RECORD_BYTES, cut, tool_record
from executor_catalog.storage import reading, rows
from executor_shared.contracts.catalog import Changes, Tool

_MAX_ROWS = 5_000
_PLAIN = (rows.integrations, rows.connections, rows.toolkits)
_JOINED = rows.tools.outerjoin(
    rows.definitions,
    (rows.definitions.c.tenant == rows.tools.c.tenant)
    & (rows.definitions.c.fingerprint == rows.tools.c.accepted),
)


async def read_changes(tx: AsyncConnection, after: int, *, facts_only: bool, max_bytes: int) -> Changes:
    """One page; `tx` must be one snapshot."""
    stands = int((await tx.execute(select(rows.counter.c.value))).scalar_one())
    if after >= stands:
        return Changes(upto=stands)
    sizes = await _sizes(tx, after, facts_only=facts_only)
    count = cut(sizes, max_bytes)
    more = count < len(sizes) or len(sizes) == _MAX_ROWS
    upto = sizes[count - 1][0] if more else stands
    integrations, connections, toolkits = [await _rows(tx, table, after, upto) for table in _PLAIN]
    return Changes(
        upto=upto,
        more=more,
        integrations=tuple(reading.integration_record(row) for row in integrations),
        connections=tuple(reading.connection_record(row) for row in connections),
        tools=await _tools(tx, after, upto, facts_only=facts_only),
        toolkits=tuple(reading.toolkit(row) for row in toolkits),
    )


async def _sizes(tx: AsyncConnection, after: int, *, facts_only: bool) -> list[tuple[int, int]]:
    """Revisions of the first rows, with what each weighs; no large value is read for it."""
    kept = rows.definitions.c
    weight: ColumnElement[int] = func.coalesce(func.octet_length(kept.binding), 0)
    if not facts_only:
        weight += func.coalesce(func.octet_length(kept.shown), 0)
    tools = (
        select(rows.tools.c.revision, (weight + RECORD_BYTES).label("size"))
        .select_from(_JOINED)
        .where(rows.tools.c.revision > after)
        .order_by(rows.tools.c.revision)
        .limit(_MAX_ROWS)
    )
    plain = [
        select(table.c.revision, literal(RECORD_BYTES).label("size"))
        .where(table.c.revision > after)
        .order_by(table.c.revision)
        .limit(_MAX_ROWS)
        for table in _PLAIN
    ]
    everything = union_all(*(part.subquery().select() for part in (tools, *plain))).subquery()
    first = select(everything).order_by(everything.c.revision).limit(_MAX_ROWS)
    return [(row[0], row[1]) for row in await tx.execute(first)]


async def _rows(tx: AsyncConnection, table: Table, after: int, upto: int) -> Sequence[RowMapping]:
    within = select(table).where(table.c.revision > after, table.c.revision <= upto)
    return (await tx.execute(within.order_by(table.c.revision))).mappings().all()


async def _tools(tx: AsyncConnection, after: int, upto: int, *, facts_only: bool) -> tuple[Tool, ...]:
    kept = rows.definitions.c
    shown = () if facts_only else (kept.shown,)
    columns = (kept.fingerprint, kept.public_digest, kept.binding, kept.effect, kept.idempotent, *shown)
    revision = rows.tools.c.revision
    wanted = select(rows.tools, *columns).select_from(_JOINED).where(revision > after, revision <= upto)
    found = (await tx.execute(wanted.order_by(revision))).mappings().all()
    return tuple(
        tool_record(
            row["tenant"],
            reading.known_tool(row),
            row["revision"],
            reading.definition(row) if row["fingerprint"] else None,
            facts_only=facts_only,
        )
        for row in found
    )
