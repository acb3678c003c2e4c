"""What the catalog answers and announces: integrations, connections, tools, toolkits."""

from typing import Literal

import msgspec

from executor_shared.contracts.base import Event, Message, Nothing, Request, ServiceName
from executor_shared.contracts.vocabulary import AuthMethod, Change, Effect

# --- what is: records with the revision at which they last changed ---------------------------------


class Integration(Message, frozen=True, kw_only=True):
    """Something Executor connects to.

    `target` is the canonical JSON of `vocabulary.Target`; `removed` records are tombstones.
    """

    tenant: str
    slug: str
    revision: int
    name: str = ""
    description: str = ""
    kind: str = ""
    origin: str = ""
    target: msgspec.Raw = msgspec.Raw(b"{}")
    auth: tuple[AuthMethod, ...] = ()
    definitions: Literal["review", "accept"] = "review"
    removed: bool = False


class Connection(Message, frozen=True, kw_only=True):
    """A configured instance of an integration. `owner`: `org`, `team:<group>` or `user:<subject>`."""

    tenant: str
    id: str
    revision: int
    integration: str = ""
    owner: str = "org"
    name: str = ""
    auth: str | None = None
    credential: str | None = None
    removed: bool = False


class Tool(Message, frozen=True, kw_only=True):
    """One callable of a connection.

    Attributes:
        address: `<integration>.<owner>.<connection>.<tool>`; the owner segment is `org`, `team-<group>`
            or `user`.
        name: the name that MCP clients see on aggregated endpoints; never moves to another tool.
        own_name: the upstream's name, shown on the connection's own endpoint.
        definition: the MCP tool object as agents see it but for its `name`; empty in a view of facts.
        public_digest: `canonical.digest` of `definition` with `own_name` as its name.
        binding: canonical JSON of how the kind performs it.
        state: `active`; `held` (new or changed, waits for acceptance); `set_aside` (unusable, see `reason`).

    """

    tenant: str
    id: str
    revision: int
    connection: str = ""
    address: str = ""
    name: str = ""
    own_name: str = ""
    effect: Effect = "destructive"
    idempotent: bool = False
    definition: msgspec.Raw = msgspec.Raw(b"")
    public_digest: str = ""
    binding: msgspec.Raw = msgspec.Raw(b"{}")
    state: Literal["active", "held", "set_aside"] = "active"
    reason: str = ""
    removed: bool = False


class Toolkit(Message, frozen=True, kw_only=True):
    """A chosen set of tools: address patterns of the policy grammar."""

    tenant: str
    slug: str
    revision: int
    tools: tuple[str, ...] = ()
    surface: Literal["native", "search", "code"] = "native"
    removed: bool = False


class ChangesAsked(Message, frozen=True, kw_only=True):
    """Everything that changed after a revision; 0 asks for the whole.

    `facts_only` leaves out the definitions (policy needs none).
    """

    after: int = 0
    facts_only: bool = False


class Changes(Message, frozen=True, kw_only=True):
    """One page of changes, in revision order. Ask again with `after=upto` while `more`."""

    upto: int
    more: bool = False
    integrations: tuple[Integration, ...] = ()
    connections: tuple[Connection, ...] = ()
    tools: tuple[Tool, ...] = ()
    toolkits: tuple[Toolkit, ...] = ()


# --- what shall be: the declarative form ------------------------------------------------------------


class IntegrationSpec(Message, frozen=True, kw_only=True):
    """An integration as written in a configuration document.

    `config` is the kind's own block (`openapi:`, `mcp:`, `graphql:`); `source` the text of a description
    given as a file. `auth` empty means: derive it from the description.
    """

    slug: str
    kind: str
    name: str = ""
    description: str = ""
    config: dict[str, object] = {}
    source: str | None = None
    network: tuple[str, ...] = ()
    definitions: Literal["review", "accept"] = "review"
    auth: tuple[AuthMethod, ...] = ()


class ConnectionSpec(Message, frozen=True, kw_only=True):
    """A connection as written in a configuration document.

    `credential` is the reference that the vault-broker gave when the values were stored;
    `credential_text` how the document names it (`{env: CRM_KEY}`), for export; `discovery` the grant for
    asking the upstream what it offers.
    """

    integration: str
    name: str
    owner: str = "org"
    auth: str | None = None
    credential: str | None = None
    credential_text: dict[str, object] = {}
    discovery: str | None = None


class ToolkitSpec(Message, frozen=True, kw_only=True):
    """A toolkit as written in a configuration document."""

    slug: str
    tools: tuple[str, ...] = ()
    surface: Literal["native", "search", "code"] = "native"


class CatalogDocument(Message, frozen=True, kw_only=True):
    """The catalog's part of a configuration document."""

    integrations: tuple[IntegrationSpec, ...] = ()
    connections: tuple[ConnectionSpec, ...] = ()
    toolkits: tuple[ToolkitSpec, ...] = ()


