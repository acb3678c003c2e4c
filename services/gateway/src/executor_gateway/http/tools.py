"""`tools`: finding what can be called."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query
from starlette.responses import Response

from executor_gateway.http.replies import Caller, Limit, page, paged, reply
from executor_gateway.http.use_cases import UseCases
from executor_shared.errors import Code, NotFoundError
from executor_shared.views.catalog import Routed

_WEIGHTS = (("name", 8), ("own_name", 6), ("address", 4), ("title", 3), ("description", 1))


class _Shown(msgspec.Struct):
    title: str = ""
    description: str = ""


_decoder = msgspec.json.Decoder(_Shown)


def _words_of(routed: Routed) -> _Shown:
    """Title and description; a definition with other types in their place has neither."""
    try:
        return _decoder.decode(routed.tool.definition or b"{}")
    except msgspec.MsgspecError:
        return _Shown()


def _item(routed: Routed) -> dict[str, Any]:
    tool, words = routed.tool, _words_of(routed)
    return {
        "id": tool.id,
        "name": tool.name,
        "own_name": tool.own_name,
        "address": tool.address,
        "title": words.title,
        "description": words.description,
        "effect": tool.effect,
        "idempotent": tool.idempotent,
        "integration": routed.integration.slug,
        "connection": routed.connection.id,
    }


def score(routed: Routed, words: list[str]) -> int:
    """How well a tool answers a search; 0 where a word is in none of its texts."""
    shown = _words_of(routed)
    texts = {
        "name": routed.tool.name,
        "own_name": routed.tool.own_name,
        "address": routed.tool.address,
        "title": shown.title,
        "description": shown.description,
    }
    lowered = {field: text.lower() for field, text in texts.items()}
    total = 0
    for word in words:
        found = sum(weight for field, weight in _WEIGHTS if word in lowered[field])
        if not found:
            return 0
        exact = word in {lowered["name"], lowered["own_name"], lowered["address"], routed.tool.id}
        total += found + (100 if exact else 0)
    return total


def _of(routed: Routed, integration: str | None, connection: str | None) -> bool:
    wanted = {None, routed.connection.name, routed.connection.id}
    return integration in {None, routed.integration.slug} and connection in wanted


def router(use: UseCases) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/tools", tags=["tools"])

    @routes.get("")
    async def list_tools(
        identity: Caller,
        integration: str | None = None,
        connection: str | None = None,
        query: Annotated[str, Query(max_length=256)] = "",
        limit: Limit = 50,
        cursor: Annotated[str | None, Query(max_length=256)] = None,
    ) -> Response:
        """Tools that the caller may see: by address, or with `query` the best first."""
        found = [r for r in use.view.visible(identity.principal) if _of(r, integration, connection)]
        found.sort(key=lambda r: (r.tool.address, r.tool.id))
        if words := query.lower().split():
            scored = [(score(routed, words), routed) for routed in found]
            found = [r for s, r in sorted(scored, key=lambda pair: -pair[0]) if s]
        part, following = paged(found, lambda r: r.tool.id, cursor, limit)
        return page([_item(routed) for routed in part], following)

    @routes.get("/{tool}")
    async def get_tool(identity: Caller, tool: str) -> Response:
        """One tool with its whole definition."""
        routed = use.view.routed(identity.principal, tool)
        if routed is None:
            raise NotFoundError("There is no such tool that you may use.", code=Code.TOOL_NOT_FOUND)
        definition = routed.tool.definition if bytes(routed.tool.definition) else msgspec.Raw(b"{}")
        return reply({**_item(routed), "definition": definition, "hash": routed.hash()})

    return routes
