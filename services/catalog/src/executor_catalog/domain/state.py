"""What the catalog knows of one tenant, and what a use case wants written."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from executor_shared.contracts.catalog import Connection, Integration, IntegrationSpec, Toolkit
from executor_shared.contracts.vocabulary import Effect
from executor_shared.views.catalog import owner_segment

ToolState = Literal["active", "held", "set_aside"]


@dataclass(frozen=True, slots=True)
class Definition:
    """One complete definition of a tool; equal fingerprints mean that nothing differs.

    Attributes:
        fingerprint: digest over public digest, binding, effect and idempotence.
        shown: the MCP tool object as agents see it, under the upstream's own name.
        public_digest: canonical digest of `shown`.
        binding: canonical JSON of how the kind performs it.

    """

    fingerprint: str
    shown: bytes
    public_digest: str
    binding: bytes
    effect: Effect
    idempotent: bool


@dataclass(frozen=True, slots=True)
class KnownIntegration:
    """An integration: its public record, and how it was written (without the description's text)."""

    record: Integration
    spec: IntegrationSpec
    source_digest: str = ""


@dataclass(frozen=True, slots=True)
class KnownConnection:
    """A connection: its public record, and how the document names its credential."""

    record: Connection
    credential_text: dict[str, object] = field(default_factory=dict[str, object])

    @property
    def key(self) -> str:
        """`<integration>/<owner>/<name>`, unique in the tenant for ever."""
        return connection_key(self.record.integration, self.record.owner, self.record.name)


@dataclass(frozen=True, slots=True)
class KnownTool:
    """A tool without its definitions, which are named by fingerprint.

    Attributes:
        accepted: fingerprint of the definition that agents may call; empty where there is none yet.
        proposed: fingerprint of the definition that waits for acceptance.
        rejected: fingerprint of the last one that was rejected.
        removed: a tombstone, which keeps id and name for the day the tool comes back.

    """

    id: str
    connection: str
    own_name: str
    name: str = ""
    address: str = ""
    accepted: str = ""
    proposed: str = ""
    rejected: str = ""
    state: ToolState = "active"
    reason: str = ""
    removed: bool = False


@dataclass(frozen=True, slots=True)
class TenantState:
    """Everything of a tenant, tombstones included.

    Attributes:
        version: the highest revision among the tenant's records; a write is refused where it has moved.
        revision: of the whole catalog.

    """

    tenant: str
    version: int = 0
    revision: int = 0
    integrations: Mapping[str, KnownIntegration] = field(default_factory=dict[str, KnownIntegration])
    connections: Mapping[str, KnownConnection] = field(default_factory=dict[str, KnownConnection])
    tools: tuple[KnownTool, ...] = ()
    toolkits: Mapping[str, Toolkit] = field(default_factory=dict[str, Toolkit])

    def integration(self, slug: str) -> KnownIntegration | None:
        """A live integration by slug."""
        found = self.integrations.get(slug)
        return found if found and not found.record.removed else None

    def connection(self, key: str) -> KnownConnection | None:
        """A live connection by key."""
        found = self.connections.get(key)
        return found if found and not found.record.removed else None

    def connections_of(self, slug: str) -> list[KnownConnection]:
        """The live connections of an integration, by key."""
        found = (c for c in self.connections.values() if c.record.integration == slug)
        return sorted((c for c in found if not c.record.removed), key=lambda c: c.key)

    def toolkit(self, slug: str) -> Toolkit | None:
        """A live toolkit by slug."""
        found = self.toolkits.get(slug)
        return found if found and not found.removed else None


@dataclass(slots=True)
class Write:
    """What one transaction writes. Revisions are given by the storage.

    Attributes:
        sources: texts of descriptions by integration; None takes one away.
        definitions: by fingerprint; those already stored are left as they are.

    """

    integrations: list[KnownIntegration] = field(default_factory=list[KnownIntegration])
    sources: dict[str, str | None] = field(default_factory=dict[str, "str | None"])
    connections: list[KnownConnection] = field(default_factory=list[KnownConnection])
    tools: list[KnownTool] = field(default_factory=list[KnownTool])
    definitions: dict[str, Definition] = field(default_factory=dict[str, Definition])
    toolkits: list[Toolkit] = field(default_factory=list[Toolkit])

    def __bool__(self) -> bool:
        """Whether there is anything to write."""
        return bool(self.integrations or self.connections or self.tools or self.toolkits)


def connection_key(integration: str, owner: str, name: str) -> str:
    """How connections are named in documents and removals."""
    return f"{integration}/{owner}/{name}"


def address_of(connection: Connection, own_name: str) -> str:
    """`<integration>.<owner>.<connection>.<tool>`, the string that policies match."""
    return f"{connection.integration}.{owner_segment(connection.owner)}.{connection.name}.{own_name}"
