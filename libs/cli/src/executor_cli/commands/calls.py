"""`executor calls`: the record."""

from cyclopts import App

from executor_cli import output
from executor_cli.client import open_api

app = App(name="calls", help="Look up what was called and how it ended.")


@app.command(name="list")
async def list_(*, tool: str | None = None, outcome: str | None = None, limit: int = 20) -> None:
    """List calls, newest first.

    Args:
        tool: only calls of this address.
        outcome: only calls that ended so.
        limit: how many.

    """
    async with open_api() as api:
        page = await api.get("calls", tool=tool, outcome=outcome, limit=limit)
    rows = (
        (c["id"], output.moment(c["started_at"]), c["subject"], c["outcome"] or c["state"], c["tool"])
        for c in page["items"]
    )
    output.table(("ID", "STARTED", "WHO", "OUTCOME", "TOOL"), rows, none="No calls.")


@app.command
async def show(call: str) -> None:
    """Show the whole record of one call.

    Args:
        call: its id.

    """
    async with open_api() as api:
        output.document(await api.get(f"calls/{call}"))
