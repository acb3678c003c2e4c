"""From GraphQL input types to JSON Schema, recursive ones by reference and the whole bounded."""

from collections import deque
from collections.abc import Mapping

import msgspec
from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLScalarType,
    GraphQLType,
    is_required_argument,
    is_required_input_field,
)

_MAX_NAMED = 100
_MAX_BYTES = 96 * 1024
_INT = 2**31
_MAX_ENUM = 500

Schema = dict[str, object]

_SCALARS: dict[str, Schema] = {
    "Int": {"type": "integer", "minimum": -_INT, "maximum": _INT - 1},
    "Float": {"type": "number"},
    "String": {"type": "string"},
    "Boolean": {"type": "boolean"},
    "ID": {"type": ["string", "integer"]},
}


def arguments_schema(arguments: Mapping[str, GraphQLArgument]) -> Schema:
    """The JSON Schema of a field's arguments.

    Named types come under `$defs`, each once, so recursion ends. Beyond a bound the remaining types are
    left open: the upstream checks them.
    """
    writer = _Writer()
    schema = writer.of_fields(arguments)
    definitions = writer.definitions()
    if definitions:
        schema["$defs"] = definitions
    return schema


class _Writer:
    def __init__(self) -> None:
        self._wanted: deque[GraphQLEnumType | GraphQLInputObjectType] = deque()
        self._seen: set[str] = set()

    def definitions(self) -> Schema:
        """The named types that were met, breadth first, with what they lead to."""
        found: Schema = {}
        size = 0
        while self._wanted:
            kind = self._wanted.popleft()
            full = len(found) >= _MAX_NAMED or size > _MAX_BYTES
            found[kind.name] = _open(kind) if full else self._named(kind)
            size += len(msgspec.json.encode(found[kind.name]))
        return found

    def of_fields(self, fields: Mapping[str, GraphQLArgument] | Mapping[str, GraphQLInputField]) -> Schema:
        """An object with these fields and no others."""
        properties: Schema = {name: self._of_field(field) for name, field in fields.items()}
        schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
        required = [name for name, field in fields.items() if _is_required(field)]
        if required:
            schema["required"] = required
        return schema

    def _of_field(self, field: GraphQLArgument | GraphQLInputField) -> Schema:
        schema = self._of_type(field.type)
        if field.description:
            schema = {**schema, "description": field.description}
        return schema

    def _of_type(self, kind: GraphQLType) -> Schema:
        if isinstance(kind, GraphQLNonNull):
            return self._of_non_null(kind.of_type)
        return _or_null(self._of_non_null(kind))

    def _of_non_null(self, kind: GraphQLType) -> Schema:
        if isinstance(kind, GraphQLList):
            return {"type": "array", "items": self._of_type(kind.of_type)}
        if isinstance(kind, GraphQLEnumType | GraphQLInputObjectType):
            if kind.name not in self._seen:
                self._seen.add(kind.name)
                self._wanted.append(kind)
            return {"$ref": f"#/$defs/{kind.name}"}
        if isinstance(kind, GraphQLScalarType):
            return dict(_SCALARS.get(kind.name) or _described({"title": kind.name}, kind))
        return {}

    def _named(self, kind: GraphQLEnumType | GraphQLInputObjectType) -> Schema:
        if isinstance(kind, GraphQLEnumType):
            names: Schema = {"enum": list(kind.values)} if len(kind.values) <= _MAX_ENUM else {}
            return _described({"type": "string", **names}, kind)
        schema = self.of_fields(kind.fields)
        if kind.is_one_of:
            schema |= {"minProperties": 1, "maxProperties": 1}
        return _described(schema, kind)


def _is_required(field: GraphQLArgument | GraphQLInputField) -> bool:
    if isinstance(field, GraphQLArgument):
        return is_required_argument(field)
    return is_required_input_field(field)


def _or_null(schema: Schema) -> Schema:
    """The same, or null, which GraphQL tells apart from absence."""
    kinds = schema.get("type")
    if isinstance(kinds, str):
        return {**schema, "type": [kinds, "null"]}
    if isinstance(kinds, list):
        return {**schema, "type": [*kinds, "null"]}
    return {"anyOf": [schema, {"type": "null"}]} if "$ref" in schema else schema


def _open(kind: GraphQLNamedType) -> Schema:
    base: Schema = {"type": "string"} if isinstance(kind, GraphQLEnumType) else {"type": "object"}
    return _described({**base, "title": kind.name}, kind)


def _described(schema: Schema, kind: GraphQLNamedType) -> Schema:
    return {**schema, "description": kind.description} if kind.description else schema
