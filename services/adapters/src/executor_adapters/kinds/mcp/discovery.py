"""All tools of an upstream, page by page; a bad one is set aside and harms no other."""

import asyncio

import msgspec

from executor_adapters.kinds.mcp.definition import SetAsideError, discovered
from executor_adapters.kinds.mcp.upstream import Upstream
from executor_adapters.kinds.mcp.wire import METHOD_NOT_FOUND
from executor_shared.contracts.adapters import DiscoveredTool
from executor_shared.errors import DescriptionInvalidError

MAX_PAGES = 100
MAX_TOOLS = 10_000
_MAX_CURSOR = 4096


class _Page(msgspec.Struct, frozen=True):
    tools: list[msgspec.Raw]
    nextCursor: str | None = None  # noqa: N815  the protocol's name


class _Named(msgspec.Struct, frozen=True):
    name: str = ""


class Found(msgspec.Struct, frozen=True):
    """What a server offers: usable tools in its order, and the others with the reason."""

    tools: tuple[DiscoveredTool, ...]
    set_aside: dict[str, str]


async def find_tools(upstream: Upstream, max_bytes: int) -> Found:
    """List, check and clean the tools.

    Args:
        upstream: an open conversation.
        max_bytes: bound of all pages together.

    Raises:
        DescriptionInvalidError: the list itself cannot be used (endless, circular, malformed).
        UpstreamError, HttpRefusedError: as `Upstream.ask`.

    """
    # Thousands of schemas are compiled: in a thread, or every call of this worker would wait meanwhile.
    return await asyncio.to_thread(_usable, await _all(upstream, max_bytes))


def _usable(listed: list[msgspec.Raw]) -> Found:
    tools: dict[str, DiscoveredTool] = {}
    set_aside: dict[str, str] = {}
    for position, raw in enumerate(listed):
        try:
            tool = discovered(raw)
        except SetAsideError as problem:
            set_aside[_label(raw, position, set_aside)] = str(problem)
            continue
        if tools.setdefault(tool.own_name, tool) is not tool:
            set_aside[f"{tool.own_name}#{position + 1}"] = "an earlier tool of this server has the same name"
    return Found(tuple(tools.values()), set_aside)


async def _all(upstream: Upstream, max_bytes: int) -> list[msgspec.Raw]:
    tools: list[msgspec.Raw] = []
    seen: set[str] = set()
    cursor: str | None = None
    for _ in range(MAX_PAGES):
        page, size = await _page(upstream, cursor, max_bytes)
        max_bytes -= size
        tools += page.tools
        if len(tools) > MAX_TOOLS or max_bytes <= 0:
            raise DescriptionInvalidError(f"tools/list: more than {MAX_TOOLS} tools, or too many bytes.")
        cursor = page.nextCursor
        if cursor is None:
            return tools
        if cursor in seen or len(cursor) > _MAX_CURSOR:
            raise DescriptionInvalidError("tools/list: the server sends its pages in a circle.")
        seen.add(cursor)
    raise DescriptionInvalidError(f"tools/list: more than {MAX_PAGES} pages.")


async def _page(upstream: Upstream, cursor: str | None, max_bytes: int) -> tuple[_Page, int]:
    params: dict[str, object] = {} if cursor is None else {"cursor": cursor}
    answer = await upstream.ask("tools/list", params, headers={}, max_bytes=max_bytes)
    if answer.error is not None:
        if answer.error.code == METHOD_NOT_FOUND and cursor is None:
            return _Page([]), 0  # a server without tools
        raise DescriptionInvalidError(f"tools/list: the server answered with error {answer.error.code}.")
    raw = answer.result or msgspec.Raw(b"null")
    try:
        return msgspec.json.decode(raw, type=_Page), len(bytes(raw))
    except (msgspec.DecodeError, RecursionError) as error:
        raise DescriptionInvalidError("tools/list: the server's answer is not a list of tools.") from error


def _label(raw: msgspec.Raw, position: int, taken: dict[str, str]) -> str:
    """The name under which a bad tool is reported; its place where it has no usable one."""
    try:
        name = msgspec.json.decode(raw, type=_Named).name
    except (msgspec.DecodeError, RecursionError):
        name = ""
    shown = "".join(character for character in name[:128] if character.isprintable())
    return shown if shown and shown not in taken else f"{shown}#{position + 1}"
