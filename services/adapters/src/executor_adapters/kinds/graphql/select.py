"""A caller's `select`: parsed, checked against what the field can reach, and printed anew.

What is sent is printed from the checked tree, never the caller's text, so nothing can be smuggled in.
"""

from graphql import (
    FieldNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    VariableNode,
    parse,
    print_ast,
    visit,
)
from graphql.language import Visitor, VisitorAction

from executor_adapters.kinds.graphql.reach import Kind, Reach
from executor_shared.errors import Code, ExecutorError

_MAX_TEXT = 8 * 1024
_MAX_TOKENS = 2_000
_MAX_FIELDS = 500
_MAX_DEPTH = 10
_TYPENAME = "__typename"


def checked_selection(text: str, root: str, reach: Reach) -> str:
    """The selection set to send, with its braces.

    Args:
        text: what the caller wrote, with or without the outer braces.
        root: name of the type of the field's result.
        reach: the types that may be selected into.

    Raises:
        ExecutorError: `GRAPHQL_INVALID_SELECTION`, saying where and what would be possible. Nothing was sent.

    """
    tree = _parsed(text)
    _Check(reach).selection(tree, root, 1)
    return print_ast(tree)


def _parsed(text: str) -> SelectionSetNode:
    if len(text) > _MAX_TEXT:
        raise invalid(f"it has more than {_MAX_TEXT} characters")
    stripped = text.strip()
    braced = stripped if stripped.startswith("{") else f"{{ {text}\n}}"
    try:
        document = parse(braced, no_location=True, max_tokens=_MAX_TOKENS, allow_empty_selection_sets=False)
    except (GraphQLError, RecursionError):
        raise invalid("it is not a selection of fields such as 'id name owner { id }'") from None
    if len(document.definitions) != 1:
        raise invalid("it must be one selection of fields")
    operation = document.definitions[0]
    if not isinstance(operation, OperationDefinitionNode) or operation.operation is not OperationType.QUERY:
        raise invalid("it must be a selection of fields, not an operation or fragment")
    if operation.name or operation.variable_definitions or operation.directives:
        raise invalid("it must be a selection of fields only")
    return operation.selection_set


class _Check:
    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._fields = 0

    def selection(self, tree: SelectionSetNode, type_: str, depth: int) -> None:
        """Every field exists, has the arguments that it needs, and opens only what can be opened."""
        if depth > _MAX_DEPTH:
            raise invalid(f"it is nested more than {_MAX_DEPTH} levels deep")
        kind = self._kind(type_)
        for node in tree.selections:
            self._fields += 1
            if self._fields > _MAX_FIELDS:
                raise invalid(f"it has more than {_MAX_FIELDS} fields")
            if node.directives:
                raise invalid("directives are not possible here")
            if isinstance(node, FieldNode):
                self._field(node, kind, type_, depth)
            elif isinstance(node, InlineFragmentNode):
                self._fragment(node, kind, type_, depth)
            else:
                raise invalid("named fragments are not possible here; write '... on Type { … }'")

    def _field(self, node: FieldNode, kind: Kind, type_: str, depth: int) -> None:
        name = node.name.value
        if name == _TYPENAME:
            if node.arguments or node.selection_set:
                raise invalid(f"{_TYPENAME} has neither arguments nor fields")
            return
        field = kind.fields.get(name)
        if field is None:
            raise invalid(f"{type_} has no field {name!r}; it has {_listed(kind)}")
        given = {argument.name.value for argument in node.arguments or ()}
        if unknown := given.difference(field.args):
            raise invalid(f"{type_}.{name} has no argument {min(unknown)!r}")
        if missing := set(field.needs).difference(given):
            raise invalid(f"{type_}.{name} needs the argument {min(missing)!r}")
        for argument in node.arguments or ():
            visit(argument, _NoVariables())
        if bool(field.type_) != (node.selection_set is not None):
            problem = "needs a selection of its fields" if field.type_ else "is a value and has no fields"
            raise invalid(f"{type_}.{name} {problem}")
        if node.selection_set is not None:
            self.selection(node.selection_set, field.type_, depth + 1)

    def _fragment(self, node: InlineFragmentNode, kind: Kind, type_: str, depth: int) -> None:
        named = node.type_condition.name.value if node.type_condition else type_
        if named != type_ and named not in kind.possible:
            raise invalid(f"{type_} is never a {named!r}; it may be {', '.join(kind.possible) or type_}")
        self.selection(node.selection_set, named, depth + 1)

    def _kind(self, type_: str) -> Kind:
        kind = self._reach.get(type_)
        if kind is None:
            raise invalid(f"it reaches into {type_!r}, which is too far from this field for a selection")
        return kind


class _NoVariables(Visitor):
    def enter_variable(self, node: VariableNode, *_: object) -> VisitorAction:
        """Refuse: the operation declares only the tool's own arguments."""
        raise invalid(f"the variable ${node.name.value} is not possible; write the value itself")


def _listed(kind: Kind) -> str:
    names = list(kind.fields)
    shown = ", ".join(names[:30]) or _TYPENAME
    return shown if len(names) <= 30 else f"{shown}, …"  # noqa: PLR2004  as many as above


def invalid(why: str) -> ExecutorError:
    """A selection that cannot be sent."""
    return ExecutorError(f"select: {why}.", code=Code.GRAPHQL_INVALID_SELECTION, details={"field": "select"})
