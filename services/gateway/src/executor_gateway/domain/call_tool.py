"""The whole life of a call, from the arguments as received to one truthful outcome."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
import structlog

from executor_gateway.domain.arguments import CheckArguments
from executor_gateway.domain.endpoint import Served
from executor_gateway.domain.identify import Identity
from executor_gateway.domain.ports import Adapters, Policy
from executor_gateway.domain.words import NEXT, approval_text, told
from executor_shared import context
from executor_shared.context import CallContext
from executor_shared.contracts.adapters import ExecuteCall, Executed
from executor_shared.contracts.policy import (
    Allow,
    AlreadyCalled,
    ApprovalNeeded,
    Block,
    CallFinished,
    DecideCall,
)
from executor_shared.contracts.vocabulary import Outcome
from executor_shared.errors import Code, ExecutorError, NotAuthenticatedError, UpstreamError
from executor_shared.ids import new_call_id, new_id
from executor_shared.views.catalog import Routed

_log: structlog.stdlib.BoundLogger = structlog.get_logger("executor.gateway.calls")

# Errors that say by themselves that nothing was sent upstream; any other one during execution may follow it.
_NOTHING_SENT = frozenset(
    (
        Code.INVALID_REQUEST,
        Code.NOT_PERMITTED,
        Code.NOT_FOUND,
        Code.BUSY,
        Code.UNAVAILABLE,
        Code.NOT_AVAILABLE_YET,
        Code.INVALID_TOOL_ARGUMENTS,
        Code.DEFINITION_CHANGED,
        Code.GRANT_REFUSED,
        Code.CREDENTIAL_UNAVAILABLE,
        Code.CONNECTION_VALUE_MISSING,
        Code.EGRESS_REFUSED,
    )
)
_RESULT_BYTES = 16 * 1024 * 1024
_UNKNOWN_TO_POLICY = frozenset((Code.NOT_FOUND, Code.TOOL_NOT_FOUND))


@dataclass(frozen=True, slots=True)
class Asked:
    """A call as the client asked for it.

    Attributes:
        raw: the arguments exactly as received, a JSON object.
        arguments: the same, parsed, for checking only.
        client: name that the client gave itself; for the record only.

    """

    raw: bytes
    arguments: Mapping[str, object]
    idempotency_key: str | None = None
    client: str = ""
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class ShownApproval:
    """The approval that a call waits for; `expires_at` in seconds since the epoch."""

    id: str
    url: str
    expires_at: float


@dataclass(frozen=True, slots=True)
class Ended:
    """How a call ended. `result` is the upstream's own CallToolResult where there is one."""

    call: str
    outcome: Outcome
    code: str | None = None
    text: str = ""
    result: bytes | None = None
    approval: ShownApproval | None = None


