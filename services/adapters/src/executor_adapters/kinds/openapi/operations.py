"""From one operation of a description to one tool."""

from dataclasses import dataclass
from typing import Any, cast

import msgspec

from executor_adapters.domain.schema_limits import schema_problem, without_foreign_patterns
from executor_adapters.kinds.openapi import bodies
from executor_adapters.kinds.openapi.binding import Binding, Parameter, Place
from executor_adapters.kinds.openapi.load import Document
from executor_adapters.kinds.openapi.naming import tool_name, unique
from executor_adapters.kinds.openapi.parameters import Arguments, is_ours
from executor_adapters.kinds.openapi.paths import path_fault, template_names
from executor_adapters.kinds.openapi.refs import References
from executor_adapters.kinds.openapi.schemas import MAX_DEPTH, Schemas
from executor_shared.canonical import canonical
from executor_shared.contracts.adapters import DiscoveredTool
from executor_shared.contracts.vocabulary import AuthMethod, Effect
from executor_shared.errors import DescriptionInvalidError

METHODS = ("get", "head", "options", "put", "post", "delete", "patch")
_READS = frozenset({"get", "head", "options"})
_IDEMPOTENT = _READS | {"put", "delete"}
_DEPTHS = (MAX_DEPTH, 6, 2, 0, -1)
_MAX_TEXT = 2048
_MAX_TYPE = 100
_PLACES: dict[str, Place] = {"path": "path", "query": "query", "header": "header", "cookie": "cookie"}
_STYLES: dict[Place, str] = {"path": "simple", "query": "form", "header": "simple", "cookie": "form"}


@dataclass(frozen=True, slots=True)
class Found:
    """Tools, and operations that cannot be one, with the reason."""

    tools: tuple[DiscoveredTool, ...]
    set_aside: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Operation:
    method: str
    path: str
    item: dict[str, Any]
    value: dict[str, Any]

    @property
    def where(self) -> str:
        return f"{self.method.upper()} {self.path}"

    @property
    def id(self) -> str | None:
        given = self.value.get("operationId")
        return given if isinstance(given, str) and given else None


def find_tools(document: Document, references: References, auth: tuple[AuthMethod, ...]) -> Found:
    """Every operation as a tool; one that cannot be is set aside and the rest is served."""
    operations = list(_operations(document, references))
    wanted = [(_wanted_name(o), o.id, o.method, o.path) for o in operations]
    tools: list[DiscoveredTool] = []
    aside: dict[str, str] = {}
    for operation, name in zip(operations, unique(wanted), strict=True):
        try:
            tools.append(_fitting(operation, name, references, auth))
        except (DescriptionInvalidError, ValueError, RecursionError) as error:
            aside[name] = f"{operation.where}: {error or 'it is nested too deeply'}"
    return Found(tuple(tools), aside)


def _operations(document: Document, references: References) -> "list[_Operation]":
    found: list[_Operation] = []
    for path, given in cast("dict[Any, Any]", document["paths"]).items():
        if not isinstance(path, str) or not path.startswith("/"):
            continue
        item = references.resolve(given, f"paths.{path}")
        found += [
            _Operation(method, path, item, cast("dict[str, Any]", item[method]))
            for method in METHODS
            if isinstance(item.get(method), dict)
        ]
    return found


def _wanted_name(operation: _Operation) -> str:
    value = operation.value
    override = value.get("x-executor-toolPath")
    if isinstance(override, str):
        return override
    tags = [str(tag) for tag in value.get("tags") or ()]
    return tool_name(operation.method, operation.path, operation.id, tags)


def _fitting(
    operation: _Operation, name: str, references: References, auth: tuple[AuthMethod, ...]
) -> DiscoveredTool:
    """The tool, its schema cut where it is deeper or larger than the limits rather than the tool left out."""
    if fault := path_fault(operation.path):
        raise ValueError(fault)
    problem: str | None = None
    for depth in _DEPTHS:
        try:
            tool, schema, size = _tool(operation, name, references, auth, depth)
        except RecursionError:
            problem = "it is nested too deeply"
            continue
        if (problem := schema_problem(schema, size)) is None:
            return tool
    raise ValueError(problem)


