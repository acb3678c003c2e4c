"""How calls end: as they are said to, or as `unknown` when nobody says anything."""

from dataclasses import dataclass

import structlog

from executor_policy.domain.call import Ending
from executor_policy.domain.ports import Announcer, Approvals, Calls, Recorder
from executor_policy.domain.words import keepable, kept
from executor_shared.clock import Clock
from executor_shared.contracts.policy import CallFinished

_LOOK_BACK_SECONDS = 3600.0
_log: structlog.stdlib.BoundLogger = structlog.get_logger("executor.policy")


@dataclass(frozen=True, slots=True)
class FinishCall:
    """Hear `CALL_FINISHED`: the first outcome stands, and only `unknown` is corrected later."""

    recorder: Recorder
    clock: Clock

    async def __call__(self, event: CallFinished) -> None:
        """Take the outcome, to be written with others. Times are our own, but for an earlier one that is told."""
        if not keepable(event.call):
            return
        now = self.clock.now()
        at = event.finished_at if 0.0 < event.finished_at < now else now
        code = kept(event.code) if event.code else None
        self.recorder.end(Ending(event.call, event.outcome, code, at))


@dataclass(frozen=True, slots=True)
class CloseOverdue:
    """Close what nobody closed: calls past deadline and grace, approvals past their time."""

    calls: Calls
    approvals: Approvals
    announcer: Announcer
    clock: Clock
    grace: float

    async def __call__(self, *, since_ever: bool = False) -> None:
        """Once: looking at the last hour, or at everything (at start)."""
        now = self.clock.now()
        due = now - self.grace
        closed = await self.calls.close_orphans(
            due_after=0.0 if since_ever else due - _LOOK_BACK_SECONDS, due_before=due, at=now
        )
        if closed:
            _log.warning("calls.unknown", count=closed)
        for approval in await self.approvals.expire(now):
            await self.announcer.approval_resolved(approval)
