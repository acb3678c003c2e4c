"""The words of a document, as people write them."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from executor_shared.contracts.vocabulary import Effect
from executor_shared.document.credentials import check_credential, check_key
from executor_shared.document.duration import seconds_of
from executor_shared.errors import InvalidRequestError
from executor_shared.views.patterns import check_pattern

_OWNER = re.compile(r"org|team:[A-Za-z0-9_-]{1,64}|user:[^\s/]{1,128}")
_SCOPE = re.compile(r"org|team:[^\s/]{1,128}|user:[^\s/]{1,128}|toolkit:[a-z0-9-]{1,64}")
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?")
_NETWORK = re.compile(r"(\[[0-9A-Fa-f:]+\]|[^\s:\[\]]+|[0-9A-Fa-f:]+/[0-9]{1,3}):([0-9]{1,5})")
_INPUT = re.compile(r"\{([a-z_][a-z0-9_]{0,63})\}")
_MAX_PORT = 65535
_EXPIRES = (30.0, 30 * 86400.0)


def _slug(text: str) -> str:
    if not _SLUG.fullmatch(text):
        raise ValueError(
            "expected lower-case letters, digits and '-', beginning and ending with a letter or digit"
        )
    return text


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError("expected letters, digits, '_' and '-', beginning and ending with a letter or digit")
    return text


def _owner(text: str) -> str:
    if not _OWNER.fullmatch(text):
        raise ValueError("expected 'org', 'team:<group>' or 'user:<subject>'")
    return text


def _scope(text: str) -> str:
    if not _SCOPE.fullmatch(text):
        raise ValueError("expected 'org', 'team:<group>', 'user:<subject>' or 'toolkit:<slug>'")
    return text


def _network(text: str) -> str:
    found = _NETWORK.fullmatch(text)
    if not found or not 0 < int(found[2]) <= _MAX_PORT:
        raise ValueError("expected CIDR:port or host:port, such as 10.20.0.0/16:443")
    return text


def _pattern(text: str) -> str:
    try:
        check_pattern(text, field="pattern")
    except InvalidRequestError:
        raise ValueError(
            "not a tool pattern; accepted: an exact address, '*', a trailing '.*' for a subtree, or '*' as one "
            "whole middle segment"
        ) from None
    return text


def _expires(text: str) -> str:
    least, most = _EXPIRES
    if not least <= seconds_of(text) <= most:
        raise ValueError("expected a duration from 30s to 30d")
    return text


Slug = Annotated[str, Field(max_length=32), AfterValidator(_slug)]
ToolkitSlug = Annotated[str, Field(max_length=64), AfterValidator(_slug)]
Name = Annotated[str, Field(max_length=64), AfterValidator(_name)]
Owner = Annotated[str, AfterValidator(_owner)]
Scope = Annotated[str, AfterValidator(_scope)]
Pattern = Annotated[str, Field(max_length=512), AfterValidator(_pattern)]
Text = Annotated[str, Field(min_length=1, max_length=512)]
LongText = Annotated[str, Field(max_length=4096)]
Subject = Annotated[str, Field(pattern=r"^[^\s/]{1,128}$")]
Credential = Annotated[dict[str, object], AfterValidator(check_credential)]
Key = Annotated[dict[str, object], AfterValidator(check_key)]


class Part(BaseModel):
    """Strict: unknown keys and wrong types are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class PlacementPart(Part):
    """Where one secret goes."""

    carrier: Literal["header", "query", "cookie", "env"] = Field(alias="in")
    name: Text
    value: Text = "{token}"
    prefix: LongText = ""
    base64: bool = False


class AuthPart(Part):
    """A way of authenticating."""

    name: Name
    type: Literal["api_key", "bearer", "basic", "custom"]
    carrier: Literal["header", "query", "cookie"] | None = Field(None, alias="in")
    key: Text | None = None
    prefix: LongText | None = None
    placements: list[PlacementPart] | None = None

    @model_validator(mode="after")
    def _fits_its_type(self) -> Self:
        api_key = self.carrier is not None and self.key is not None
        if self.type == "api_key" and not api_key:
            raise ValueError("an api_key needs 'in' (header, query or cookie) and 'key' (its name there)")
        if self.type != "api_key" and (self.carrier, self.key, self.prefix) != (None, None, None):
            raise ValueError("'in', 'key' and 'prefix' belong to type api_key")
        if (self.type == "custom") != bool(self.placements):
            raise ValueError("'placements' belong to type custom, which needs at least one")
        if self.type == "custom" and not self.inputs():
            raise ValueError("no placement takes an input: write one in braces, such as value: '{token}'")
        return self

    def inputs(self) -> tuple[str, ...]:
        """Names in braces of the placements, in order of appearance."""
        named = (name for place in self.placements or () for name in _INPUT.findall(place.value))
        return tuple(dict.fromkeys(named))


