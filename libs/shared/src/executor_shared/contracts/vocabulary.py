"""Words that several contracts share."""

from typing import Literal

from executor_shared.contracts.base import Message

Effect = Literal["read", "write", "destructive"]
"""What a tool does upstream, as the catalog knows it; never what an upstream merely claims."""

Outcome = Literal["ok", "tool_error", "blocked", "approval_required", "not_executed", "unknown"]
"""How a call ended. `not_executed`: provably no byte of the request left. `unknown`: it may have happened."""

Carrier = Literal["header", "query", "cookie", "env"]


class Principal(Message, frozen=True, kw_only=True):
    """Who calls.

    Attributes:
        tenant: the organisation.
        subject: unique in the tenant.
        person: the human behind it, for "approver is not the requester"; the subject itself for people.
        groups: from the configuration or the identity provider.
        admin: may configure the tenant.

    """

    tenant: str
    subject: str
    person: str
    groups: tuple[str, ...] = ()
    admin: bool = False


class Placement(Message, frozen=True, kw_only=True):
    """Where one secret goes in an upstream request.

    The sent value is `prefix` followed by `value` with `{input}` names replaced by the credential's
    values, in base64 where `base64` says so.
    """

    carrier: Carrier
    name: str
    value: str = "{token}"
    prefix: str = ""
    base64: bool = False


class AuthMethod(Message, frozen=True, kw_only=True):
    """One way in which an integration authenticates: which values it needs and where they go."""

    name: str
    type: Literal["api_key", "bearer", "basic", "custom"]
    inputs: tuple[str, ...] = ("token",)
    placements: tuple[Placement, ...] = ()


class Target(Message, frozen=True, kw_only=True):
    """Where the calls of an integration go; part of every definition hash of its tools.

    Attributes:
        origin: `scheme://host:port` (port always written), or `stdio:<slug>` for a local process.
        config: what the kind needs to reach it (base path, URL, command), never a credential.
        network: `CIDR:port` or `host:port` of private addresses that may be reached.

    """

    tenant: str
    integration: str
    kind: str
    origin: str
    config: dict[str, object] = {}
    network: tuple[str, ...] = ()


class Change(Message, frozen=True, kw_only=True):
    """One line of a plan: what would become different, or became so."""

    action: Literal["create", "update", "delete"]
    noun: str
    key: str
    fields: tuple[str, ...] = ()
