"""What is asked of a result when the caller does not say: scalars, one level of objects, one page."""

from collections.abc import Iterator

from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLType,
    get_named_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_required_argument,
)

_MAX_FIELDS = 60
_TYPENAME = "__typename"

WithFields = GraphQLObjectType | GraphQLInterfaceType


def default_selection(output: GraphQLType) -> str:
    """The selection set for a result, with its braces; empty for scalars and enums."""
    kind = get_named_type(output)
    if is_leaf_type(kind):
        return ""
    if not isinstance(kind, WithFields):
        return _braced([_TYPENAME])  # a union has no fields of its own
    if is_connection(kind):
        return _braced(_of_connection(kind))
    names = _leaves(kind)
    if isinstance(kind, GraphQLInterfaceType):
        names = [_TYPENAME, *names]
    return _braced([*names, *_nested(kind, _MAX_FIELDS - len(names))])


def is_connection(kind: GraphQLNamedType) -> bool:
    """Whether a type is a page in the manner of Relay: edges with nodes, and page information."""
    if not isinstance(kind, WithFields) or "pageInfo" not in kind.fields or "edges" not in kind.fields:
        return False
    edge = get_named_type(kind.fields["edges"].type)
    return isinstance(edge, WithFields) and "node" in edge.fields


def _of_connection(kind: WithFields) -> list[str]:
    edge = get_named_type(kind.fields["edges"].type)
    page = get_named_type(kind.fields["pageInfo"].type)
    node = get_named_type(edge.fields["node"].type) if isinstance(edge, WithFields) else edge
    parts = [f"edges {_braced([f'node {_flat(node)}'.rstrip()])}", f"pageInfo {_flat(page)}".rstrip()]
    return [*_leaves(kind), *parts]


def _nested(kind: WithFields, room: int) -> list[str]:
    """Single objects, each with its scalars; lists and pages of objects are left to `select`."""
    chosen: list[str] = []
    for name, field in _plain_fields(kind):
        inner = get_named_type(field.type)
        if is_leaf_type(inner) or _has_list(field.type) or is_connection(inner):
            continue
        if len(chosen) >= room:
            break
        chosen.append(f"{name} {_flat(inner)}")
    return chosen


def _flat(kind: GraphQLNamedType) -> str:
    """Only the scalars of a type."""
    if is_leaf_type(kind):
        return ""
    return _braced(_leaves(kind) if isinstance(kind, WithFields) else [])


def _leaves(kind: WithFields) -> list[str]:
    names = [name for name, field in _plain_fields(kind) if is_leaf_type(get_named_type(field.type))]
    return names[:_MAX_FIELDS]


def _plain_fields(kind: WithFields) -> Iterator[tuple[str, GraphQLField]]:
    """Fields that need no argument and are not deprecated."""
    for name, field in kind.fields.items():
        needs = any(is_required_argument(argument) for argument in field.args.values())
        if not needs and field.deprecation_reason is None:
            yield name, field


def _has_list(output: GraphQLType) -> bool:
    while is_non_null_type(output):
        output = output.of_type
    return is_list_type(output)


def _braced(parts: list[str]) -> str:
    return f"{{ {' '.join(parts or [_TYPENAME])} }}"
