"""Small descriptions, and tools made from them."""

from collections.abc import Callable
from typing import Any

import msgspec
from services.adapters.tests.kinds.at_work import AtWork, shown

from executor_shared.contracts.adapters import Discovered

OpenApi = Callable[..., AtWork]
Json = dict[str, Any]


def described(paths: Json, *, server: str | None = "https://api.example.com/v1", **more: object) -> Json:
    """A description."""
    servers = {"servers": [{"url": server}]} if server is not None else {}
    return {"openapi": "3.1.0", "info": {"title": "T", "version": "1"}, **servers, "paths": paths, **more}


def one(
    path: str = "/things",
    method: str = "get",
    *parameters: Json,
    server: str | None = "https://api.example.com/v1",
    components: Json | None = None,
    **operation: object,
) -> Json:
    """A description of one operation, `do.it`."""
    whole = {"operationId": "it", "tags": ["do"], "parameters": list(parameters), **operation}
    return described({path: {method: whole}}, server=server, components=components or {})


def parameter(name: str, where: str = "query", schema: Json | None = None, **more: object) -> Json:
    """A parameter; those of the path are required."""
    return {
        "name": name,
        "in": where,
        "schema": schema or {"type": "string"},
        "required": where == "path",
        **more,
    }


def body_of(schema: Json, kind: str = "application/json", **more: object) -> Json:
    """A request body."""
    return {"content": {kind: {"schema": schema}}, "required": True, **more}


def text(description: Json) -> str:
    """A description as it comes from a file."""
    return msgspec.json.encode(description).decode()


def inputs(found: Discovered, name: str = "do.it") -> Json:
    """The input schema of a tool."""
    tool = next(tool for tool in found.tools if tool.own_name == name)
    return shown(tool.definition)["inputSchema"]
