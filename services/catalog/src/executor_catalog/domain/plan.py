"""What a document would change: integrations, connections and toolkits, compared with what is."""

import hashlib
from dataclasses import dataclass

import msgspec

from executor_catalog.domain.addresses import invalid
from executor_catalog.domain.state import KnownConnection, KnownIntegration, TenantState, connection_key
from executor_shared.contracts.catalog import (
    ApplyCatalog,
    Connection,
    ConnectionSpec,
    IntegrationSpec,
    Toolkit,
    ToolkitSpec,
)
from executor_shared.contracts.vocabulary import AuthMethod, Change
from executor_shared.errors import NotFoundError

_RESOLVED_BY = frozenset({"kind", "config", "source", "network", "auth"})


@dataclass(frozen=True, slots=True)
class PlannedIntegration:
    """An integration of the document; `fields` are those that differ (all, for a new one)."""

    spec: IntegrationSpec
    source_digest: str
    before: KnownIntegration | None
    fields: tuple[str, ...]

    @property
    def resolve(self) -> bool:
        """Whether adapters must be asked where it goes now."""
        return bool(set(self.fields) - {"definitions"})

    @property
    def rediscover(self) -> bool:
        """Whether the tools of its connections may be different now."""
        return bool(_RESOLVED_BY & set(self.fields))


@dataclass(frozen=True, slots=True)
class PlannedConnection:
    """A connection of the document, with its authentication and credential settled."""

    spec: ConnectionSpec
    before: KnownConnection | None
    fields: tuple[str, ...]

    @property
    def key(self) -> str:
        """`<integration>/<owner>/<name>`."""
        return connection_key(self.spec.integration, self.spec.owner, self.spec.name)


@dataclass(frozen=True, slots=True)
class Removed:
    """What is taken away: live keys, with what falls with them."""

    integrations: frozenset[str]
    connections: frozenset[str]
    toolkits: frozenset[str]


def removals(state: TenantState, asked: ApplyCatalog) -> Removed:
    """What `remove` names and, with `prune`, what the document does not name.

    Raises:
        NotFoundError: `remove` names something that is not there.
        InvalidRequestError: the document names it as well.

    """
    named = (
        {one.slug for one in asked.document.integrations},
        {connection_key(c.integration, c.owner, c.name) for c in asked.document.connections},
        {one.slug for one in asked.document.toolkits},
    )
    live = (
        {slug for slug in state.integrations if state.integration(slug)},
        {key for key in state.connections if state.connection(key)},
        {slug for slug in state.toolkits if state.toolkit(slug)},
    )
    wanted = (asked.remove.integrations, asked.remove.connections, asked.remove.toolkits)
    gone: list[set[str]] = []
    for noun, keys, kept, present in zip(
        ("integrations", "connections", "toolkits"), wanted, named, live, strict=True
    ):
        for key in keys:
            if key not in present:
                raise NotFoundError(f"There is no {noun[:-1]} {key!r}.", details={"field": f"remove.{noun}"})
            if key in kept:
                raise invalid(f"remove.{noun}", f"{key!r} stands in the document as well", value=key)
        gone.append(set(keys) | (present - kept if asked.prune else set()))
    for key in live[1]:
        known = state.connections[key]
        if known.record.integration in gone[0]:
            gone[1].add(key)
    return Removed(frozenset(gone[0]), frozenset(gone[1]), frozenset(gone[2]))


def plan_integration(state: TenantState, spec: IntegrationSpec) -> PlannedIntegration:
    """Compare one integration with what is."""
    digest = hashlib.sha256(spec.source.encode("utf-8", "surrogatepass")).hexdigest() if spec.source else ""
    before = state.integration(spec.slug)
    if before is None:
        return PlannedIntegration(spec, digest, None, ("kind", "config", "source", "name"))
    plain = msgspec.structs.replace(spec, source=None)
    fields = [f for f in plain.__struct_fields__ if getattr(plain, f) != getattr(before.spec, f)]
    if digest != before.source_digest:
        fields.append("source")
    return PlannedIntegration(spec, digest, before, tuple(fields))


def plan_connection(
    state: TenantState, index: int, spec: ConnectionSpec, methods: tuple[AuthMethod, ...]
) -> PlannedConnection:
    """Compare one connection with what is, given how its integration authenticates.

    Raises:
        InvalidRequestError: `auth` is not one of the integration's methods, or is needed and not said.

    """
    before = state.connection(connection_key(spec.integration, spec.owner, spec.name))
    names = [method.name for method in methods]
    field = f"connections[{index}].auth"
    accepted = ", ".join(names) or "none (the integration takes no credential)"
    if spec.auth is not None and spec.auth not in names:
        raise invalid(field, f"{spec.auth!r} is not a method of {spec.integration!r}; accepted: {accepted}")
    if spec.auth is None and (spec.credential or spec.credential_text):
        if len(names) != 1:
            raise invalid(field, f"say which method the credential is for; accepted: {accepted}")
        spec = msgspec.structs.replace(spec, auth=names[0])
    if spec.credential is None and spec.credential_text and before:
        spec = msgspec.structs.replace(spec, credential=before.record.credential)
    if before is None:
        return PlannedConnection(spec, None, ("integration", "owner", "name"))
    pairs = {
        "auth": (spec.auth, before.record.auth),
        "credential": (spec.credential, before.record.credential),
        "credential_text": (spec.credential_text, before.credential_text),
    }
    return PlannedConnection(spec, before, tuple(f for f, (new, old) in pairs.items() if new != old))


def toolkit_fields(before: Toolkit | None, spec: ToolkitSpec) -> tuple[str, ...]:
    """The fields of a toolkit that differ."""
    if before is None:
        return ("slug",)
    return tuple(f for f in ("tools", "surface") if getattr(before, f) != getattr(spec, f))


def known_connection(planned: PlannedConnection, tenant: str, new_id: str) -> KnownConnection:
    """The connection as it shall be. `revision` is given by the storage."""
    spec = planned.spec
    record = Connection(
        tenant=tenant,
        id=new_id,
        revision=0,
        integration=spec.integration,
        owner=spec.owner,
        name=spec.name,
        auth=spec.auth,
        credential=spec.credential,
    )
    return KnownConnection(record, spec.credential_text)


def change(before: object, noun: str, key: str, fields: tuple[str, ...]) -> Change | None:
    """One line of the plan; None where nothing differs."""
    if before is None:
        return Change(action="create", noun=noun, key=key)
    if not fields:
        return None
    return Change(action="update", noun=noun, key=key, fields=fields)
