"""What stands in the headers of a frame: the call's context, or a named error."""

import json
import math
import time
from collections.abc import Mapping
from urllib.parse import quote, unquote

from executor_shared import context
from executor_shared.bus.transport import Frame
from executor_shared.context import CallContext
from executor_shared.errors import Code, ExecutorError, TooLargeError, rebuild
from executor_shared.ids import CallId, new_call_id

CALL = "Executor-Call"
TENANT = "Executor-Tenant"
DEADLINE = "Executor-Deadline"
TRACE = "traceparent"
ERROR = "Executor-Error"
ERROR_TEXT = "Executor-Error-Text"
ERROR_DETAILS = "Executor-Error-Details"
_MAX_TEXT = 4096
_MAX_DETAILS = 16 * 1024


def write(seconds: float, traceparent: str | None) -> dict[str, str]:
    """Headers of an outgoing frame whose answer is awaited for `seconds`."""
    here = context.current()
    found = {DEADLINE: f"{time.time() + seconds:.3f}"}
    if here:
        found[CALL] = here.call_id
        if here.tenant:
            found[TENANT] = here.tenant
    if traceparent:
        found[TRACE] = traceparent
    return found


def read_context(found: Mapping[str, str]) -> CallContext:
    """The context that a frame carries; a frame without a readable deadline is already past it."""
    try:
        deadline = float(found.get(DEADLINE, "0"))
    except ValueError:
        deadline = 0.0
    if not math.isfinite(deadline):  # NaN is neither before nor after anything
        deadline = 0.0
    call = CallId(found[CALL]) if CALL in found else new_call_id()
    return CallContext(call, deadline, found.get(TENANT, ""), found.get(TRACE))


def error_frame(error: ExecutorError) -> Frame:
    """An answer that is an error. A very long text is cut; very large details are left out."""
    details = quote(json.dumps(error.details, default=str))
    return Frame(
        b"",
        {
            ERROR: str(error.code),
            ERROR_TEXT: quote(error.message[:_MAX_TEXT]),
            ERROR_DETAILS: details if len(details) <= _MAX_DETAILS else "",
        },
    )


def answer_too_large() -> Frame:
    """What a transport answers in place of an answer that it cannot carry."""
    return error_frame(TooLargeError("The answer is larger than the bus carries."))


def read_error(found: Mapping[str, str]) -> ExecutorError:
    """The error in the headers of an answer, as its own class."""
    try:
        code = Code(found[ERROR])
    except ValueError:
        code = Code.INTERNAL
    message = unquote(found.get(ERROR_TEXT, ""))
    try:
        details: dict[str, object] = json.loads(unquote(found.get(ERROR_DETAILS, "")) or "{}")
    except ValueError:
        details = {}
    return rebuild(code, message, details)
