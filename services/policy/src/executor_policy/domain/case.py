"""One call on its way through the decision."""

from dataclasses import dataclass

from executor_policy.domain.approval import CallKey, terms_digest
from executor_policy.domain.arguments import Arguments
from executor_policy.domain.call import Call, Decision
from executor_policy.domain.facts import Verdict
from executor_policy.domain.known import Snapshot
from executor_policy.domain.words import kept
from executor_shared.contracts.policy import DecideCall
from executor_shared.contracts.vocabulary import Outcome, Principal
from executor_shared.grants import Grant
from executor_shared.views.catalog import Routed

_NO_VERDICT = Verdict(effect="block", rule="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is known so far; `arguments` and `verdict` come once the tool is found."""

    ask: DecideCall
    caller: Principal
    snapshot: Snapshot
    id: str
    now: float
    deadline: float
    routed: Routed | None
    arguments: Arguments | None = None
    verdict: Verdict = _NO_VERDICT

    @property
    def arguments_digest(self) -> str:
        """Of the arguments, once they are read."""
        return self.arguments.digest if self.arguments else ""

    def key(self, definition: str) -> CallKey:
        """What an approval of this call is bound to."""
        return CallKey(
            tenant=self.caller.tenant,
            requester=self.caller.subject,
            tool=self.ask.tool,
            definition=definition,
            arguments=self.arguments_digest,
            terms=terms_digest(self.verdict.terms),
        )

    def record(
        self,
        decision: Decision,
        *,
        outcome: Outcome | None = None,
        code: str | None = None,
        approval: str | None = None,
        key: bool = False,
    ) -> Call:
        """The record; the idempotency key enters only where the call may run."""
        tool = self.routed.tool if self.routed else None
        return Call(
            id=self.id,
            tenant=self.caller.tenant,
            subject=self.caller.subject,
            tool=kept(self.ask.tool),
            address=tool.address if tool else "",
            effect=tool.effect if tool else "destructive",
            decision=decision,
            rule=self.verdict.rule,
            matched=self.verdict.matched,
            arguments_digest=self.arguments_digest,
            client=kept(self.ask.client),
            started_at=self.now,
            deadline=self.deadline,
            credential=self.routed.connection.credential if self.routed else None,
            approval=approval,
            idempotency_key=self.ask.idempotency_key if key else None,
            outcome=outcome,
            code=code,
        )

    def grant(self, routed: Routed, approval: str | None) -> Grant:
        """What is signed."""
        return Grant(
            purpose="call",
            call=self.id,
            tenant=self.caller.tenant,
            subject=self.caller.subject,
            connection=routed.connection.id,
            origin=routed.integration.origin,
            issued_at=self.now,
            deadline=self.deadline,
            tool=routed.tool.address,
            definition=routed.hash(),
            arguments=self.arguments_digest,
            effect=routed.tool.effect,
            credential=routed.connection.credential,
            approval=approval,
        )
