"""The part of a schema that a field's result can reach, small enough to travel with each call.

The worker keeps no schema. What a caller selects is checked against this map, which is part of the
binding and so of the hash in the grant.
"""

from collections import deque

import msgspec
from graphql import (
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLType,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
    is_required_argument,
)

_MAX_BYTES = 8 * 1024
_MAX_POSSIBLE = 50


class Field(
    msgspec.Struct, frozen=True, omit_defaults=True, rename={"type_": "t", "args": "a", "needs": "n"}
):
    """One field: the composite type it leads to (empty for scalars and enums) and its arguments."""

    type_: str = ""
    args: list[str] = []
    needs: list[str] = []


class Kind(msgspec.Struct, frozen=True, omit_defaults=True, rename={"fields": "f", "possible": "p"}):
    """One composite type: its fields, and for a union or interface the types it may turn out to be."""

    fields: dict[str, Field] = {}
    possible: list[str] = []


Reach = dict[str, Kind]

sorted_json = msgspec.json.Encoder(order="sorted").encode
"""Canonical here: GraphQL names are ASCII, and there are no numbers."""


class Map:
    """The composite types of one schema, each described once however many fields lead to it."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._known: dict[str, tuple[msgspec.Raw, list[str]]] = {}

    def reachable(self, output: GraphQLType) -> msgspec.Raw:
        """JSON of the types that a result leads to, breadth first, as many as fit the bound.

        A type that did not fit is absent although a field names it: selecting into it is refused.
        """
        start = get_named_type(output)
        found: dict[str, msgspec.Raw] = {}
        waiting, seen, size = deque([start]), {start.name}, 0
        while waiting:
            kind = waiting.popleft()
            if is_leaf_type(kind):
                continue
            described, mentioned = self._of(kind)
            size += len(bytes(described)) + len(kind.name)
            if size > _MAX_BYTES and found:
                break
            found[kind.name] = described
            for name in mentioned:
                if name not in seen:
                    seen.add(name)
                    waiting.append(self._schema.type_map[name])
        return msgspec.Raw(sorted_json(found))

    def _of(self, kind: GraphQLNamedType) -> tuple[msgspec.Raw, list[str]]:
        if kind.name not in self._known:
            described = _described(self._schema, kind)
            self._known[kind.name] = (msgspec.Raw(sorted_json(described)), _mentioned(described))
        return self._known[kind.name]


def _described(schema: GraphQLSchema, kind: GraphQLNamedType) -> Kind:
    fields: dict[str, Field] = {}
    if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
        for name, field in kind.fields.items():
            inner = get_named_type(field.type)
            fields[name] = Field(
                type_="" if is_leaf_type(inner) else inner.name,
                args=list(field.args),
                needs=[name for name, argument in field.args.items() if is_required_argument(argument)],
            )
    possible = [each.name for each in schema.get_possible_types(kind)] if is_abstract_type(kind) else []
    return Kind(fields, possible[:_MAX_POSSIBLE])


def _mentioned(kind: Kind) -> list[str]:
    return [*(field.type_ for field in kind.fields.values() if field.type_), *kind.possible]
