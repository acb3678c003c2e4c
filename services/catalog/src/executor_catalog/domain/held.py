"""Definitions that wait: list them, accept one, reject one."""

from dataclasses import dataclass, replace

import msgspec

from executor_catalog.domain.difference import REJECTED
from executor_catalog.domain.ports import Announcer, CatalogStore, StaleStateError
from executor_catalog.domain.state import Definition, KnownTool, Write
from executor_shared.contracts.base import Nothing
from executor_shared.contracts.catalog import HeldAsked, HeldDefinition, HeldDefinitions, ResolveDefinition
from executor_shared.errors import ConflictError, NotFoundError

PAGE_BYTES = 2 * 1024 * 1024
_PAGE_TOOLS = 200
_TRIES = 5


@dataclass(frozen=True, slots=True)
class ListHeld:
    """Held definitions by tool id, a page at a time."""

    store: CatalogStore

    async def __call__(self, asked: HeldAsked) -> HeldDefinitions:
        """The page after `asked.after`; `next` is the `after` of the following one."""
        tools = (await self.store.held(asked.tenant, asked.after))[: _PAGE_TOOLS + 1]
        wanted = {mark for tool in tools for mark in (tool.accepted, tool.proposed) if mark}
        stored = await self.store.definitions(asked.tenant, frozenset(wanted))
        found: list[HeldDefinition] = []
        size = 0
        for tool in tools[:_PAGE_TOOLS]:
            one = _held(tool, stored)
            size += len(bytes(one.current)) + len(bytes(one.proposed))
            if found and size > PAGE_BYTES:
                break
            found.append(one)
        more = len(found) < len(tools)
        return HeldDefinitions(definitions=tuple(found), next=found[-1].tool if more else None)


def _held(tool: KnownTool, stored: dict[str, Definition]) -> HeldDefinition:
    proposed, current = stored[tool.proposed], stored.get(tool.accepted)
    return HeldDefinition(
        tool=tool.id,
        address=tool.address,
        name=tool.name,
        current=msgspec.Raw(current.shown if current else b"null"),
        proposed=msgspec.Raw(proposed.shown),
        proposed_effect=proposed.effect,
    )


@dataclass(frozen=True, slots=True)
class DecideDefinition:
    """Accept a held definition (agents may call it from now on) or reject it (it stays uncallable)."""

    store: CatalogStore
    announcer: Announcer

    async def __call__(self, asked: ResolveDefinition) -> Nothing:
        """Decide.

        Raises:
            NotFoundError: no such tool in the tenant.
            ConflictError: nothing waits there.

        """
        for _ in range(_TRIES):
            state = await self.store.state(asked.tenant)
            tool = next((t for t in state.tools if t.id == asked.tool and not t.removed), None)
            if tool is None:
                raise NotFoundError("There is no such tool.", details={"field": "tool"})
            if tool.state != "held" or not tool.proposed:
                raise ConflictError("No definition of this tool waits for acceptance.")
            try:
                revision = await self.store.write(
                    asked.tenant, state.version, Write(tools=[decided(tool, accept=asked.accept)])
                )
            except StaleStateError:
                continue
            await self.announcer.changed(revision)
            return Nothing()
        raise ConflictError(
            "Others kept changing the catalog at the same time; nothing was decided. Try again."
        )


def decided(tool: KnownTool, *, accept: bool) -> KnownTool:
    """The tool after the decision."""
    if accept:
        return replace(
            tool, accepted=tool.proposed, proposed="", rejected="", state="active", reason="", removed=False
        )
    return replace(tool, proposed="", rejected=tool.proposed, state="held", reason=REJECTED)
