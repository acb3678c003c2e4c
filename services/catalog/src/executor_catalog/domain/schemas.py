"""Limits of a JSON Schema that is let in: size, depth, number of subschemas, and no way out of itself."""

from typing import Any, cast

import msgspec

MAX_BYTES = 256 * 1024
MAX_DEPTH = 32
MAX_SUBSCHEMAS = 2_000

_ONE = frozenset(
    {
        "additionalProperties", "additionalItems", "contains", "contentSchema", "else", "if", "items", "not",
        "propertyNames", "then", "unevaluatedItems", "unevaluatedProperties",
    }
)  # fmt: skip
_MANY = frozenset({"allOf", "anyOf", "oneOf", "prefixItems", "items"})
_NAMED = frozenset({"$defs", "definitions", "dependentSchemas", "patternProperties", "properties"})
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")


def fault_of(schema: object, field: str) -> str | None:
    """Why a schema cannot be used, in words for an administrator; None where it can."""
    if not isinstance(schema, dict):
        return f"{field} is not an object"
    size = len(msgspec.json.encode(schema))
    if size > MAX_BYTES:
        return f"{field} has {size:,} bytes; at most {MAX_BYTES:,} are accepted"
    return _walk(cast("dict[str, Any]", schema), field)


def _walk(schema: dict[str, Any], field: str) -> str | None:
    waiting: list[tuple[object, int]] = [(schema, 1)]
    seen = 0
    while waiting:
        value, depth = waiting.pop()
        if not isinstance(value, dict):
            continue
        here = cast("dict[str, Any]", value)
        seen += 1
        if depth > MAX_DEPTH:
            return f"{field} is nested deeper than {MAX_DEPTH} schemas"
        if seen > MAX_SUBSCHEMAS:
            return f"{field} has more than {MAX_SUBSCHEMAS:,} subschemas"
        for key in _REFERENCES:
            if key in here and not _internal(here[key]):
                return f"{field} refers to something outside itself: {str(here[key])[:200]!r}"
        waiting.extend((child, depth + 1) for child in _children(here))
    return None


def _internal(reference: object) -> bool:
    return isinstance(reference, str) and reference.startswith("#")


def _children(schema: dict[str, Any]) -> list[object]:
    found: list[object] = []
    for key, value in schema.items():
        if isinstance(value, list) and key in _MANY:
            found.extend(cast("list[object]", value))
        elif isinstance(value, dict) and key in _ONE:
            found.append(cast("object", value))
        elif isinstance(value, dict) and key in _NAMED:
            found.extend(cast("dict[str, object]", value).values())
    return found
