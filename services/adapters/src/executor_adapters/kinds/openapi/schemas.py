"""Schemas of a description as JSON Schema 2020-12 for agents: self-contained, small, without dialect.

What a schema refers to becomes `$defs` of the tool, circular references included. A definition that would make
the tool too large is left open (`{}` with its description): the upstream still checks what it gets.
"""

import contextlib
import re
from typing import Any, cast

import msgspec

from executor_adapters.kinds.openapi.refs import References

_MAX_BYTES = 48 * 1024
MAX_DEPTH = 24
_MAX_PARTS = 1_500
_MAX_VALUE = 2_000
_SAFE_INT = 2**53 - 1
_DROPPED = frozenset({
    "discriminator", "xml", "externalDocs", "example", "examples", "readOnly", "writeOnly", "nullable", "$schema",
    "$id", "id", "$ref", "$anchor", "$dynamicAnchor", "$dynamicRef", "$recursiveRef", "$comment",
    "definitions", "$defs",
})  # fmt: skip
_NAMED = frozenset({"properties", "patternProperties", "dependentSchemas"})
_LISTS = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_SINGLE = frozenset({
    "items", "additionalProperties", "not", "contains", "propertyNames", "if", "then", "else", "unevaluatedItems",
    "unevaluatedProperties",
})  # fmt: skip
_LETTERS = re.compile(r"[^A-Za-z0-9_.-]")
_MAX_DESCRIPTION = 1024


class _UnwritableError(Exception):
    """A value without a canonical form."""


class Schemas:
    """Converts the schemas of one tool's input, sharing its `$defs`."""

    def __init__(self, references: References, where: str, depth: int = MAX_DEPTH) -> None:
        """Convert within one operation, `where` for errors; what lies deeper than `depth` is left open."""
        self._references = references
        self._where = where
        self._depth = depth
        self._left = _MAX_PARTS
        self._names: dict[str, str] = {}
        self._waiting: list[tuple[str, str]] = []
        self._size = 0
        self.definitions: dict[str, Any] = {}

    def input(self, schema: object) -> dict[str, Any]:
        """A schema of something that is sent: properties that only the upstream sets are left out."""
        found = self._object(schema, 0)
        self._settle()
        return found

    def _settle(self) -> None:
        while self._waiting:
            reference, name = self._waiting.pop(0)
            target = self._references.at(reference, self._where)
            if self._size > _MAX_BYTES or self._left < 0:
                self.definitions[name] = _open(target)
                continue
            # A definition that is itself only a reference would name itself without this.
            resolved = self._references.resolve(target, self._where)
            self.definitions[name] = converted = self._object(resolved, 1)
            self._size += len(msgspec.json.encode(converted))

    def _object(self, schema: object, depth: int) -> dict[str, Any]:
        if not isinstance(schema, dict):
            return {} if schema is not False else {"not": {}}
        given = cast("dict[str, Any]", schema)
        if isinstance(given.get("$ref"), str):
            return self._reference(given)
        self._left -= 1
        if depth > self._depth or self._left < 0 or _vast(given):
            return _open(given)
        found: dict[str, Any] = {}
        for key, value in given.items():
            if not isinstance(key, str) or key in _DROPPED or key.startswith("x-"):  # pyright: ignore[reportUnnecessaryIsInstance] - YAML keys
                continue
            # A bound such as 2^63 says no more than the type does.
            with contextlib.suppress(_UnwritableError):
                found[key] = self._keyword(key, value, depth)
        _old_bounds(found)
        _only_required(found)
        return _with_null(found) if given.get("nullable") is True else found

    def _keyword(self, key: str, value: Any, depth: int) -> Any:  # noqa: ANN401 - any keyword's value
        if key in _NAMED and isinstance(value, dict):
            named = cast("dict[str, Any]", value)
            kept = {name: one for name, one in named.items() if not _set_upstream(one)}
            return {str(name): self._object(one, depth + 1) for name, one in kept.items()}
        if key in _LISTS and isinstance(value, list):
            return [self._object(one, depth + 1) for one in cast("list[Any]", value)]
        if key in _SINGLE and isinstance(value, dict):
            return self._object(cast("dict[str, Any]", value), depth + 1)
        if key == "description":
            return str(value)[:_MAX_DESCRIPTION]
        return _plain(value)

    def _reference(self, given: dict[str, Any]) -> dict[str, Any]:
        reference = str(given["$ref"])
        if self._depth <= 0:
            return _open(self._references.resolve(given, self._where))
        self._references.at(reference, self._where)
        name = self._names.get(reference)
        if name is None:
            name = _LETTERS.sub("_", reference.rpartition("/")[2])[:64] or "schema"
            while name in self._names.values():
                name += "_"
            self._names[reference] = name
            self._waiting.append((reference, name))
        described = (
            {"description": str(given["description"])[:_MAX_DESCRIPTION]} if "description" in given else {}
        )
        return {"$ref": f"#/$defs/{name}", **described}


