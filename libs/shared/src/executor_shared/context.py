"""What travels with a call from service to service: its id, tenant, deadline and trace."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from executor_shared.ids import CallId, new_call_id


@dataclass(frozen=True, slots=True)
class CallContext:
    """Opened at the edge, carried in bus headers, reopened by the receiving bus.

    It is for logs, traces and deadlines only. Who calls is never read from it: that stands in the
    proof or the signed grant.

    Attributes:
        call_id: our id of the call or request.
        deadline: seconds since the epoch after which nothing may be started.
        tenant: for logs; empty where not known yet.
        traceparent: W3C Trace Context header value, or None.

    """

    call_id: CallId
    deadline: float
    tenant: str = ""
    traceparent: str | None = None

    def left(self) -> float:
        """Seconds until the deadline; negative when past."""
        return self.deadline - time.time()


_current: ContextVar[CallContext | None] = ContextVar("executor_call_context", default=None)


def current() -> CallContext | None:
    """The context of the call in hand, if any."""
    return _current.get()


@contextmanager
def opened(context: CallContext) -> Generator[CallContext]:
    """Make `context` current for the block."""
    token = _current.set(context)
    try:
        yield context
    finally:
        _current.reset(token)


@contextmanager
def deadline_in(seconds: float, *, tenant: str = "") -> Generator[CallContext]:
    """Open a fresh context that ends in `seconds`, for work that no agent asked for."""
    with opened(CallContext(new_call_id(), time.time() + seconds, tenant)) as context:
        yield context
