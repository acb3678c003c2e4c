"""Bounds of the schemas that an upstream may bring: nothing that it says may stall a validator."""

from collections.abc import Iterator
from typing import cast

import jsonschema_rs

_MAX_BYTES = 256 * 1024
_MAX_DEPTH = 32
_MAX_SUBSCHEMAS = 2_000
_MAX_EXPANSION = 10_000
_MAX_POINTER = 512

_patterns = jsonschema_rs.RegexOptions()


def schema_problem(schema: dict[str, object], size: int) -> str | None:
    """Why a schema cannot be used; None where it can, perhaps without some of its patterns.

    Args:
        schema: a JSON Schema object.
        size: of its JSON, in bytes.

    """
    if size > _MAX_BYTES:
        return f"its schema has more than {_MAX_BYTES} bytes"
    if _too_deep(schema):
        return f"its schema is nested more than {_MAX_DEPTH} levels deep, or has more than {_MAX_SUBSCHEMAS} parts"
    if (problem := _Expansion(schema).problem()) is not None:
        return problem
    if not _compiles(schema):
        without_foreign_patterns(schema)
    return None if _compiles(schema) else "its schema is not a valid JSON Schema, or refers to another one"


def without_foreign_patterns(schema: dict[str, object]) -> None:
    """Take out, in place, the patterns that need a back-tracking engine (look-around, back-references).

    Only what the upstream checks again is lost, and nothing that it says can stall a validator.
    """
    stack: list[object] = [schema]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            pattern = cast("dict[str, object]", node).get("pattern")
            if isinstance(pattern, str) and not _compiles({"pattern": pattern}):
                del node["pattern"]
        stack.extend(part for part in _parts(node) if isinstance(part, dict | list))


def _compiles(schema: dict[str, object]) -> bool:
    try:
        jsonschema_rs.validator_for(schema, pattern_options=_patterns, retriever=_refuse)
    except (ValueError, RecursionError, jsonschema_rs.ReferencingError):
        return False
    return True


def _refuse(uri: str) -> None:
    raise ValueError(uri)


def _parts(node: object) -> Iterator[object]:
    if isinstance(node, dict):
        yield from cast("dict[str, object]", node).values()
    elif isinstance(node, list):
        yield from cast("list[object]", node)


def _too_deep(schema: object) -> bool:
    """JSON nesting at most twice the bound of schemas, since `properties` is a level of its own."""
    stack, seen = [(schema, 1)], 0
    while stack:
        node, depth = stack.pop()
        if not isinstance(node, dict | list):
            continue
        seen += isinstance(node, dict)
        if depth > 2 * _MAX_DEPTH or seen > _MAX_SUBSCHEMAS:
            return True
        stack.extend((part, depth + 1) for part in _parts(node))
    return False


class _Expansion:
    """How large a schema becomes when its references are written out; recursion counts once."""

    def __init__(self, schema: dict[str, object]) -> None:
        self._root = schema
        self._known: dict[int, int] = {}
        self._open: set[int] = set()
        self._outside: str | None = None

    def problem(self) -> str | None:
        size = self._size(self._root)
        if self._outside is not None:
            return f"its schema refers to {self._outside[:100]!r}, which is not inside it"
        if size > _MAX_EXPANSION:
            return (
                f"its schema becomes larger than {_MAX_EXPANSION} parts when its references are written out"
            )
        return None

    def _size(self, node: object) -> int:
        if not isinstance(node, dict | list) or id(node) in self._open:
            return 1
        if id(node) in self._known:
            return self._known[id(node)]
        self._open.add(id(node))
        size = 1 + sum(map(self._size, _parts(node)))
        reference = node.get("$ref") if isinstance(node, dict) else None
        if isinstance(reference, str):
            size += self._referred(reference)
        self._open.discard(id(node))
        self._known[id(node)] = min(size, _MAX_EXPANSION + 1)
        return self._known[id(node)]

    def _referred(self, reference: str) -> int:
        if not reference.startswith("#") or len(reference) > _MAX_POINTER:
            self._outside = reference
            return 1
        node: object = self._root
        if not reference.startswith("#/"):
            return 1  # the root, or an anchor: the validator finds it
        for step in reference[2:].split("/"):
            name = step.replace("~1", "/").replace("~0", "~")
            node = node.get(name) if isinstance(node, dict) else None
        return self._size(node)
