"""Settling a document's integrations and connections: resolved, compared, not yet written."""

from dataclasses import dataclass, field

import msgspec

from executor_catalog.domain.addresses import invalid
from executor_catalog.domain.asking import Asking
from executor_catalog.domain.plan import (
    PlannedConnection,
    PlannedIntegration,
    Removed,
    change,
    plan_connection,
    plan_integration,
    removals,
    toolkit_fields,
)
from executor_catalog.domain.state import KnownIntegration, TenantState
from executor_catalog.domain.together import together
from executor_catalog.domain.validate import check_lookalikes
from executor_shared.contracts.adapters import Discovered
from executor_shared.contracts.catalog import ApplyCatalog, Integration, Resolved, Toolkit
from executor_shared.contracts.vocabulary import Change

MAX_TEXT = 8 * 1024


@dataclass(frozen=True, slots=True)
class SettledIntegration:
    """An integration as it shall be; `shared` is None where adapters were not asked."""

    planned: PlannedIntegration
    known: KnownIntegration
    shared: bool | None


@dataclass(slots=True)
class Settled:
    """A document compared with what is, every question of targets answered."""

    removed: Removed
    integrations: dict[str, SettledIntegration] = field(default_factory=dict[str, SettledIntegration])
    connections: list[PlannedConnection] = field(default_factory=list[PlannedConnection])
    toolkits: list[Toolkit] = field(default_factory=list[Toolkit])
    changes: list[Change] = field(default_factory=list[Change])

    def note(self, before: object, noun: str, key: str, fields: tuple[str, ...]) -> bool:
        """Add a line to the plan, if anything differs."""
        line = change(before, noun, key, fields)
        if line:
            self.changes.append(line)
        return line is not None

    def resolved(self) -> tuple[Resolved, ...]:
        """Where every integration of the document goes."""
        records = [(one.known.record, one.known.spec.kind) for one in self.integrations.values()]
        return tuple(
            Resolved(slug=r.slug, kind=kind, origin=r.origin, target=r.target, auth=r.auth)
            for r, kind in records
        )


async def settle(state: TenantState, asked: ApplyCatalog, asking: Asking) -> Settled:
    """Compare and resolve.

    Raises:
        ExecutorError: something in the document cannot be; names the field or the integration.

    """
    removed = removals(state, asked)
    others = [s for s in state.integrations if state.integration(s) and s not in removed.integrations]
    check_lookalikes(asked.document.integrations, others)
    _check_connections(state, asked, removed)
    settled = Settled(removed)
    planned = [plan_integration(state, spec) for spec in asked.document.integrations]
    for one in await together(_settle_integration(one, asking) for one in planned):
        settled.integrations[one.planned.spec.slug] = one
        settled.note(one.planned.before, "integration", one.planned.spec.slug, one.planned.fields)
    _settle_connections(state, asked, settled)
    _check_methods(state, settled)
    _settle_toolkits(state, asked, settled)
    for noun, keys in (
        ("integration", removed.integrations),
        ("connection", removed.connections),
        ("toolkit", removed.toolkits),
    ):
        settled.changes += [Change(action="delete", noun=noun, key=key) for key in sorted(keys)]
    return settled


def _check_connections(state: TenantState, asked: ApplyCatalog, removed: Removed) -> None:
    slugs = {spec.slug for spec in asked.document.integrations}
    slugs |= {s for s in state.integrations if state.integration(s) and s not in removed.integrations}
    for index, spec in enumerate(asked.document.connections):
        if spec.integration not in slugs:
            known = ", ".join(sorted(slugs)[:50]) or "none yet"
            raise invalid(
                f"connections[{index}].integration",
                f"there is no integration {spec.integration!r}; known: {known}",
                value=spec.integration,
            )


async def _settle_integration(planned: PlannedIntegration, asking: Asking) -> SettledIntegration:
    before = planned.before
    if before and not planned.resolve:
        spec = msgspec.structs.replace(planned.spec, source=None)
        record = msgspec.structs.replace(before.record, definitions=spec.definitions)
        return SettledIntegration(planned, KnownIntegration(record, spec, planned.source_digest), None)
    answer = await asking.target(planned.spec, planned.source_digest)
    return SettledIntegration(planned, known_integration(planned, answer, asking.tenant), answer.shared)


def known_integration(planned: PlannedIntegration, answer: Discovered, tenant: str) -> KnownIntegration:
    """The integration as it shall be, from what the document says and what adapters found."""
    spec = msgspec.structs.replace(planned.spec, source=None)
    record = Integration(
        tenant=tenant,
        slug=spec.slug,
        revision=0,
        name=_text(spec.name or answer.title or spec.slug),
        description=_text(spec.description or answer.description),
        kind=spec.kind,
        origin=answer.origin,
        target=answer.target,
        auth=spec.auth or answer.auth,
        definitions=spec.definitions,
    )
    return KnownIntegration(record, spec, planned.source_digest)


def _text(text: str) -> str:
    """Bounded, and without what PostgreSQL cannot keep (NUL, lone surrogates)."""
    return text[:MAX_TEXT].replace("\0", "").encode("utf-8", "replace").decode()


def _settle_connections(state: TenantState, asked: ApplyCatalog, settled: Settled) -> None:
    for index, spec in enumerate(asked.document.connections):
        ours = settled.integrations.get(spec.integration)
        known = ours.known if ours else state.integrations[spec.integration]
        planned = plan_connection(state, index, spec, known.record.auth)
        settled.connections.append(planned)
        settled.note(planned.before, "connection", planned.key, planned.fields)


def _check_methods(state: TenantState, settled: Settled) -> None:
    """Refuse to take away a method that a connection beside the document uses."""
    named = {planned.key for planned in settled.connections} | settled.removed.connections
    for index, (slug, one) in enumerate(settled.integrations.items()):
        names = [method.name for method in one.known.record.auth]
        for known in state.connections_of(slug):
            used = known.record.auth
            if used is not None and used not in names and known.key not in named:
                raise invalid(
                    f"integrations[{index}].auth",
                    f"the connection {known.key!r} uses the method {used!r}; change or remove it in the same "
                    f"document. The methods are now: {', '.join(names) or 'none'}",
                    connection=known.key,
                )


def _settle_toolkits(state: TenantState, asked: ApplyCatalog, settled: Settled) -> None:
    for spec in asked.document.toolkits:
        before = state.toolkit(spec.slug)
        if settled.note(before, "toolkit", spec.slug, toolkit_fields(before, spec)):
            settled.toolkits.append(
                Toolkit(
                    tenant=asked.tenant, slug=spec.slug, revision=0, tools=spec.tools, surface=spec.surface
                )
            )
