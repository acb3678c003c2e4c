"""Taking offers in: the tools to write, with ids and names, and what people are told about it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from executor_catalog.domain.difference import Difference, difference
from executor_catalog.domain.naming import Names, Wanted
from executor_catalog.domain.registration import Offer
from executor_catalog.domain.state import KnownConnection, KnownTool, TenantState, Write, address_of
from executor_shared.contracts.catalog import ToolsChanged
from executor_shared.ids import new_tool_id


@dataclass(frozen=True, slots=True)
class Taking:
    """An offer for a connection; `review` and `first` as in `difference`."""

    connection: KnownConnection
    offer: Offer
    review: bool
    first: bool


def take_in(state: TenantState, takings: list[Taking], write: Write, name_limit: int) -> list[ToolsChanged]:
    """Add to `write` what the offers change; returns what to tell."""
    known: dict[str, dict[str, KnownTool]] = {}
    for tool in state.tools:
        known.setdefault(tool.connection, {})[tool.own_name] = tool
    found: list[tuple[Taking, Difference]] = []
    for taking in sorted(takings, key=lambda one: one.connection.key):
        ours = known.get(taking.connection.record.id, {})
        changed = difference(
            taking.connection.record.id, ours, taking.offer, review=taking.review, first=taking.first
        )
        found.append((taking, changed))
    _name(state, found, name_limit)
    told: list[ToolsChanged] = []
    for taking, changed in found:
        write.tools += changed.tools
        write.definitions.update(changed.definitions)
        ours = known.get(taking.connection.record.id, {})
        names = {t.own_name: t.name or t.own_name for t in (*ours.values(), *changed.tools)}
        told.append(_told(taking.connection.key, changed, names))
    return told


def _name(state: TenantState, found: list[tuple[Taking, Difference]], limit: int) -> None:
    """Give ids to new tools and names to those that need their first one."""
    names = Names({tool.name: tool.id for tool in state.tools if tool.name}, limit)
    wanted = [
        Wanted.of(taking.connection.record, tool.own_name)
        for taking, changed in found
        for tool in changed.tools
        if _needs_name(tool)
    ]
    given = names.give_all(wanted)
    for taking, changed in found:
        record = taking.connection.record
        for index, tool in enumerate(changed.tools):
            name = given[Wanted.of(record, tool.own_name)] if _needs_name(tool) else tool.name
            ident = tool.id or new_tool_id()
            address = address_of(record, tool.own_name)
            changed.tools[index] = replace(tool, id=ident, name=name, address=address)


def _needs_name(tool: KnownTool) -> bool:
    return not tool.name and not tool.removed and tool.state != "set_aside"


def _told(key: str, changed: Difference, names: Mapping[str, str]) -> ToolsChanged:
    def as_names(own: list[str]) -> tuple[str, ...]:
        return tuple(sorted(names.get(one, one) for one in own))

    return ToolsChanged(
        connection=key,
        added=as_names(changed.added),
        changed=as_names(changed.changed),
        removed=as_names(changed.removed),
        held=as_names(changed.held),
        set_aside=changed.set_aside,
    )
