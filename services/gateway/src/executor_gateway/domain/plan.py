"""What a configuration would change, asked of policy and catalog without changing anything."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from executor_gateway.domain.administration import Catalog, Policy
from executor_gateway.domain.identify import Identity
from executor_shared.contracts.catalog import (
    ApplyCatalog,
    CatalogDocument,
    ConnectionSpec,
    Removal,
    Resolved,
)
from executor_shared.contracts.policy import ApplyPolicy, PolicyDocument
from executor_shared.contracts.vocabulary import Change
from executor_shared.errors import InvalidRequestError, NotPermittedError


def key_of(spec: ConnectionSpec) -> str:
    """`<integration>/<owner>/<name>`."""
    return f"{spec.integration}/{spec.owner}/{spec.name}"


def external_of(spec: ConnectionSpec) -> str | None:
    """The external secret that a document names for a connection."""
    named = spec.credential_text.get("vault")
    return named if isinstance(named, str) else None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A configuration as a client wants it.

    Attributes:
        credentials: values by connection: sealed by the client, or in the clear, to be sealed at once.
        remove: keys to remove besides what `prune` removes.
        prune: also remove what is not named.

    """

    catalog: CatalogDocument = field(default_factory=CatalogDocument)
    policy: PolicyDocument = field(default_factory=PolicyDocument)
    credentials: Mapping[str, bytes | dict[str, str]] = field(
        default_factory=dict[str, "bytes | dict[str, str]"], repr=False
    )
    remove: Removal = field(default_factory=Removal)
    remove_policies: tuple[str, ...] = ()
    remove_principals: tuple[str, ...] = ()
    prune: bool = False

    @property
    def takes_away(self) -> bool:
        """Whether policy would lose something that could not be put back: a rule, a principal, a key."""
        keys = any(p.key_proofs is not None for p in self.policy.principals)
        return keys or self.prune or bool(self.remove_policies or self.remove_principals)

    def about_policy_first(self, proof: str, fresh: frozenset[str]) -> ApplyPolicy:
        """The half of policy's part that can be put back: nothing removed, no key of an existing principal."""
        principals = tuple(
            p if p.subject in fresh else msgspec.structs.replace(p, key_proofs=None)
            for p in self.policy.principals
        )
        return ApplyPolicy(
            proof=proof, document=PolicyDocument(policies=self.policy.policies, principals=principals)
        )

    def about_policy(self, proof: str, *, dry_run: bool = False) -> ApplyPolicy:
        """Policy's part of it."""
        return ApplyPolicy(
            proof=proof,
            document=self.policy,
            remove_policies=self.remove_policies,
            remove_principals=self.remove_principals,
            prune=self.prune,
            dry_run=dry_run,
        )

    def about_catalog(self, tenant: str, document: CatalogDocument, *, dry_run: bool = False) -> ApplyCatalog:
        """The catalog's part of it, with a document whose credentials are settled."""
        return ApplyCatalog(
            tenant=tenant, document=document, remove=self.remove, prune=self.prune, dry_run=dry_run
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """What would change.

    Attributes:
        rules: changes of policy.
        things: changes of the catalog.
        resolved: where the document's integrations go and how they authenticate, by slug.
        document: the catalog's part, each connection with the credential that is stored for it now.
        existing: connections that are there now, by key.

    """

    rules: tuple[Change, ...]
    things: tuple[Change, ...]
    resolved: Mapping[str, Resolved]
    document: CatalogDocument
    existing: Mapping[str, ConnectionSpec]

    @property
    def changes(self) -> tuple[Change, ...]:
        """All of them: of policy, then of the catalog."""
        return (*self.rules, *self.things)


@dataclass(frozen=True, slots=True)
class PlanDocument:
    """Says what a configuration would change."""

    catalog: Catalog
    policy: Policy

    async def __call__(self, identity: Identity, wanted: Wanted) -> Plan:
        """The plan.

        Raises:
            NotPermittedError: not an administrator.
            InvalidRequestError: a credential that is needed was neither sent nor stored before, or is not
                of this document; or what policy and catalog say against it.

        """
        principal = identity.principal
        if not principal.admin:
            raise NotPermittedError("Only administrators may change the configuration.")
        judged = await self.policy.apply(wanted.about_policy(identity.proof, dry_run=True))
        exported = await self.catalog.export(principal.tenant)
        existing = {key_of(spec): spec for spec in exported.connections}
        _check_credentials(wanted, existing)
        document = _with_stored(wanted.catalog, existing)
        drawn = await self.catalog.apply(wanted.about_catalog(principal.tenant, document, dry_run=True))
        resolved = {r.slug: r for r in drawn.resolved}
        return Plan(judged.changes, drawn.changes, resolved, document, existing)


def _with_stored(document: CatalogDocument, existing: Mapping[str, ConnectionSpec]) -> CatalogDocument:
    """Connections keep their stored credential where the document still names one."""

    def settled(spec: ConnectionSpec) -> ConnectionSpec:
        before = existing.get(key_of(spec))
        kept = before.credential if before and spec.credential_text else None
        return msgspec.structs.replace(spec, credential=kept)

    return msgspec.structs.replace(document, connections=tuple(map(settled, document.connections)))


def _check_credentials(wanted: Wanted, existing: Mapping[str, ConnectionSpec]) -> None:
    keys = {key_of(spec) for spec in wanted.catalog.connections}
    if strangers := sorted(set(wanted.credentials) - keys):
        raise InvalidRequestError(
            f"credentials: {strangers[0]!r} is no connection of this document.",
            details={"field": "credentials", "accepted": sorted(keys)},
        )
    for spec in wanted.catalog.connections:
        key = key_of(spec)
        before = existing.get(key)
        stored = before is not None and before.credential and before.credential_text == spec.credential_text
        if spec.credential_text and not (key in wanted.credentials or external_of(spec) or stored):
            raise InvalidRequestError(
                f"connection {key}: its credential was not sent and none is stored. `executor apply` reads and "
                "seals it; other clients send it in `credentials`.",
                details={"field": "credentials", "connection": key},
            )
