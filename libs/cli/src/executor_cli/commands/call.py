"""`executor call`: call one tool as an agent would, through the MCP endpoint."""

import itertools
import json
import sys
from typing import Any

import aiohttp

from executor_cli import output
from executor_cli.bridge.eras import ModernHeaders
from executor_cli.bridge.remote import Message, Remote
from executor_cli.client import Server, find_server, open_api
from executor_cli.commands.tools import find_tool
from executor_cli.errors import CommandError

EXIT = {"ok": 0, "tool_error": 1, "blocked": 4, "approval_required": 3, "not_executed": 5, "unknown": 6}
"""Exit status by outcome."""

_META = "io.modelcontextprotocol/"
_ids = itertools.count(1)


def _arguments(pairs: tuple[str, ...], given: str | None, schema: dict[str, Any]) -> dict[str, Any]:
    """`name=value` pairs (values are JSON where the schema does not want a string) over `--json`."""
    arguments: dict[str, Any] = json.loads(given) if given else {}
    properties: dict[str, Any] = schema.get("properties") or {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise CommandError(f"{pair!r} is not an argument: write name=value.")
        wanted = properties.get(name, {}).get("type")
        arguments[name] = value if wanted == "string" else _json_or_text(value)
    return arguments


def _json_or_text(value: str) -> Any:  # noqa: ANN401 - any JSON value
    try:
        return json.loads(value)
    except ValueError:
        return value


async def call_tool(server: Server, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The result object of one `tools/call` (revision 2026-07-28).

    Raises:
        CommandError: the request itself was refused; says why.

    """
    meta = {
        f"{_META}protocolVersion": "2026-07-28",
        f"{_META}clientInfo": {"name": "executor-cli", "version": "0.1.0"},
        f"{_META}clientCapabilities": {},
    }
    params = {"name": name, "arguments": arguments, "_meta": meta}
    message: Message = {"jsonrpc": "2.0", "id": next(_ids), "method": "tools/call", "params": params}
    async with aiohttp.ClientSession(trust_env=False) as session:
        remote = Remote(session, f"{server.url}/mcp", server.token)
        async for answer in remote.post(message, ModernHeaders().of(message)):
            if "error" in answer:
                raise CommandError(str(answer["error"].get("message")))
            if "result" in answer:
                return answer["result"]
    raise CommandError("Executor answered without a result.")


async def call(tool: str, *arguments: str, json: str | None = None, raw: bool = False) -> None:
    """Call a tool and print its result.

    The exit status says how it ended: 0 ok, 1 the tool answered with an error, 3 waits for approval,
    4 blocked, 5 not executed, 6 unknown (it may have happened).

    Args:
        tool: its name or address.
        arguments: name=value, e.g. `id=7` `tags='["a","b"]'`.
        json: all arguments as one JSON object.
        raw: print the whole MCP result as JSON.

    """
    server = find_server(agent=True)
    async with open_api(server) as api:
        found = await find_tool(api, tool)
    schema: dict[str, Any] = found.get("definition", {}).get("inputSchema") or {}
    result = await call_tool(server, found["name"], _arguments(arguments, json, schema))
    facts: dict[str, Any] = (result.get("_meta") or {}).get("executor/call") or {}
    if raw:
        output.document(result)
    else:
        _show(result)
        print(f"{facts.get('id', '')}  {facts.get('outcome', '')}", file=sys.stderr)
    sys.exit(EXIT.get(str(facts.get("outcome")), 1 if result.get("isError") else 0))


def _show(result: dict[str, Any]) -> None:
    if "structuredContent" in result and not result.get("isError"):
        output.document(result["structuredContent"])
        return
    for block in result.get("content") or ():
        if block.get("type") == "text":
            print(block["text"])
        else:
            output.document(block)