def _tool(
    operation: _Operation, name: str, references: References, auth: tuple[AuthMethod, ...], depth: int
) -> tuple[DiscoveredTool, dict[str, object], int]:
    schemas = Schemas(references, operation.where, depth)
    arguments = Arguments()
    parameters = tuple(_parameters(operation, references, schemas, arguments, auth))
    body = bodies.describe(operation.value, references, schemas, arguments, operation.where)
    binding = Binding(
        method=operation.method.upper(),
        path=operation.path,
        parameters=parameters,
        body=body,
        accept=", ".join(_answers(operation, references)) or "application/json, */*;q=0.5",
    )
    schema: dict[str, object] = arguments.schema(schemas.definitions)
    size = len(canonical(schema))
    without_foreign_patterns(schema)
    definition = {
        "name": name,
        "title": str(operation.value.get("summary") or operation.where)[:200],
        "description": _description(operation),
        "inputSchema": schema,
        "annotations": _annotations(operation.method),
    }
    tool = DiscoveredTool(
        own_name=name,
        definition=msgspec.Raw(msgspec.json.encode(definition)),
        binding=msgspec.Raw(canonical(msgspec.to_builtins(binding))),
        effect=effect_of(operation.method),
        idempotent=operation.method in _IDEMPOTENT,
    )
    return tool, schema, size


def effect_of(method: str) -> Effect:
    """GET, HEAD and OPTIONS read, DELETE destroys, everything else writes."""
    if method in _READS:
        return "read"
    return "destructive" if method == "delete" else "write"


def _annotations(method: str) -> dict[str, bool]:
    return {
        "readOnlyHint": method in _READS,
        "destructiveHint": method == "delete",
        "idempotentHint": method in _IDEMPOTENT,
        "openWorldHint": True,
    }


def _description(operation: _Operation) -> str:
    value = operation.value
    text = str(value.get("description") or value.get("summary") or "").strip()
    head = "Deprecated. " if value.get("deprecated") is True else ""
    return f"{head}{text[:_MAX_TEXT]}\n\n{operation.where}".strip()


def _answers(operation: _Operation, references: References) -> list[str]:
    """Media types of the successful answers, JSON first."""
    responses = operation.value.get("responses")
    if not isinstance(responses, dict):
        return []
    types: list[str] = []
    for status, response in cast("dict[Any, Any]", responses).items():
        if str(status).startswith("2") and isinstance(response, dict):
            content = references.resolve(response, operation.where).get("content")
            types += (
                [str(kind) for kind in cast("dict[Any, Any]", content)] if isinstance(content, dict) else []
            )
    plain = [
        kind
        for kind in dict.fromkeys(types)
        if kind.isascii() and kind.isprintable() and len(kind) < _MAX_TYPE
    ]
    return sorted(plain, key=lambda kind: "json" not in kind)[:5]


def _parameters(
    operation: _Operation,
    references: References,
    schemas: Schemas,
    arguments: Arguments,
    auth: tuple[AuthMethod, ...],
) -> "list[Parameter]":
    described: dict[tuple[str, str], dict[str, Any]] = {}
    for source in (operation.item, operation.value):
        for given in cast("list[Any]", source.get("parameters") or []):
            one = references.resolve(given, operation.where)
            described[str(one.get("in")), str(one.get("name"))] = one
    for name in template_names(operation.path):
        described.setdefault(("path", name), {"name": name, "in": "path"})
    wanted: list[tuple[Place, str, dict[str, Any]]] = []
    for (where, name), one in described.items():
        place = _PLACES.get(where)
        if place is not None and not is_ours(place, name, auth):
            wanted.append((place, name, one))
    taken: dict[str, int] = {}
    for _, name, _ in wanted:
        taken[name] = taken.get(name, 0) + 1
    return [
        _parameter(place, name, one, schemas, arguments, clashes=taken[name] > 1)
        for place, name, one in wanted
    ]


def _parameter(
    place: Place, name: str, one: dict[str, Any], schemas: Schemas, arguments: Arguments, *, clashes: bool
) -> Parameter:
    content = one.get("content")
    as_json = isinstance(content, dict) and bool(content)
    given = (
        next(iter(cast("dict[str, Any]", content).values())).get("schema") if as_json else one.get("schema")
    )
    schema = schemas.input(given if given is not None else {"type": "string"})
    if one.get("description"):
        schema = {**schema, "description": str(one["description"])[:_MAX_TEXT]}
    required = one.get("required") is True or place == "path"
    argument = arguments.add(f"{place}_{name}" if clashes else name, schema, required=required)
    style = str(one.get("style") or _STYLES[place])
    explode = one["explode"] if isinstance(one.get("explode"), bool) else style == "form"
    return Parameter(
        argument=argument,
        name=name,
        place=place,
        style=style,
        explode=explode,
        reserved=one.get("allowReserved") is True,
        segments=one.get("x-multi-segment") is True and place == "path",
        json=as_json,
    )
