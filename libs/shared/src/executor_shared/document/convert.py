"""Between documents and what the services say to each other."""

from collections.abc import Mapping

from executor_shared.contracts.catalog import CatalogDocument, ConnectionSpec, IntegrationSpec, ToolkitSpec
from executor_shared.contracts.policy import Approvers, PolicyDocument, PrincipalSpec, RuleSpec
from executor_shared.contracts.vocabulary import AuthMethod, Placement
from executor_shared.document.duration import seconds_of
from executor_shared.document.models import (
    AuthPart,
    ConnectionPart,
    IntegrationPart,
    PolicyPart,
    PrincipalPart,
)
from executor_shared.document.read import Configuration, description_of
from executor_shared.errors import InvalidRequestError, TooLargeError

MAX_DESCRIPTION = 32 * 1024 * 1024


def method_of(auth: AuthPart) -> AuthMethod:
    """A way of authenticating, with where its values go written out."""
    if auth.type == "api_key":
        place = Placement(carrier=auth.carrier or "header", name=auth.key or "", prefix=auth.prefix or "")
        return AuthMethod(name=auth.name, type="api_key", placements=(place,))
    if auth.type == "bearer":
        place = Placement(carrier="header", name="Authorization", prefix="Bearer ")
        return AuthMethod(name=auth.name, type="bearer", placements=(place,))
    if auth.type == "basic":
        place = Placement(
            carrier="header",
            name="Authorization",
            value="{username}:{password}",
            prefix="Basic ",
            base64=True,
        )
        return AuthMethod(name=auth.name, type="basic", inputs=("username", "password"), placements=(place,))
    places = tuple(
        Placement(carrier=p.carrier, name=p.name, value=p.value, prefix=p.prefix, base64=p.base64)
        for p in auth.placements or ()
    )
    return AuthMethod(name=auth.name, type="custom", inputs=auth.inputs(), placements=places)


def _block(integration: IntegrationPart) -> dict[str, object]:
    block = integration.openapi or integration.graphql or integration.mcp
    return block.model_dump(by_alias=True, exclude_none=True) if block else {}


def _source(integration: IntegrationPart, files: Mapping[str, str]) -> str | None:
    path = description_of(integration)
    if path is None:
        return None
    if path not in files:
        raise InvalidRequestError(
            f"integration {integration.slug}: the file {path!r} was not sent; send its text in `files`.",
            details={"field": "files", "integration": integration.slug},
        )
    if len(files[path].encode()) > MAX_DESCRIPTION:
        raise TooLargeError(
            f"integration {integration.slug}: the description {path!r} is larger than 32 MiB.",
            details={"integration": integration.slug},
        )
    return files[path]


def integration_of(integration: IntegrationPart, files: Mapping[str, str]) -> IntegrationSpec:
    """An integration with the text of its description.

    Raises:
        InvalidRequestError: the description's file is not among `files`.
        TooLargeError: it is larger than 32 MiB.

    """
    return IntegrationSpec(
        slug=integration.slug,
        kind=integration.kind,
        name=integration.name,
        description=integration.description,
        config=_block(integration),
        source=_source(integration, files),
        network=tuple(integration.network.allow),
        definitions=integration.definitions,
        auth=tuple(method_of(auth) for auth in integration.auth),
    )


def connection_of(connection: ConnectionPart) -> ConnectionSpec:
    """A connection; its credential is not stored yet."""
    return ConnectionSpec(
        integration=connection.integration,
        name=connection.name,
        owner=connection.owner,
        auth=connection.auth,
        credential_text=connection.credential or {},
    )


def catalog_of(configuration: Configuration, files: Mapping[str, str]) -> CatalogDocument:
    """The catalog's part; `files` has the texts of the references of kind `text` by their path."""
    return CatalogDocument(
        integrations=tuple(integration_of(i, files) for i in configuration.integrations),
        connections=tuple(connection_of(c) for c in configuration.connections),
        toolkits=tuple(
            ToolkitSpec(slug=t.slug, tools=tuple(t.tools), surface=t.surface) for t in configuration.toolkits
        ),
    )


def rule_of(policy: PolicyPart) -> RuleSpec:
    """A rule."""
    approvers = Approvers()
    if policy.approvers:
        approvers = Approvers(
            groups=tuple(policy.approvers.groups),
            requester=policy.approvers.requester,
            expires=seconds_of(policy.approvers.expires),
        )
    return RuleSpec(
        name=policy.name,
        effect=policy.effect,
        tool=policy.match.tool,
        scope=policy.scope,
        groups=tuple(policy.match.groups),
        subjects=tuple(policy.match.subjects),
        clients=tuple(policy.match.clients),
        effects=policy.match.effects,
        when=policy.match.when,
        approvers=approvers,
        reason=policy.reason,
    )


def principal_of(principal: PrincipalPart, proofs: Mapping[str, str]) -> PrincipalSpec:
    """A principal; without a proof its keys stay as they are."""
    proof = proofs.get(principal.subject)
    return PrincipalSpec(
        subject=principal.subject,
        groups=tuple(principal.groups),
        admin=principal.admin,
        person=principal.person,
        key_proofs=(proof,) if proof else None,
        key_text=principal.key or {},
    )


def policy_of(configuration: Configuration, proofs: Mapping[str, str]) -> PolicyDocument:
    """Policy's part; `proofs` are hexadecimal SHA-256 digests of API keys by subject."""
    return PolicyDocument(
        policies=tuple(rule_of(p) for p in configuration.policies),
        principals=tuple(principal_of(p, proofs) for p in configuration.principals),
    )
