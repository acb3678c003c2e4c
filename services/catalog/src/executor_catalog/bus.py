"""What the catalog answers."""

from dataclasses import dataclass
from typing import Any

from executor_catalog.domain.apply import ApplyDocument
from executor_catalog.domain.changes import GetChanges
from executor_catalog.domain.export import ExportDocument
from executor_catalog.domain.held import DecideDefinition, ListHeld
from executor_catalog.domain.refresh import Refresh
from executor_shared.bus import Handler
from executor_shared.contracts.catalog import (
    APPLY_CATALOG,
    EXPORT_CATALOG,
    GET_CHANGES,
    LIST_HELD,
    REFRESH_CONNECTION,
    RESOLVE_DEFINITION,
)

_WRITES_AT_ONCE = 16  # each may hold a whole description in memory


@dataclass(frozen=True, slots=True)
class UseCases:
    """Everything the catalog does."""

    apply: ApplyDocument
    refresh: Refresh
    export: ExportDocument
    changes: GetChanges
    held: ListHeld
    decide: DecideDefinition


def handlers(use: UseCases) -> tuple[Handler[Any, Any], ...]:
    """One handler per contract that the catalog owns."""
    return (
        Handler(GET_CHANGES, use.changes),
        Handler(APPLY_CATALOG, use.apply, limit=_WRITES_AT_ONCE),
        Handler(EXPORT_CATALOG, use.export, limit=_WRITES_AT_ONCE),
        Handler(REFRESH_CONNECTION, use.refresh, limit=_WRITES_AT_ONCE),
        Handler(LIST_HELD, use.held),
        Handler(RESOLVE_DEFINITION, use.decide),
    )
