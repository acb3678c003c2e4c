"""A person decides."""

from dataclasses import dataclass

from executor_policy.domain.approval import USE_SECONDS, Resolution, State, StoredApproval
from executor_policy.domain.keeping import ArgumentsVault
from executor_policy.domain.ports import Announcer, Approvals
from executor_policy.domain.read_approvals import visible_approval
from executor_policy.domain.standing import Standing
from executor_policy.domain.words import check_prose
from executor_shared.clock import Clock
from executor_shared.contracts.policy import Approval, ResolveApproval
from executor_shared.contracts.vocabulary import Principal
from executor_shared.errors import ConflictError, NotPermittedError

_MAX_REASON = 2000
_BECOMES: dict[str, State] = {"approve": "approved", "deny": "denied", "withdraw": "withdrawn"}


@dataclass(frozen=True, slots=True)
class ResolveApprovals:
    """Answer `RESOLVE_APPROVAL`: approve and deny by those who may, withdraw by the requester."""

    standing: Standing
    approvals: Approvals
    vault: ArgumentsVault
    announcer: Announcer
    clock: Clock

    async def __call__(self, ask: ResolveApproval) -> Approval:
        """The approval as it now stands."""
        check_prose(ask.reason, _MAX_REASON, "reason")
        await self.standing.refresh()  # who decides must be one of now, not of the last event
        who, now = self.standing.who(ask.proof), self.clock.now()
        found = await visible_approval(self.approvals, who, ask.id)
        _check_may(found, who, ask.decision)
        if ask.decision == "approve":
            found.arguments(self.vault)  # nobody can approve what cannot be shown
        resolved = await self.approvals.resolve(_resolution(ask, who, now))
        if resolved is None:
            return await self._as_it_stands(ask, who, now)
        await self.announcer.approval_resolved(resolved)
        return resolved.shown_to(who, self.vault, now)

    async def _as_it_stands(self, ask: ResolveApproval, who: Principal, now: float) -> Approval:
        """The same decision said twice by one person is no conflict; anything else is."""
        stands = await visible_approval(self.approvals, who, ask.id)
        state = stands.state_at(now)
        if state == _BECOMES[ask.decision] and stands.decided_by == who.subject:
            return stands.shown_to(who, self.vault, now)
        raise ConflictError(
            f"This approval is {state}; it cannot be decided any more.", details={"state": state}
        )


def _check_may(found: StoredApproval, who: Principal, decision: str) -> None:
    asked = found.asked
    if decision == "withdraw":
        if who.subject != asked.key.requester:
            raise NotPermittedError("Only the requester may withdraw an approval.")
        return
    if found.may_be_decided_by(who):
        return
    if who.person == asked.person and not asked.requester_may:
        raise NotPermittedError("Whoever asked may not decide; another person has to.")
    raise NotPermittedError("You are not among those who may decide this approval.")


def _resolution(ask: ResolveApproval, who: Principal, now: float) -> Resolution:
    state = _BECOMES[ask.decision]
    return Resolution(
        tenant=who.tenant,
        id=ask.id,
        state=state,
        by=who.subject,
        person=who.person,
        now=now,
        reason=ask.reason,
        usable_until=now + USE_SECONDS if state == "approved" else None,
        out_of=("pending", "approved") if state == "withdrawn" else ("pending",),
    )
