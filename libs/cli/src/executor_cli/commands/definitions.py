"""`executor definitions`: tools that an upstream changed or added, held until somebody accepts them."""

import difflib
import json
import sys
from collections.abc import Iterator
from typing import Any

from cyclopts import App

from executor_cli import output
from executor_cli.client import Api, open_api
from executor_cli.errors import CommandError

_SHOWN = 10
app = App(name="definitions", help="Accept or reject tools that an upstream changed.")


@app.command(name="list")
async def list_() -> None:
    """List what is held: tools that are new or changed, and cannot be called until somebody accepts them."""
    async with open_api() as api:
        held = await _held(api)
    rows = ((h["name"], "changed" if h.get("current") else "new", h["address"]) for h in held)
    output.table(("NAME", "WHY", "ADDRESS"), rows, none="Nothing is held.")


@app.command
async def show(tool: str) -> None:
    """Show what differs between the accepted and the proposed definition.

    Args:
        tool: its name or address.

    """
    async with open_api() as api:
        found = _named(await _held(api), tool)
    print(f"{found['address']}, effect as proposed: {found['proposed_effect']}")
    for line in difference(found.get("current"), found.get("proposed")):
        print(line)


@app.command
async def accept(*tools: str, integration: str | None = None) -> None:
    """Let agents see and call tools as proposed.

    Args:
        tools: their names or addresses.
        integration: all held tools of this integration.

    """
    await _resolve(tools, integration, "accept")


@app.command
async def reject(*tools: str, integration: str | None = None) -> None:
    """Keep what agents see now.

    Args:
        tools: their names or addresses.
        integration: all held tools of this integration.

    """
    await _resolve(tools, integration, "reject")


def difference(current: object, proposed: object) -> Iterator[str]:
    """The lines that differ, with `-` and `+` and a little of what stands around them."""
    before, after = (
        json.dumps(each, indent=2, ensure_ascii=False).splitlines() if each else []
        for each in (current, proposed)
    )
    return difflib.unified_diff(before, after, "accepted", "proposed", lineterm="")


async def _resolve(tools: tuple[str, ...], integration: str | None, decision: str) -> None:
    if not tools and integration is None:
        raise CommandError(f"Name the tools to {decision}; `executor definitions list` lists them.")
    async with open_api() as api:
        held = await _held(api)
        chosen = [_named(held, tool) for tool in tools]
        chosen += [h for h in held if h["address"].split(".")[0] == integration and h not in chosen]
        for one in chosen:
            await api.post(f"definitions/{one['tool']}/{decision}", {})
            print(f"{decision}ed: {one['address']}")
    if not chosen:
        print("Nothing is held.", file=sys.stderr)


async def _held(api: Api) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        page = await api.get("definitions", cursor=cursor)
        found += page["items"]
        cursor = page.get("next")
        if cursor is None:
            return found


def _named(held: list[dict[str, Any]], tool: str) -> dict[str, Any]:
    for one in held:
        if tool in {one["name"], one["address"], one["tool"]}:
            return one
    names = ", ".join(one["name"] for one in held[:_SHOWN]) or "nothing"
    raise CommandError(f"No definition of {tool!r} is held. Held: {names}.")