def _vast(schema: dict[str, Any]) -> bool:
    """Whether a keyword holds more than any reader would take in: thousands of properties or of values."""
    waiting: list[object] = []
    seen = 0
    for key, value in schema.items():
        if key in _NAMED or key in _LISTS:
            seen += len(value) if isinstance(value, dict | list) else 0
        elif key not in _SINGLE and key not in _DROPPED:
            waiting.append(value)
    while waiting and seen <= _MAX_VALUE:
        value = waiting.pop()
        if isinstance(value, dict):
            value = list(cast("dict[Any, object]", value).values())
        if isinstance(value, list):
            inner = cast("list[object]", value)
            seen += len(inner)
            waiting += inner[:_MAX_VALUE]
    return seen > _MAX_VALUE


def _plain(value: object) -> object:
    """A value of a description as JSON that has a canonical form.

    Raises:
        _UnwritableError: a number that a double does not hold exactly.

    """
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in cast("dict[Any, object]", value).items()}
    if isinstance(value, list):
        return [_plain(one) for one in cast("list[object]", value)]
    if isinstance(value, int | float) and not (-_SAFE_INT <= value <= _SAFE_INT):
        raise _UnwritableError
    return value if isinstance(value, str | int | float) or value is None else str(value)


def _set_upstream(schema: object) -> bool:
    return isinstance(schema, dict) and cast("dict[str, Any]", schema).get("readOnly") is True


def _open(schema: object) -> dict[str, Any]:
    """Anything, with the description of what was meant."""
    given = cast("dict[str, Any]", schema) if isinstance(schema, dict) else {}
    return {"description": str(given["description"])[:_MAX_DESCRIPTION]} if given.get("description") else {}


def _old_bounds(schema: dict[str, Any]) -> None:
    """3.0 says `exclusiveMinimum: true` beside `minimum`; JSON Schema wants the number."""
    for bound in ("minimum", "maximum"):
        exclusive = f"exclusive{bound.capitalize()}"
        if schema.get(exclusive) is True and bound in schema:
            schema[exclusive] = schema.pop(bound)
        elif isinstance(schema.get(exclusive), bool):
            del schema[exclusive]


def _only_required(schema: dict[str, Any]) -> None:
    """`required` names only what can be given."""
    wanted, properties = schema.get("required"), schema.get("properties")
    if isinstance(wanted, bool):
        del schema["required"]
    elif isinstance(wanted, list) and isinstance(properties, dict):
        names = [name for name in cast("list[Any]", wanted) if name in cast("dict[str, Any]", properties)]
        if names:
            schema["required"] = names
        else:
            del schema["required"]


def _with_null(schema: dict[str, Any]) -> dict[str, Any]:
    kind = schema.get("type")
    if isinstance(kind, str):
        schema["type"] = [kind, "null"]
    elif kind is None:
        return {"anyOf": [schema, {"type": "null"}]}
    if isinstance(schema.get("enum"), list) and None not in schema["enum"]:
        schema["enum"] = [*schema["enum"], None]
    return schema
