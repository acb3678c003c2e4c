"""From a schema to tools: one for each query and mutation field."""

import re
from collections.abc import Iterable

import msgspec
from graphql import GraphQLField, GraphQLObjectType, GraphQLSchema, get_named_type, is_leaf_type

from executor_adapters.kinds.graphql.inputs import Schema, arguments_schema
from executor_adapters.kinds.graphql.reach import Map, sorted_json
from executor_adapters.kinds.graphql.selection import default_selection
from executor_shared.canonical import canonical
from executor_shared.contracts.adapters import DiscoveredTool
from executor_shared.contracts.vocabulary import Effect

_DESTRUCTIVE = re.compile(r"(?:delete|remove)", re.IGNORECASE)
_MAX_DESCRIPTION = 8 * 1024
_MAX_TOOLS = 10_000
_MAX_DEFINITION = 256 * 1024
SELECT = "select"


class Binding(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a tool is performed.

    Attributes:
        operation: `query` or `mutation`.
        field: the field of the root type.
        selection: what is selected where the caller does not say; with its braces.
        arguments: GraphQL type of each argument; each becomes a variable of the same name.
        returns: name of the result's type, where `select` is offered.
        reach: JSON of the types that `select` may go into; read only when it is used.

    """

    operation: str
    field: str
    selection: str
    arguments: dict[str, str] = {}
    returns: str = ""
    reach: msgspec.Raw = msgspec.Raw(b"{}")

    def document(self, given: Iterable[str], selection: str) -> str:
        """The whole document. An argument that was not given is left out, so that its default holds."""
        names = list(given)
        declared = ", ".join(f"${name}: {self.arguments[name]}" for name in names)
        passed = ", ".join(f"{name}: ${name}" for name in names)
        head = f"{self.operation} {self.field}({declared})" if names else f"{self.operation} {self.field}"
        field = f"{self.field}({passed})" if names else self.field
        return f"{head} {{ {f'{field} {selection}'.rstrip()} }}"


class Offered(msgspec.Struct, frozen=True):
    """Usable tools, and the others with the reason."""

    tools: tuple[DiscoveredTool, ...]
    set_aside: dict[str, str]


def tools_of(schema: GraphQLSchema) -> Offered:
    """All tools of a schema, queries first; subscriptions are not offered."""
    tools: list[DiscoveredTool] = []
    set_aside: dict[str, str] = {}
    types = Map(schema)
    for operation, root in (("query", schema.query_type), ("mutation", schema.mutation_type)):
        for name, field in root.fields.items() if isinstance(root, GraphQLObjectType) else ():
            own_name = f"{operation}.{name}"
            if len(tools) >= _MAX_TOOLS:
                set_aside[own_name] = f"the API has more than {_MAX_TOOLS} operations"
                continue
            try:
                tools.append(_tool(types, operation, name, field))
            except (ValueError, TypeError, RecursionError) as problem:
                set_aside[own_name] = str(problem)[:300]
    return Offered(tuple(tools), set_aside)


def _tool(types: Map, operation: str, name: str, field: GraphQLField) -> DiscoveredTool:
    own_name = f"{operation}.{name}"
    selectable = not is_leaf_type(get_named_type(field.type)) and SELECT not in field.args
    definition = {
        "name": own_name,
        "description": _description(operation, name, field),
        "inputSchema": _input_schema(field, selectable=selectable),
    }
    encoded = msgspec.json.encode(definition)
    if len(encoded) > _MAX_DEFINITION:
        raise ValueError(f"its definition has more than {_MAX_DEFINITION} bytes")
    canonical(definition)
    return DiscoveredTool(
        own_name=own_name,
        definition=msgspec.Raw(encoded),
        binding=msgspec.Raw(_binding(types, operation, name, field, selectable=selectable)),
        effect=effect_of(operation, name),
        idempotent=operation == "query",
    )


def effect_of(operation: str, name: str) -> Effect:
    """Queries read; mutations write, and destroy where their name says so."""
    if operation == "query":
        return "read"
    return "destructive" if _DESTRUCTIVE.match(name) else "write"


def _description(operation: str, name: str, field: GraphQLField) -> str:
    text = (field.description or "").strip() or f"The GraphQL {operation} {name!r}."
    if field.deprecation_reason:
        text = f"{text}\n\nDeprecated: {field.deprecation_reason}"
    return text if len(text) <= _MAX_DESCRIPTION else text[: _MAX_DESCRIPTION - 1] + "…"


def _input_schema(field: GraphQLField, *, selectable: bool) -> Schema:
    schema = arguments_schema(field.args)
    if selectable:
        kind = get_named_type(field.type).name
        properties = schema["properties"]
        if isinstance(properties, dict):
            properties[SELECT] = {
                "type": "string",
                "maxLength": 8192,
                "description": f"GraphQL selection of fields of {kind} to return instead of"
                f" {default_selection(field.type)[:500]}",
            }
    return schema


def _binding(types: Map, operation: str, name: str, field: GraphQLField, *, selectable: bool) -> bytes:
    return sorted_json(
        Binding(
            operation=operation,
            field=name,
            selection=default_selection(field.type),
            arguments={each: str(argument.type) for each, argument in field.args.items()},
            returns=get_named_type(field.type).name if selectable else "",
            reach=types.reachable(field.type) if selectable else msgspec.Raw(b"{}"),
        )
    )