class OpenApiPart(Part):
    """An API with an OpenAPI description."""

    spec: Annotated[str, Field(min_length=1, max_length=2048)]
    server: Annotated[str, Field(pattern=r"^https?://", max_length=2048)] | None = None
    variables: dict[str, Annotated[str, Field(max_length=256)]] | None = None


class McpPart(Part):
    """An MCP server."""

    url: Annotated[str, Field(pattern=r"^https?://", max_length=2048)] | None = None
    command: (
        Annotated[list[Annotated[str, Field(max_length=4096)]], Field(min_length=1, max_length=64)] | None
    ) = None
    env: dict[str, str] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.url is None) == (self.command is None):
            raise ValueError("expected either 'url' (a remote server) or 'command' (a local one)")
        if self.env is not None and self.command is None:
            raise ValueError("'env' belongs to 'command'")
        return self


class GraphqlPart(Part):
    """A GraphQL endpoint."""

    url: Annotated[str, Field(pattern=r"^https?://", max_length=2048)]
    schema_file: Annotated[str, Field(min_length=1, max_length=2048)] | None = Field(None, alias="schema")


class NetworkPart(Part):
    """Private addresses that may be reached."""

    allow: list[Annotated[str, AfterValidator(_network)]] = []


class IntegrationPart(Part):
    """Something to connect to."""

    slug: Slug
    kind: Literal["openapi", "graphql", "mcp"]
    name: LongText = ""
    description: LongText = ""
    openapi: OpenApiPart | None = None
    graphql: GraphqlPart | None = None
    mcp: McpPart | None = None
    network: NetworkPart = NetworkPart()
    definitions: Literal["review", "accept"] = "review"
    auth: list[AuthPart] = []

    @model_validator(mode="after")
    def _has_its_block(self) -> Self:
        blocks = {"openapi": self.openapi, "graphql": self.graphql, "mcp": self.mcp}
        if blocks[self.kind] is None:
            raise ValueError(f"kind {self.kind} needs a block '{self.kind}:'")
        if other := [name for name, block in blocks.items() if block is not None and name != self.kind]:
            raise ValueError(f"the block '{other[0]}:' does not belong to kind {self.kind}")
        return self


class ConnectionPart(Part):
    """An integration with a name, an owner and a credential."""

    integration: Slug
    name: Name
    owner: Owner = "org"
    auth: Name | None = None
    credential: Credential | None = None

    @property
    def key(self) -> str:
        """`<integration>/<owner>/<name>`."""
        return f"{self.integration}/{self.owner}/{self.name}"


class MatchPart(Part):
    """Which calls a policy is about."""

    tool: Pattern
    groups: list[Text] = []
    subjects: list[Text] = []
    clients: list[Text] = []
    effect: Effect | list[Effect] = []
    when: Annotated[str, Field(min_length=1, max_length=4096)] | None = None

    @property
    def effects(self) -> tuple[Effect, ...]:
        """One or several, as a tuple."""
        return (self.effect,) if isinstance(self.effect, str) else tuple(self.effect)


class ApproversPart(Part):
    """Who may decide, and for how long it waits."""

    groups: list[Text] = []
    requester: bool = False
    expires: Annotated[str, AfterValidator(_expires)] = "15m"


class PolicyPart(Part):
    """A rule."""

    name: Text
    match: MatchPart
    effect: Literal["allow", "require_approval", "block"]
    scope: Scope = "org"
    approvers: ApproversPart | None = None
    reason: LongText = ""

    @model_validator(mode="after")
    def _approvers_decide_approvals(self) -> Self:
        if self.approvers is not None and self.effect != "require_approval":
            raise ValueError("'approvers' belong to effect require_approval")
        return self


class ToolkitPart(Part):
    """A chosen set of tools."""

    slug: ToolkitSlug
    tools: list[Pattern]
    surface: Literal["native", "search", "code"] = "native"


class PrincipalPart(Part):
    """Someone who calls."""

    subject: Subject
    groups: list[Text] = []
    admin: bool = False
    person: Subject | None = None
    key: Key | None = None


class DocumentPart(Part):
    """The whole."""

    api_version: Literal["executor/v1"] = Field(alias="apiVersion")
    tenant: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")] | None = None
    integrations: list[IntegrationPart] = []
    connections: list[ConnectionPart] = []
    policies: list[PolicyPart] = []
    toolkits: list[ToolkitPart] = []
    principals: list[PrincipalPart] = []
