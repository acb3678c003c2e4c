"""Looking at the record of calls: one, and a page."""

from dataclasses import dataclass

from executor_policy.domain.call import CallQuery
from executor_policy.domain.ports import Calls, Recorder
from executor_policy.domain.read_approvals import known_cursor
from executor_policy.domain.standing import Standing
from executor_policy.domain.words import keepable, kept
from executor_shared.contracts.policy import CallRecord, GetCall, ListCalls
from executor_shared.contracts.policy import Calls as CallsPage
from executor_shared.errors import NotFoundError

MAX_PAGE = 200


@dataclass(frozen=True, slots=True)
class ReadCall:
    """Answer `GET_CALL`: to whoever made it and to administrators of its tenant."""

    standing: Standing
    calls: Calls
    recorder: Recorder

    async def __call__(self, ask: GetCall) -> CallRecord:
        """The record; another's call is told like an unknown one."""
        who = self.standing.who(ask.proof)
        await self.recorder.flush()
        found = await self.calls.get(who.tenant, ask.id) if keepable(ask.id) else None
        if found is None or not (who.admin or found.call.subject == who.subject):
            raise NotFoundError("There is no such call.")
        return found.record()


@dataclass(frozen=True, slots=True)
class ReadCalls:
    """Answer `LIST_CALLS`: one's own; administrators see all of their tenant."""

    standing: Standing
    calls: Calls
    recorder: Recorder

    async def __call__(self, ask: ListCalls) -> CallsPage:
        """A page, newest first."""
        who = self.standing.who(ask.proof)
        await self.recorder.flush()
        limit = max(1, min(ask.limit, MAX_PAGE))
        found = await self.calls.page(
            CallQuery(
                tenant=who.tenant,
                subject=None if who.admin else who.subject,
                tool=kept(ask.tool) if ask.tool else None,
                outcome=kept(ask.outcome) if ask.outcome else None,
                before=known_cursor(ask.before),
                limit=limit + 1,
            )
        )
        shown = found[:limit]
        return CallsPage(
            calls=tuple(call.record() for call in shown),
            next=shown[-1].call.id if len(found) > limit else None,
        )
