"""`approvals` and `calls`."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from executor_gateway.http.replies import Caller, Cursor, Limit, page, reply, shown
from executor_gateway.http.use_cases import UseCases
from executor_shared.contracts.policy import (
    Approval,
    GetApproval,
    GetCall,
    ListApprovals,
    ListCalls,
    ResolveApproval,
)

State = Literal["pending", "approved", "denied", "expired", "consumed", "withdrawn"]
Ended = Literal["ok", "tool_error", "blocked", "approval_required", "not_executed", "unknown"]


class DecisionBody(BaseModel):
    """A person's decision."""

    model_config = ConfigDict(extra="forbid")

    decision: Literal["approve", "deny", "withdraw"]
    reason: str = Field("", max_length=2000)


def _approval(approval: Approval) -> dict[str, Any]:
    """`arguments_text` is the canonical JSON that will run, character for character."""
    return {**shown(approval), "arguments_text": bytes(approval.arguments).decode()}


def approvals(use: UseCases) -> APIRouter:
    """The routes of approvals."""
    routes = APIRouter(prefix="/approvals", tags=["approvals"])

    @routes.get("")
    async def list_approvals(
        identity: Caller, state: State | None = None, limit: Limit = 50, cursor: Cursor = None
    ) -> Response:
        """Approvals that the caller asked for or may decide, newest first."""
        found = await use.records.approvals(
            ListApprovals(proof=identity.proof, state=state, limit=limit, before=cursor)
        )
        return page([_approval(a) for a in found.approvals], found.next)

    @routes.get("/{approval}")
    async def get_approval(identity: Caller, approval: str) -> Response:
        """One approval."""
        return reply(_approval(await use.records.approval(GetApproval(proof=identity.proof, id=approval))))

    @routes.post("/{approval}/decision")
    async def decide_approval(identity: Caller, approval: str, body: DecisionBody) -> Response:
        """Approve or deny the paused call; who asked for it may withdraw it."""
        wanted = ResolveApproval(
            proof=identity.proof, id=approval, decision=body.decision, reason=body.reason
        )
        return reply(_approval(await use.records.resolve(wanted)))

    return routes


def calls(use: UseCases) -> APIRouter:
    """The routes of calls."""
    routes = APIRouter(prefix="/calls", tags=["calls"])

    @routes.get("")
    async def list_calls(
        identity: Caller,
        tool: Annotated[str | None, Query(max_length=512)] = None,
        outcome: Ended | None = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Response:
        """The caller's calls (administrators: the tenant's), newest first."""
        found = await use.records.calls(
            ListCalls(proof=identity.proof, tool=tool, outcome=outcome, limit=limit, before=cursor)
        )
        return page([shown(call) for call in found.calls], found.next)

    @routes.get("/{call}")
    async def get_call(identity: Caller, call: str) -> Response:
        """What became of one call."""
        return reply(shown(await use.records.call(GetCall(proof=identity.proof, id=call))))

    return routes
