"""Looking at approvals: one, and a page."""

from dataclasses import dataclass

from executor_policy.domain.approval import StoredApproval
from executor_policy.domain.keeping import ArgumentsVault
from executor_policy.domain.ports import Approvals
from executor_policy.domain.standing import Standing
from executor_policy.domain.words import keepable
from executor_shared.clock import Clock
from executor_shared.contracts.policy import Approval, GetApproval, ListApprovals
from executor_shared.contracts.policy import Approvals as ApprovalsPage
from executor_shared.contracts.vocabulary import Principal
from executor_shared.errors import InvalidRequestError, NotFoundError

MAX_PAGE = 200


@dataclass(frozen=True, slots=True)
class ReadApproval:
    """Answer `GET_APPROVAL`: to the requester, to those who may decide, and to administrators."""

    standing: Standing
    approvals: Approvals
    vault: ArgumentsVault
    clock: Clock

    async def __call__(self, ask: GetApproval) -> Approval:
        """The approval; another's is told like an unknown one."""
        who = self.standing.who(ask.proof)
        found = await visible_approval(self.approvals, who, ask.id)
        return found.shown_to(who, self.vault, self.clock.now())


@dataclass(frozen=True, slots=True)
class ReadApprovals:
    """Answer `LIST_APPROVALS`."""

    standing: Standing
    approvals: Approvals
    vault: ArgumentsVault
    clock: Clock

    async def __call__(self, ask: ListApprovals) -> ApprovalsPage:
        """A page, newest first."""
        who, now = self.standing.who(ask.proof), self.clock.now()
        limit = max(1, min(ask.limit, MAX_PAGE))
        seen_by = None if who.admin else (who.subject, frozenset(who.groups))
        chosen: list[StoredApproval] = []
        before = known_cursor(ask.before)
        while len(chosen) <= limit:
            page = await self.approvals.page(who.tenant, seen_by=seen_by, before=before, limit=MAX_PAGE)
            chosen += [a for a in page if a.may_be_seen_by(who) and ask.state in (None, a.state_at(now))]
            if len(page) < MAX_PAGE:
                break
            before = page[-1].id
        shown = chosen[:limit]
        return ApprovalsPage(
            approvals=tuple(a.shown_to(who, self.vault, now) for a in shown),
            next=shown[-1].id if len(chosen) > limit else None,
        )


def known_cursor(before: str | None) -> str | None:
    """A cursor that a page gave.

    Raises:
        InvalidRequestError: it cannot be one.

    """
    if before is not None and not keepable(before):
        raise InvalidRequestError("before: not a cursor of this list.", details={"field": "before"})
    return before


async def visible_approval(approvals: Approvals, who: Principal, id_: str) -> StoredApproval:
    """One approval, if `who` may know of it.

    Raises:
        NotFoundError: unknown, foreign, or not for these eyes: told alike.

    """
    found = await approvals.get(who.tenant, id_) if keepable(id_) else None
    if found is None or not found.may_be_seen_by(who):
        raise NotFoundError("There is no such approval.")
    return found
