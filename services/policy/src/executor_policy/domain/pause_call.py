"""A call that needs a person waits as an approval, with the exact arguments that will run."""

from dataclasses import dataclass
from typing import Literal

from executor_policy.domain.approval import CallKey, NewApproval, StoredApproval
from executor_policy.domain.case import Case
from executor_policy.domain.keeping import ArgumentsVault
from executor_policy.domain.ports import Approvals
from executor_shared.clock import Clock
from executor_shared.contracts.policy import ApprovalNeeded
from executor_shared.ids import new_approval_id
from executor_shared.views.catalog import Routed

_ADMINISTRATORS = "administrators"


@dataclass(frozen=True, slots=True)
class PauseCall:
    """Join, tell or make the approval that the call waits for."""

    approvals: Approvals
    vault: ArgumentsVault
    clock: Clock

    async def __call__(self, case: Case, routed: Routed, key: CallKey) -> ApprovalNeeded:
        """What to tell the requester."""
        if case.ask.approval and (named := await self._named(case.ask.approval, key)):
            return named
        approval = await self.approvals.ask(self._wanted(case, routed, key))
        return _told(approval, "denied" if approval.state == "denied" else "pending")

    async def _named(self, id_: str, key: CallKey) -> ApprovalNeeded | None:
        """How the approval that the requester names stands, if it is one of exactly this call."""
        found = await self.approvals.get(key.tenant, id_)
        if found is None or found.asked.key != key:
            return None
        state = found.state_at(self.clock.now())
        if state in ("approved", "consumed"):
            return None
        if state == "denied":
            if found.told:
                return None
            await self.approvals.tell(key.tenant, id_)
        return _told(found, state)

    def _wanted(self, case: Case, routed: Routed, key: CallKey) -> NewApproval:
        id_, terms = new_approval_id(), case.verdict.terms
        plain = case.arguments.canonical if case.arguments else b"{}"
        return NewApproval(
            id=id_,
            key=key,
            person=case.caller.person,
            address=routed.tool.address,
            effect=routed.tool.effect,
            origin=routed.integration.origin,
            sealed=self.vault.seal(plain, key.bound_to(id_)),
            rule=case.verdict.rule,
            reason=case.verdict.reason,
            clauses=terms.clauses,
            requester_may=terms.requester_may,
            created_at=case.now,
            expires_at=case.now + terms.expires,
        )


def _told(
    approval: StoredApproval, state: Literal["pending", "denied", "expired", "withdrawn"]
) -> ApprovalNeeded:
    asked = approval.asked
    groups = sorted({g for clause in asked.clauses for g in (clause or (_ADMINISTRATORS,))})
    return ApprovalNeeded(
        approval=approval.id,
        state=state,
        expires_at=asked.expires_at,
        reason=approval.decision_reason if state == "denied" else asked.reason,
        approvers=tuple(groups),
    )
