"""What the adapters answer: performing a granted call, and finding out what an upstream offers."""

import msgspec

from executor_shared.contracts.base import Message, Request, ServiceName
from executor_shared.contracts.vocabulary import AuthMethod, Effect, Outcome


class ExecuteCall(Message, frozen=True, kw_only=True):
    """Perform a granted call. Routed by pool and kind.

    The worker keeps no catalog: `target` and `binding` come with the call and are believed only because
    their hash (with `public_digest`, see `definition.definition_hash`) is the one in the signed grant.
    `arguments` likewise, by their digest.
    """

    grant: str
    arguments: msgspec.Raw
    target: msgspec.Raw
    binding: msgspec.Raw
    public_digest: str


class Executed(Message, frozen=True, kw_only=True):
    """What happened.

    Attributes:
        outcome: `ok`, `tool_error`, `not_executed` or `unknown`.
        result: the MCP `CallToolResult` object (content, structuredContent, isError, _meta) for `ok` and
            `tool_error`.
        code: one of the closed list where the outcome is not `ok`.
        message: plain words for the agent where there is no result.
        status: the upstream's HTTP status, where it had one.

    """

    outcome: Outcome
    result: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    code: str | None = None
    message: str = ""
    status: int | None = None


class Discover(Message, frozen=True, kw_only=True):
    """Resolve an integration's configuration and, unless `target_only`, find its tools. Routed like calls.

    Attributes:
        config: the kind's block of the configuration document.
        source: the text of a description given as a file.
        auth: methods written by the administrator; empty means derive them.
        grant: of purpose `discover`; needed where the upstream must be asked with a credential.

    """

    tenant: str
    integration: str
    kind: str
    config: dict[str, object] = {}
    source: str | None = None
    network: tuple[str, ...] = ()
    auth: tuple[AuthMethod, ...] = ()
    grant: str | None = None
    target_only: bool = False


class DiscoveredTool(Message, frozen=True, kw_only=True):
    """One tool as the upstream offers it; `definition` is its MCP tool object under its own name."""

    own_name: str
    definition: msgspec.Raw
    binding: msgspec.Raw
    effect: Effect
    idempotent: bool = False


class Discovered(Message, frozen=True, kw_only=True):
    """What was found.

    Attributes:
        target: canonical JSON of `vocabulary.Target`.
        origin: of the target.
        shared: the tools are the same for every connection of the integration.
        set_aside: tools that cannot be used, by name, with the reason.

    """

    target: msgspec.Raw
    origin: str
    auth: tuple[AuthMethod, ...] = ()
    title: str = ""
    description: str = ""
    tools: tuple[DiscoveredTool, ...] = ()
    set_aside: dict[str, str] = {}
    shared: bool = False


EXECUTE_CALL = Request(
    subject="executor.adapters.v1.call.execute",
    owner=ServiceName.ADAPTERS,
    callers=frozenset({ServiceName.GATEWAY}),
    asks=ExecuteCall,
    answers=Executed,
    timeout=300.0,
    routed=2,
)
DISCOVER_TOOLS = Request(
    subject="executor.adapters.v1.tools.discover",
    owner=ServiceName.ADAPTERS,
    callers=frozenset({ServiceName.CATALOG}),
    asks=Discover,
    answers=Discovered,
    timeout=90.0,
    routed=2,
)
