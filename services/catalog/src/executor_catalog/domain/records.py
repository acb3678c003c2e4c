"""The public records of tools, and how pages of changes are cut."""

from collections.abc import Sequence

import msgspec

from executor_catalog.domain.state import Definition, KnownTool
from executor_shared.contracts.catalog import Tool

RECORD_BYTES = 500
"""What a record weighs in a page besides its definition and binding."""


def tool_record(
    tenant: str, tool: KnownTool, revision: int, definition: Definition | None, *, facts_only: bool
) -> Tool:
    """The record that views keep. A tombstone carries no more than its id."""
    if tool.removed:
        return Tool(tenant=tenant, id=tool.id, revision=revision, connection=tool.connection, removed=True)
    record = Tool(
        tenant=tenant,
        id=tool.id,
        revision=revision,
        connection=tool.connection,
        address=tool.address,
        name=tool.name,
        own_name=tool.own_name,
        state=tool.state,
        reason=tool.reason,
    )
    if definition is None:
        return record
    record = msgspec.structs.replace(
        record,
        effect=definition.effect,
        idempotent=definition.idempotent,
        public_digest=definition.public_digest,
        binding=msgspec.Raw(definition.binding),
    )
    return record if facts_only else msgspec.structs.replace(record, definition=msgspec.Raw(definition.shown))


def cut(rows: Sequence[tuple[int, int]], max_bytes: int) -> int:
    """How many of the (revision, size) rows make one page: at least one, at most `max_bytes` beyond it."""
    total = 0
    for index, (_, size) in enumerate(rows):
        total += size
        if total > max_bytes and index:
            return index
    return len(rows)
