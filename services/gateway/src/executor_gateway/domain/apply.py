"""Making a configuration so: all of it or nothing, over three services."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field

import msgspec
import structlog

from executor_gateway.domain.administration import Catalog, Credentials, Policy
from executor_gateway.domain.apply_credentials import StoreCredentials
from executor_gateway.domain.apply_undo import Undo, named, with_remains
from executor_gateway.domain.identify import Identity
from executor_gateway.domain.plan import Plan, PlanDocument, Wanted, key_of
from executor_shared.contracts.catalog import (
    CatalogApplied,
    CatalogDocument,
    ConnectionSpec,
    ToolsChanged,
)
from executor_shared.contracts.policy import ApplyPolicy, GrantDiscovery
from executor_shared.contracts.vault_broker import CredentialStored
from executor_shared.contracts.vocabulary import Change
from executor_shared.errors import DeadlineExceededError, ExecutorError, rebuild
from executor_shared.views.catalog import CatalogView

_log: structlog.stdlib.BoundLogger = structlog.get_logger("executor.apply")
Stored = Mapping[str, CredentialStored]


@dataclass(frozen=True, slots=True)
class Applied:
    """What became different."""

    changes: tuple[Change, ...] = ()
    tools: tuple[ToolsChanged, ...] = ()
    revision: int = 0


@dataclass(frozen=True, slots=True)
class ApplyDocument:
    """Judges the whole, then does it step by step; a step that fails puts back the ones before it.

    The steps: credentials, discovery grants, rules and principals, the catalog, and at last what cannot be
    put back (removed principals, changed keys, unused credentials). One apply at a time in this process;
    across replicas the owners' own transactions decide.
    """

    catalog: Catalog
    policy: Policy
    credentials: Credentials
    view: CatalogView
    caught_up: Callable[[int], Awaitable[None]]
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def __call__(self, identity: Identity, wanted: Wanted) -> Applied:
        """Make it so. The same a second time changes nothing.

        Raises:
            ExecutorError: why it was not done; nothing is left half done, unless the message says what could
                not be put back.
            DeadlineExceededError: the catalog did not say in time whether it did its part.

        """
        async with self._turn:
            plan = await PlanDocument(self.catalog, self.policy)(identity, wanted)
            undo = Undo()
            try:
                applied = await self._apply(identity, wanted, plan, undo)
            except ExecutorError as error:
                raise with_remains(error, await undo.run()) from error
            except BaseException:
                await asyncio.shield(undo.run())
                raise
        await self._forget_unused(identity.principal.tenant, plan, applied)
        await self.caught_up(applied.revision)
        return applied

    async def _apply(self, identity: Identity, wanted: Wanted, plan: Plan, undo: Undo) -> Applied:
        tenant = identity.principal.tenant
        stored = await StoreCredentials(self.credentials, self.view)(tenant, wanted, plan, undo)
        connections = [_with_credential(spec, stored) for spec in plan.document.connections]
        connections += self._affected(wanted, plan, connections)
        document = msgspec.structs.replace(
            plan.document,
            connections=tuple([await self._granted(identity, spec, plan, stored) for spec in connections]),
        )
        await self._apply_policy(identity, wanted, plan, undo)
        done = await self._apply_catalog(tenant, wanted, document, undo)
        undo.forget()
        if wanted.takes_away:
            await self._take_away(identity, wanted)
        changes = (*plan.rules, *done.changes, *_renewed(stored, done.changes))
        return Applied(changes, done.tools, done.revision)

    @staticmethod
    def _affected(wanted: Wanted, plan: Plan, named_here: list[ConnectionSpec]) -> list[ConnectionSpec]:
        """Connections that the document leaves alone, of integrations that it changes: they are asked anew."""
        if wanted.prune:
            return []
        changed = {c.key for c in plan.changes if c.noun == "integration" and c.action == "update"}
        gone = {*wanted.remove.connections, *(key_of(spec) for spec in named_here)}
        return [
            spec for key, spec in plan.existing.items() if spec.integration in changed and key not in gone
        ]

    async def _granted(
        self, identity: Identity, spec: ConnectionSpec, plan: Plan, stored: Stored
    ) -> ConnectionSpec:
        """The connection with a grant for discovery, where it must be asked what it offers."""
        key = key_of(spec)
        fresh = key in stored and stored[key].changed
        touched = {(c.noun, c.key) for c in plan.changes if c.action != "delete"}
        if not (fresh or ("connection", key) in touched or ("integration", spec.integration) in touched):
            return spec
        asked = GrantDiscovery(
            proof=identity.proof,
            integration=spec.integration,
            connection=key,
            origin=self._origin(identity.principal.tenant, spec.integration, plan),
            credential=spec.credential,
        )
        try:
            grant = await self.policy.grant_discovery(asked)
        except ExecutorError as error:
            raise named(error, f"connection {key}") from error
        return msgspec.structs.replace(spec, discovery=grant)

    def _origin(self, tenant: str, slug: str, plan: Plan) -> str:
        found = plan.resolved.get(slug) or self.view.integration(tenant, slug)
        return found.origin if found else ""

    async def _apply_policy(self, identity: Identity, wanted: Wanted, plan: Plan, undo: Undo) -> None:
        """Rules and principals, but nothing that policy could not put back: it never gives keys away."""
        fresh = frozenset(c.key for c in plan.rules if c.noun == "principal" and c.action == "create")
        done = await self.policy.apply(wanted.about_policy_first(identity.proof, fresh))

        async def put_back() -> None:
            await self.policy.apply(ApplyPolicy(proof=identity.proof, document=done.previous, prune=True))

        if done.changes:
            undo.add("policies and principals", put_back)

    async def _take_away(self, identity: Identity, wanted: Wanted) -> None:
        """What cannot be put back, once everything else is so: removals, and keys of existing principals."""
        try:
            await self.policy.apply(wanted.about_policy(identity.proof))
        except ExecutorError as error:
            text = (
                f"{error.message} Everything else is applied; removals of policies and principals and new keys "
                "are not. Apply again."
            )
            raise rebuild(error.code, text, error.details) from error

    async def _apply_catalog(
        self, tenant: str, wanted: Wanted, document: CatalogDocument, undo: Undo
    ) -> CatalogApplied:
        try:
            return await self.catalog.apply(wanted.about_catalog(tenant, document))
        except DeadlineExceededError:
            left = await self._left_to_do(tenant, wanted, document)
            if left is None:
                undo.forget()
                raise
            if left.changes:
                raise
            return left

    async def _left_to_do(
        self, tenant: str, wanted: Wanted, document: CatalogDocument
    ) -> CatalogApplied | None:
        """What the catalog still had to change, when it did not say in time; None: it cannot be asked."""
        try:
            return await self.catalog.apply(wanted.about_catalog(tenant, document, dry_run=True))
        except ExecutorError:
            return None

    async def _forget_unused(self, tenant: str, plan: Plan, applied: Applied) -> None:
        """Destroy credentials that no connection uses any more."""
        gone = {c.key for c in applied.changes if c.noun == "connection" and c.action == "delete"}
        kept = {key_of(s): s for s in plan.document.connections}
        for key, spec in plan.existing.items():
            dropped = key in kept and not kept[key].credential_text
            if spec.credential and (key in gone or dropped):
                try:
                    await self.credentials.delete(tenant, spec.credential)
                except ExecutorError as error:
                    _log.warning("credential.not_deleted", connection=key, reason=error.code)


def _renewed(stored: Stored, said: tuple[Change, ...]) -> Iterator[Change]:
    """Connections of which nothing is different but the value of their credential."""
    known = {change.key for change in said if change.noun == "connection"}
    for key, done in stored.items():
        if done.changed and key not in known:
            yield Change(action="update", noun="connection", key=key, fields=("credential",))


def _with_credential(spec: ConnectionSpec, stored: Stored) -> ConnectionSpec:
    done = stored.get(key_of(spec))
    return msgspec.structs.replace(spec, credential=done.credential) if done else spec
