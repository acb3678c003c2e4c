"""What is, written as a document: stable order, defaults left out, references instead of secrets."""

from typing import Any

import yaml

from executor_shared.contracts.catalog import CatalogDocument, ConnectionSpec, IntegrationSpec, ToolkitSpec
from executor_shared.contracts.policy import Approvers, PolicyDocument, PrincipalSpec, RuleSpec
from executor_shared.contracts.vocabulary import AuthMethod
from executor_shared.document.duration import text_of
from executor_shared.document.yaml_tree import plain_scalar

Plain = dict[str, Any]


def _without_empty(value: Plain) -> Plain:
    return {key: item for key, item in value.items() if item not in (None, "", [], {}, False)}


def auth_part(method: AuthMethod) -> Plain:
    """A way of authenticating as people write it."""
    if method.type in {"bearer", "basic"}:
        return {"name": method.name, "type": method.type}
    if method.type == "api_key" and len(method.placements) == 1:
        place = method.placements[0]
        part = {"name": method.name, "type": "api_key", "in": place.carrier, "key": place.name}
        return _without_empty({**part, "prefix": place.prefix})
    places = [
        _without_empty(
            {"in": p.carrier, "name": p.name, "value": p.value, "prefix": p.prefix, "base64": p.base64}
        )
        for p in method.placements
    ]
    return {"name": method.name, "type": "custom", "placements": places}


def _integration(spec: IntegrationSpec) -> Plain:
    return _without_empty(
        {
            "slug": spec.slug,
            "name": spec.name,
            "description": spec.description,
            "kind": spec.kind,
            spec.kind: dict(spec.config),
            "network": {"allow": list(spec.network)} if spec.network else None,
            "definitions": spec.definitions if spec.definitions != "review" else None,
            "auth": [auth_part(method) for method in spec.auth],
        }
    )


def _connection(spec: ConnectionSpec) -> Plain:
    return _without_empty(
        {
            "integration": spec.integration,
            "name": spec.name,
            "owner": spec.owner,
            "auth": spec.auth,
            "credential": spec.credential_text,
        }
    )


def _approvers(approvers: Approvers) -> Plain:
    return _without_empty(
        {
            "groups": list(approvers.groups),
            "requester": approvers.requester,
            "expires": text_of(approvers.expires) if approvers.expires != Approvers().expires else None,
        }
    )


def _policy(spec: RuleSpec) -> Plain:
    match = {
        "tool": spec.tool,
        "groups": list(spec.groups),
        "subjects": list(spec.subjects),
        "clients": list(spec.clients),
        "effect": list(spec.effects),
        "when": spec.when,
    }
    return _without_empty(
        {
            "name": spec.name,
            "scope": spec.scope,
            "match": _without_empty(match),
            "effect": spec.effect,
            "approvers": _approvers(spec.approvers) if spec.effect == "require_approval" else None,
            "reason": spec.reason,
        }
    )


def _toolkit(spec: ToolkitSpec) -> Plain:
    return {"slug": spec.slug, "tools": list(spec.tools), "surface": spec.surface}


def _principal(spec: PrincipalSpec) -> Plain:
    return _without_empty(
        {
            "subject": spec.subject,
            "groups": list(spec.groups),
            "admin": spec.admin,
            "person": spec.person if spec.person != spec.subject else None,
            "key": spec.key_text,
        }
    )


def _connection_key(spec: ConnectionSpec) -> tuple[str, str, str]:
    return spec.integration, spec.owner, spec.name


def dump(catalog: CatalogDocument, policy: PolicyDocument, *, tenant: str | None = None) -> str:
    """The document as YAML, which `read` takes back to the same."""
    document: Plain = {
        "apiVersion": "executor/v1",
        "tenant": tenant,
        "integrations": [_integration(s) for s in sorted(catalog.integrations, key=lambda s: s.slug)],
        "connections": [_connection(s) for s in sorted(catalog.connections, key=_connection_key)],
        "policies": [_policy(s) for s in sorted(policy.policies, key=lambda s: s.name)],
        "toolkits": [_toolkit(s) for s in sorted(catalog.toolkits, key=lambda s: s.slug)],
        "principals": [_principal(s) for s in sorted(policy.principals, key=lambda s: s.subject)],
    }
    return yaml.dump(
        _without_empty(document), Dumper=PlainDumper, sort_keys=False, allow_unicode=True, width=110
    )


class PlainDumper(yaml.SafeDumper):
    """Writes every value out: our reader takes no aliases."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - PyYAML's signature
        """Never."""
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    """Text in quotes where our reader (YAML 1.2) would take it for something else."""
    style = None if isinstance(plain_scalar(text), str) else "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


PlainDumper.add_representer(str, _text)
