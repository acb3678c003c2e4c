"""How an API authenticates, from the `securitySchemes` of its description."""

from typing import Any, cast

from executor_adapters.domain.endpoint import BEARER
from executor_adapters.kinds.openapi.load import Document
from executor_adapters.kinds.openapi.refs import References
from executor_shared.contracts.vocabulary import AuthMethod, Carrier, Placement

_CARRIERS: dict[str, Carrier] = {"header": "header", "query": "query", "cookie": "cookie"}


def auth_methods(document: Document, references: References) -> tuple[AuthMethod, ...]:
    """The ways that the description offers, those of its top-level `security` first.

    Schemes that are required together become one method with an input for each. Schemes that cannot be sent as
    a stored value (OAuth flows, OpenID Connect) take a token of yours as bearer.
    """
    schemes = _schemes(document, references)
    found: dict[str, AuthMethod] = {}
    for needed in _alternatives(document):
        parts = [(name, schemes[name]) for name in needed if name in schemes]
        if parts and len(parts) == len(needed):
            method = _single(*parts[0]) if len(parts) == 1 else _together(parts)
            if method:
                found.setdefault(method.name, method)
    for name, scheme in schemes.items():
        if (method := _single(name, scheme)) and not any(method.name in key.split("+") for key in found):
            found[method.name] = method
    return tuple(found.values()) or (BEARER,)


def _schemes(document: Document, references: References) -> dict[str, dict[str, Any]]:
    components = references.resolve(document.get("components"), "components")
    named = components.get("securitySchemes")
    if not isinstance(named, dict):
        return {}
    schemes = cast("dict[str, Any]", named)
    return {
        name: references.resolve(one, f"components.securitySchemes.{name}") for name, one in schemes.items()
    }


def _alternatives(document: Document) -> list[list[str]]:
    """Security requirements: the top-level ones, else those of the operations."""
    found: list[list[str]] = []
    for requirement in _listed(document.get("security")) or _of_operations(document):
        names = [str(name) for name in requirement]
        if names and names not in found:
            found.append(names)
    return found


def _listed(value: object) -> list[dict[str, Any]]:
    items = cast("list[Any]", value) if isinstance(value, list) else []
    return [cast("dict[str, Any]", item) for item in items if isinstance(item, dict)]


def _of_operations(document: Document) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for item in cast("dict[str, Any]", document["paths"]).values():
        for operation in cast("dict[str, Any]", item).values() if isinstance(item, dict) else ():
            if isinstance(operation, dict):
                found += _listed(cast("dict[str, Any]", operation).get("security"))
    return found


def _single(name: str, scheme: dict[str, Any]) -> AuthMethod | None:
    """One scheme as a method of its own."""
    if scheme.get("type") == "http" and str(scheme.get("scheme", "")).lower() == "basic":
        value = "{username}:{password}"
        place = Placement(carrier="header", name="Authorization", value=value, prefix="Basic ", base64=True)
        return AuthMethod(name=name, type="basic", inputs=("username", "password"), placements=(place,))
    place = _placement(scheme, "token")
    if place is None:
        return None
    return AuthMethod(
        name=name, type="api_key" if scheme.get("type") == "apiKey" else "bearer", placements=(place,)
    )


def _together(parts: list[tuple[str, dict[str, Any]]]) -> AuthMethod | None:
    """Several schemes that are required at once: an input for each, named like the scheme."""
    placements: list[Placement] = []
    inputs: list[str] = []
    for name, scheme in parts:
        given = "".join(letter if letter.isalnum() else "_" for letter in name).lower()
        place = _placement(scheme, given)
        if place is None:
            return None
        placements.append(place)
        inputs.append(given)
    name = "+".join(name for name, _ in parts)
    return AuthMethod(name=name, type="custom", inputs=tuple(inputs), placements=tuple(placements))


def _placement(scheme: dict[str, Any], value: str) -> Placement | None:
    kind = scheme.get("type")
    if kind == "apiKey":
        carrier = _CARRIERS.get(str(scheme.get("in")))
        key = scheme.get("name")
        return (
            Placement(carrier=carrier, name=key, value=f"{{{value}}}")
            if carrier and isinstance(key, str)
            else None
        )
    if kind == "http" and str(scheme.get("scheme", "")).lower() != "bearer":
        return None
    if kind in {"http", "oauth2", "openIdConnect"}:
        return Placement(carrier="header", name="Authorization", value=f"{{{value}}}", prefix="Bearer ")
    return None