@dataclass(frozen=True, slots=True)
class CallTool:
    """The whole life of a call.

    Attributes:
        public_url: where people open approvals, without a trailing slash.
        seconds: how long a call may take.

    """

    policy: Policy
    adapters: Adapters
    check: CheckArguments
    public_url: str
    seconds: float

    async def __call__(
        self, identity: Identity, served: Served, routed: Routed, asked: Asked
    ) -> Ended | None:
        """Make the call; None where policy does not know the tool for this principal.

        Raises:
            NotAuthenticatedError: the token is nobody's any more.

        """
        call = new_call_id()
        deadline = time.time() + self.seconds
        with context.opened(CallContext(call, deadline, identity.principal.tenant, asked.traceparent)):
            if refused := await self._misfit(call, routed, asked):
                return refused
            try:
                decision = await self.policy.decide(
                    DecideCall(
                        proof=identity.proof,
                        tool=routed.tool.id,
                        arguments=msgspec.Raw(asked.raw),
                        revision=_revision(served, routed),
                        toolkit=served.toolkit.slug if served.toolkit else None,
                        idempotency_key=asked.idempotency_key,
                        client=asked.client,
                    )
                )
            except NotAuthenticatedError:
                raise
            except ExecutorError as error:
                return None if error.code in _UNKNOWN_TO_POLICY else _not_executed(call, error)
            match decision.outcome:
                case Allow() as allowed:
                    return await self._execute(call, routed, asked, allowed)
                case ApprovalNeeded() as needed:
                    return self._waiting(call, served, routed, needed)
                case Block() as block:
                    return _blocked(call, served.name_of(routed.tool), block)
                case AlreadyCalled() as before:
                    return _again(call, before)

    async def _misfit(self, call: str, routed: Routed, asked: Asked) -> Ended | None:
        try:
            found = await self.check(routed.tool, asked.arguments, len(asked.raw))
        except ExecutorError as error:
            return _not_executed(call, error)
        if not found:
            return None
        code = Code.INVALID_TOOL_ARGUMENTS
        text = f"The arguments do not fit the tool: {'; '.join(found)}"
        return Ended(call, "not_executed", code, told("not_executed", code, text))

    async def _execute(self, call: str, routed: Routed, asked: Asked, allowed: Allow) -> Ended:
        raw = asked.raw if allowed.arguments is msgspec.UNSET else bytes(allowed.arguments)
        question = ExecuteCall(
            grant=allowed.grant,
            arguments=msgspec.Raw(raw),
            target=routed.integration.target,
            binding=routed.tool.binding,
            public_digest=routed.tool.public_digest,
        )
        try:
            ended = _ended(call, await self.adapters.execute(routed.integration.kind, question))
        except asyncio.CancelledError:
            await asyncio.shield(
                self._record(_unknown(call, Code.DEADLINE_EXCEEDED, "The caller went away."))
            )
            raise
        except ExecutorError as error:
            ended = _failed(call, error)
        except Exception:  # noqa: BLE001 - an answer that cannot be read still follows a call that may have run
            mark = new_id("err")
            _log.exception("call.failed", error_id=mark)
            ended = _unknown(call, Code.INTERNAL, f"Something unexpected happened ({mark}).")
        await self._record(ended)
        return ended

    async def _record(self, ended: Ended) -> None:
        finished = CallFinished(
            call=ended.call, outcome=ended.outcome, code=ended.code, finished_at=time.time()
        )
        await self.policy.finished(finished)

    def _waiting(self, call: str, served: Served, routed: Routed, needed: ApprovalNeeded) -> Ended:
        url = f"{self.public_url}/approvals/{needed.approval}"
        text = approval_text(needed, served.name_of(routed.tool), url)
        shown = ShownApproval(needed.approval, url, needed.expires_at)
        if needed.state == "denied":
            return Ended(call, "blocked", Code.APPROVAL_DENIED, text, approval=shown)
        return Ended(call, "approval_required", Code.APPROVAL_REQUIRED, text, approval=shown)


def _revision(served: Served, routed: Routed) -> int:
    toolkit = served.toolkit.revision if served.toolkit else 0
    return max(routed.tool.revision, routed.connection.revision, routed.integration.revision, toolkit)


def _not_executed(call: str, error: ExecutorError) -> Ended:
    return Ended(call, "not_executed", error.code, told("not_executed", error.code, error.message))


def _unknown(call: str, code: Code, message: str) -> Ended:
    return Ended(call, "unknown", code, f"{told('unknown', code, message)} Its id is {call}.")


def _failed(call: str, error: ExecutorError) -> Ended:
    sent = error.sent if isinstance(error, UpstreamError) else error.code not in _NOTHING_SENT
    return _unknown(call, error.code, error.message) if sent else _not_executed(call, error)


def _ended(call: str, executed: Executed) -> Ended:
    result = None if executed.result is msgspec.UNSET else bytes(executed.result)
    if result and len(result) > _RESULT_BYTES:
        code = Code.UPSTREAM_RESPONSE_TOO_LARGE
        text = f"The call ran, but its result is larger than {_RESULT_BYTES >> 20} MiB. {NEXT[code]}"
        return Ended(call, "tool_error", code, text)
    text = "" if result else told(executed.outcome, executed.code, executed.message)
    if executed.outcome == "unknown":
        text = f"{text} Its id is {call}."
    return Ended(call, executed.outcome, executed.code, text, result)


def _blocked(call: str, tool: str, block: Block) -> Ended | None:
    if block.code in _UNKNOWN_TO_POLICY:
        return None
    why = f"{tool} is blocked by policy. {block.reason}" if block.code == Code.TOOL_BLOCKED else block.reason
    return Ended(call, "blocked", block.code, told("blocked", block.code, why))


def _again(call: str, before: AlreadyCalled) -> Ended:
    code = Code.DUPLICATE_CALL
    text = f"This idempotency key was used before, by call {before.call} (outcome: {before.outcome})"
    return Ended(call, "not_executed", code, told("not_executed", code, text))
