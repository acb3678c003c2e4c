"""Perform one granted call and tell the truth about it."""

import asyncio
import time
from collections.abc import Awaitable
from dataclasses import dataclass

import msgspec
import structlog

from executor_adapters.domain.bulkhead import Bulkhead
from executor_adapters.domain.kind import Job
from executor_adapters.domain.leasing import Held, Leasing
from executor_adapters.domain.ports import Grants, Reports
from executor_adapters.domain.redaction import Redactor
from executor_adapters.domain.registry import Registry
from executor_adapters.domain.seen import SeenCalls
from executor_shared.canonical import check_unambiguous, digest
from executor_shared.context import CallContext, current, opened
from executor_shared.contracts.adapters import ExecuteCall, Executed
from executor_shared.contracts.definition import definition_hash
from executor_shared.contracts.vocabulary import Outcome, Target
from executor_shared.errors import Code, ExecutorError, GrantRefusedError, UpstreamError
from executor_shared.grants import Grant
from executor_shared.ids import CallId, new_id

_log: structlog.stdlib.BoundLogger = structlog.get_logger("executor.adapters")
_target = msgspec.json.Decoder(Target)
_ANSWERED = frozenset({Code.UPSTREAM_RESPONSE_TOO_LARGE, Code.UPSTREAM_INVALID_RESPONSE})
_OFF_LOOP_BYTES = 64 * 1024
_NOT_SHOWN = msgspec.json.encode(
    {
        "content": [
            {"type": "text", "text": "The upstream's answer repeats the credential and cannot be shown."}
        ]
    }
)
_MAYBE = "It may have happened: look before repeating it."


@dataclass(frozen=True, slots=True)
class ExecuteCalls:
    """Answer `EXECUTE_CALL`: nothing is believed but what policy signed."""

    grants: Grants
    seen: SeenCalls
    leasing: Leasing
    kinds: Registry
    bulkhead: Bulkhead
    reports: Reports
    max_bytes: int

    async def __call__(self, asked: ExecuteCall) -> Executed:
        """What happened."""
        try:
            grant = self.grants.verify(asked.grant)
            target = await _target_of(grant, asked)
            self.seen.take(grant.call, grant.deadline)
        except ExecutorError as error:
            return _not_executed(error)
        with opened(_context(grant)):
            executed = await self._perform(grant, target, asked)
            if grant.effect != "read":
                await self.reports.finished(grant.call, executed.outcome, executed.code)
            return executed

    async def _perform(self, grant: Grant, target: Target, asked: ExecuteCall) -> Executed:
        try:
            adapter = self.kinds.get(target.kind)
            with self.bulkhead.passage(target.origin):
                held = await self.leasing(grant, asked.grant)
                job = Job(
                    target=target,
                    connection=grant.connection,
                    binding=asked.binding,
                    arguments=asked.arguments,
                    credential=held.credential,
                    max_bytes=self.max_bytes,
                )
                return await self._run(grant, held, adapter.execute(job))
        except ExecutorError as error:
            return _not_executed(error)

    async def _run(self, grant: Grant, held: Held, work: Awaitable[Executed]) -> Executed:
        """From here on something may be sent."""
        try:
            async with asyncio.timeout(grant.deadline - time.time()):
                executed = await work
        except UpstreamError as error:
            executed = _of_upstream(error, grant)
        except ExecutorError as error:
            executed = _not_executed(error)
        except TimeoutError:
            executed = _unknown(
                Code.DEADLINE_EXCEEDED, "The upstream did not answer before the call's deadline."
            )
        except Exception:  # noqa: BLE001 - whatever a kind does, the outcome is told truthfully
            mark = new_id("err")
            _log.exception("call.broke", error_id=mark)
            executed = _unknown(
                Code.INTERNAL, f"Something unexpected happened while it was performed ({mark})."
            )
        return _without_secrets(executed, held.redactor, grant)


async def _target_of(grant: Grant, asked: ExecuteCall) -> Target:
    """`_checked`, in a thread where the arguments are large: their digest may take seconds."""
    if len(bytes(asked.arguments)) <= _OFF_LOOP_BYTES:
        return _checked(grant, asked)
    return await asyncio.to_thread(_checked, grant, asked)


def _checked(grant: Grant, asked: ExecuteCall) -> Target:
    """The target, if this is what was granted.

    Raises:
        ExecutorError: it is not.

    """
    if grant.purpose != "call":
        raise GrantRefusedError("The grant is not for a call.")
    found = definition_hash(asked.public_digest, bytes(asked.binding), bytes(asked.target))
    if found != grant.definition:
        raise ExecutorError(
            "The tool's definition is not the one that was granted; nothing was sent. List the tools again.",
            code=Code.DEFINITION_CHANGED,
        )
    try:
        target = _target.decode(asked.target)
        arguments: object = msgspec.json.decode(asked.arguments)
        given = digest(arguments)
        check_unambiguous(bytes(asked.arguments))  # kinds pass them on as they came
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise GrantRefusedError("The call cannot be read; nothing was sent.") from error
    if given != grant.arguments or not isinstance(arguments, dict):
        raise GrantRefusedError("The arguments are not those that were granted; nothing was sent.")
    if (target.tenant, target.origin) != (grant.tenant, grant.origin):
        raise GrantRefusedError("The grant is for another tenant or origin; nothing was sent.")
    return target


def _context(grant: Grant) -> CallContext:
    """The call's own id and deadline; only the trace is taken from the message."""
    here = current()
    deadline = min(grant.deadline, here.deadline) if here else grant.deadline
    return CallContext(CallId(grant.call), deadline, grant.tenant, here.traceparent if here else None)


def _not_executed(error: ExecutorError) -> Executed:
    return Executed(outcome="not_executed", code=error.code, message=error.message)


def _unknown(code: Code, message: str) -> Executed:
    return Executed(outcome="unknown", code=code, message=f"{message} {_MAYBE}")


def _of_upstream(error: UpstreamError, grant: Grant) -> Executed:
    if not error.sent:
        return _not_executed(error)
    if error.code in _ANSWERED and grant.effect == "read":
        outcome: Outcome = "tool_error"  # it answered, and reading changed nothing
        return Executed(outcome=outcome, code=error.code, message=error.message)
    return _unknown(error.code, error.message)


def _without_secrets(executed: Executed, redactor: Redactor, grant: Grant) -> Executed:
    plain = b"" if executed.result is msgspec.UNSET else bytes(executed.result)
    clean = redactor.clean_json(plain)
    message = redactor.clean(executed.message.encode()).decode()
    if message == executed.message and clean is plain:
        return executed
    _log.warning("credential.echoed", credential=grant.credential, tool=grant.tool)
    result = (
        msgspec.UNSET
        if executed.result is msgspec.UNSET
        else msgspec.Raw(_NOT_SHOWN if clean is None else clean)
    )
    return msgspec.structs.replace(executed, message=message, result=result)
