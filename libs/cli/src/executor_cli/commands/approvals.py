"""`executor approvals`: decide paused calls."""

import json
import sys
from typing import Any, Literal

from cyclopts import App

from executor_cli import output
from executor_cli.client import open_api

app = App(name="approvals", help="Decide calls that wait for a person.")

State = Literal["pending", "approved", "denied", "expired", "consumed", "withdrawn"]


@app.command(name="list")
async def list_(*, state: State | None = "pending") -> None:
    """List approvals that you asked for or may decide.

    Args:
        state: only those in this state.

    """
    async with open_api() as api:
        page = await api.get("approvals", state=state, limit=100)
    rows = (
        (a["id"], a["state"], a["tool"], a["requester"], output.moment(a["expires_at"]))
        for a in page["items"]
    )
    none = f"No approval is {state}." if state else "No approvals."
    output.table(("ID", "STATE", "TOOL", "REQUESTER", "EXPIRES"), rows, none=none)


@app.command
async def show(approval: str) -> None:
    """Show one approval with the exact arguments that will run.

    Args:
        approval: its id.

    """
    async with open_api() as api:
        output.document(await api.get(f"approvals/{approval}"))


@app.command
async def approve(approval: str, *, reason: str = "") -> None:
    """Approve the call: exactly these arguments may run, once.

    Args:
        approval: its id.
        reason: kept in the record.

    """
    await _decide(approval, "approve", reason)


@app.command
async def deny(approval: str, *, reason: str = "") -> None:
    """Deny the call.

    Args:
        approval: its id.
        reason: kept in the record and told to the requester.

    """
    await _decide(approval, "deny", reason)


async def _decide(approval: str, decision: str, reason: str) -> None:
    async with open_api() as api:
        body = {"decision": decision, "reason": reason}
        done: dict[str, Any] = await api.post(f"approvals/{approval}/decision", body)
    arguments = json.dumps(done.get("arguments"), ensure_ascii=False)
    print(f"{done['state']}: {done['tool']} {arguments}")
    if decision == "approve":
        print("It runs, once, when its requester sends the same call again.", file=sys.stderr)