class Removal(Message, frozen=True, kw_only=True):
    """Keys to remove: slugs, and `<integration>/<owner>/<name>` for connections."""

    integrations: tuple[str, ...] = ()
    connections: tuple[str, ...] = ()
    toolkits: tuple[str, ...] = ()


class ApplyCatalog(Message, frozen=True, kw_only=True):
    """Make it so, or (`dry_run`) say what would change.

    A dry run resolves targets and authentication but does not ask upstreams for their tools. `prune`
    removes what the document does not name.
    """

    tenant: str
    document: CatalogDocument
    remove: Removal = Removal()
    prune: bool = False
    dry_run: bool = False


class Resolved(Message, frozen=True, kw_only=True):
    """What an integration of the document came to: where it goes and how it authenticates."""

    slug: str
    kind: str
    origin: str
    target: msgspec.Raw
    auth: tuple[AuthMethod, ...] = ()


class ToolsChanged(Message, frozen=True, kw_only=True):
    """What a discovery changed, as exposed names; `set_aside` names with their reasons."""

    connection: str
    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    set_aside: dict[str, str] = {}


class CatalogApplied(Message, frozen=True, kw_only=True):
    """The changes (made, or planned on a dry run), the resolved integrations, the resulting revision."""

    changes: tuple[Change, ...] = ()
    resolved: tuple[Resolved, ...] = ()
    tools: tuple[ToolsChanged, ...] = ()
    revision: int = 0


class ExportAsked(Message, frozen=True, kw_only=True):
    """The declarative form of what is."""

    tenant: str


class RefreshConnection(Message, frozen=True, kw_only=True):
    """Ask the upstream again what it offers; `discovery` is the grant for that, where one is needed."""

    tenant: str
    connection: str
    discovery: str | None = None


class ResolveDefinition(Message, frozen=True, kw_only=True):
    """Accept or reject a held definition (by tool id)."""

    tenant: str
    tool: str
    accept: bool


class HeldAsked(Message, frozen=True, kw_only=True):
    """Which definitions of the tenant are held, a page at a time: those after a tool id."""

    tenant: str
    after: str = ""


class HeldDefinition(Message, frozen=True, kw_only=True):
    """A definition that waits: what agents see now (empty for a new tool) and what they would see."""

    tool: str
    address: str
    name: str
    current: msgspec.Raw = msgspec.Raw(b"null")
    proposed: msgspec.Raw = msgspec.Raw(b"null")
    proposed_effect: Effect = "destructive"


class HeldDefinitions(Message, frozen=True, kw_only=True):
    """A page of those that wait; `next` is the `after` of the following one."""

    definitions: tuple[HeldDefinition, ...] = ()
    next: str | None = None


class CatalogChanged(Message, frozen=True, kw_only=True):
    """The catalog now stands at `revision`; whoever has less asks `GET_CHANGES`."""

    revision: int


_GATEWAY = frozenset({ServiceName.GATEWAY})

GET_CHANGES = Request(
    subject="executor.catalog.v1.changes.get",
    owner=ServiceName.CATALOG,
    callers=frozenset({ServiceName.GATEWAY, ServiceName.POLICY}),
    asks=ChangesAsked,
    answers=Changes,
    timeout=10.0,
)
APPLY_CATALOG = Request(
    subject="executor.catalog.v1.document.apply",
    owner=ServiceName.CATALOG,
    callers=_GATEWAY,
    asks=ApplyCatalog,
    answers=CatalogApplied,
    timeout=120.0,
)
EXPORT_CATALOG = Request(
    subject="executor.catalog.v1.document.export",
    owner=ServiceName.CATALOG,
    callers=_GATEWAY,
    asks=ExportAsked,
    answers=CatalogDocument,
    timeout=10.0,
)
REFRESH_CONNECTION = Request(
    subject="executor.catalog.v1.connection.refresh",
    owner=ServiceName.CATALOG,
    callers=_GATEWAY,
    asks=RefreshConnection,
    answers=ToolsChanged,
    timeout=120.0,
)
LIST_HELD = Request(
    subject="executor.catalog.v1.definition.list",
    owner=ServiceName.CATALOG,
    callers=_GATEWAY,
    asks=HeldAsked,
    answers=HeldDefinitions,
    timeout=10.0,
)
RESOLVE_DEFINITION = Request(
    subject="executor.catalog.v1.definition.resolve",
    owner=ServiceName.CATALOG,
    callers=_GATEWAY,
    asks=ResolveDefinition,
    answers=Nothing,
    timeout=10.0,
)
CATALOG_CHANGED = Event(
    subject="executor.catalog.v1.catalog.changed",
    owner=ServiceName.CATALOG,
    speakers=frozenset({ServiceName.CATALOG}),
    hearers=frozenset({ServiceName.GATEWAY, ServiceName.POLICY, ServiceName.ADAPTERS}),
    says=CatalogChanged,
)
