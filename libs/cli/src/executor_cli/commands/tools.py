"""`executor tools`: what there is to call."""

from typing import Any

from cyclopts import App

from executor_cli import output
from executor_cli.client import Api, open_api
from executor_cli.errors import CommandError

app = App(name="tools", help="Find the tools of the catalog.")
_PAGE = 200


async def all_tools(api: Api, **filters: str | None) -> list[dict[str, Any]]:
    """Every tool that the caller may see, page by page."""
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        page = await api.get("tools", limit=_PAGE, cursor=cursor, **filters)
        found += page["items"]
        cursor = page.get("next")
        if cursor is None:
            return found


@app.command(name="list")
async def list_(*, integration: str | None = None, connection: str | None = None) -> None:
    """List tools: name, effect, address.

    Args:
        integration: only tools of this integration.
        connection: only tools of this connection (its name).

    """
    async with open_api() as api:
        _show(await all_tools(api, integration=integration, connection=connection))


@app.command
async def search(*words: str, limit: int = 20) -> None:
    """Find tools by words of their name, description or parameters.

    Args:
        words: what you look for.
        limit: how many to show at most.

    """
    async with open_api() as api:
        page = await api.get("tools", query=" ".join(words), limit=limit)
    _show(page["items"], none="No tool fits all of these words.")


@app.command
async def describe(tool: str) -> None:
    """Show one tool with its schemas.

    Args:
        tool: its name or address.

    """
    async with open_api() as api:
        output.document(await find_tool(api, tool))


async def find_tool(api: Api, tool: str) -> dict[str, Any]:
    """A tool by its name or address.

    Raises:
        CommandError: there is none; names what comes near.

    """
    page = await api.get("tools", query=tool, limit=10)
    near: list[dict[str, Any]] = page["items"]
    for item in near:
        if tool in {item["name"], item["address"], item["id"]}:
            return await api.get(f"tools/{item['id']}")
    hint = (
        f"Near: {', '.join(item['name'] for item in near[:5])}."
        if near
        else "If its upstream changed or added it, it may be held: executor definitions list"
    )
    raise CommandError(f"There is no tool {tool!r} that you may use. {hint}")


def _show(tools: list[dict[str, Any]], *, none: str = "No tools.") -> None:
    rows = ((t["name"], t["effect"], t["address"]) for t in tools)
    output.table(("NAME", "EFFECT", "ADDRESS"), rows, none=none)
