"""May this principal make this call? The answer is written down before it is given."""

from dataclasses import dataclass, replace
from typing import assert_never

import msgspec

from executor_policy.domain.approval import ApprovalUse, StoredApproval
from executor_policy.domain.arguments import Arguments, arguments_of
from executor_policy.domain.call import (
    Admitted,
    CallIdUsed,
    FinishedCall,
    KeyUsed,
    NoApproval,
    PolicyMoved,
)
from executor_policy.domain.case import Case
from executor_policy.domain.facts import Facts
from executor_policy.domain.freshness import SeenCalls
from executor_policy.domain.keeping import ArgumentsVault
from executor_policy.domain.pause_call import PauseCall
from executor_policy.domain.ports import Calls, Catalog, Recorder
from executor_policy.domain.standing import Standing
from executor_policy.domain.words import keepable
from executor_shared.clock import Clock
from executor_shared.context import CallContext, current
from executor_shared.contracts.policy import (
    Allow,
    AlreadyCalled,
    ApprovalNeeded,
    Block,
    CallDecision,
    DecideCall,
)
from executor_shared.errors import (
    Code,
    ConflictError,
    ExecutorError,
    InternalError,
    InvalidRequestError,
    UnavailableError,
)
from executor_shared.grants import GrantSigner
from executor_shared.views.catalog import Routed
from executor_shared.views.patterns import matches

MAX_SECONDS = 120.0
"""The longest that a grant lives."""

_ATTEMPTS = 5
_MAX_KEY = 200


@dataclass(frozen=True, slots=True)
class DecideCalls:
    """Answer `DECIDE_CALL`.

    The principal comes from the proof alone. What may change something upstream is recorded durably, and
    decided with the newest rules, before the yes leaves this service.
    """

    standing: Standing
    catalog: Catalog
    calls: Calls
    recorder: Recorder
    pause: PauseCall
    vault: ArgumentsVault
    signer: GrantSigner
    seen: SeenCalls
    clock: Clock

    async def __call__(self, ask: DecideCall) -> CallDecision:
        """The decision."""
        context = _context()
        _check(ask)
        arguments = await arguments_of(bytes(ask.arguments))
        await self.catalog.at_least(ask.revision)
        for _ in range(_ATTEMPTS):
            decision = await self._decide(ask, context, arguments)
            if decision is not None:
                return CallDecision(outcome=decision)
            await self.standing.refresh()
        raise UnavailableError("The policy is changing all the time; nothing was started. Try again.")

    async def _decide(
        self, ask: DecideCall, context: CallContext, arguments: Arguments | ExecutorError
    ) -> Allow | ApprovalNeeded | Block | AlreadyCalled | None:
        """One attempt; None: the policy moved on meanwhile, decide again."""
        case = self._case(ask, context)
        if case.routed is None:
            reason = "There is no such tool, or it is not yours to use."
            return self._refuse(case, Block(code=Code.TOOL_NOT_FOUND, reason=reason))
        if isinstance(arguments, ExecutorError):
            return self._refuse(case, Block(code=arguments.code, reason=arguments.message))
        routed = case.routed
        case = self._judged(case, routed, arguments)
        if ask.idempotency_key and (repeated := await self._repeated(case, ask.idempotency_key)):
            return repeated
        match case.verdict.effect:
            case "block":
                reason = case.verdict.reason or f"The policy {case.verdict.rule!r} blocks this call."
                return self._refuse(
                    case, Block(code=Code.TOOL_BLOCKED, reason=reason, rule=case.verdict.rule)
                )
            case "allow":
                return await self._allow(case, routed)
            case "require_approval":
                return await self._with_approval(case, routed)
            case never:  # pyright: ignore[reportUnnecessaryComparison] - a new member ends here
                assert_never(never)

    def _case(self, ask: DecideCall, context: CallContext) -> Case:
        now = self.clock.now()
        snapshot = self.standing.now
        caller = snapshot.who(ask.proof)
        deadline = min(context.deadline, now + MAX_SECONDS)
        if deadline <= now:
            raise UnavailableError("The deadline of this call has passed; nothing was started.")
        routed = self.catalog.view.routed(caller, ask.tool)
        if routed and ask.toolkit is not None and not self._offered(routed, ask.toolkit):
            routed = None
        return Case(
            ask=ask,
            caller=caller,
            snapshot=snapshot,
            id=context.call_id,
            now=now,
            deadline=deadline,
            routed=routed,
        )

    def _offered(self, routed: Routed, slug: str) -> bool:
        toolkit = self.catalog.view.toolkit(routed.tool.tenant, slug)
        return toolkit is not None and any(matches(p, routed.tool.address) for p in toolkit.tools)

    @staticmethod
    def _judged(case: Case, routed: Routed, arguments: Arguments) -> Case:
        facts = Facts(
            caller=case.caller,
            address=routed.tool.address,
            effect=routed.tool.effect,
            toolkit=case.ask.toolkit,
            client=case.ask.client,
            arguments=arguments.values,
        )
        verdict = case.snapshot.rules_of(case.caller.tenant).decide(facts)
        return replace(case, arguments=arguments, verdict=verdict)

    async def _repeated(self, case: Case, key: str) -> AlreadyCalled | Block | None:
        by = await self.calls.used_key(case.caller.tenant, case.caller.subject, case.ask.tool, key)
        return self._repeats(case, by) if by else None

    def _repeats(self, case: Case, by: FinishedCall) -> AlreadyCalled | Block:
        if by.call.arguments_digest == case.arguments_digest:
            return AlreadyCalled(call=by.call.id, outcome=by.outcome or "dispatched")
        reason = (
            f"This idempotency key was used by {by.call.id} with other arguments; nothing was run. "
            "Use a new key for a new call."
        )
        return self._refuse(case, Block(code=Code.DUPLICATE_CALL, reason=reason))

    def _refuse(self, case: Case, block: Block) -> Block:
        self.recorder.note(case.record("block", outcome="blocked", code=block.code))
        return block

    async def _allow(self, case: Case, routed: Routed) -> Allow | AlreadyCalled | Block | None:
        if routed.tool.effect == "read" and not case.ask.idempotency_key:
            if not self.seen.take(case.id, case.deadline, case.now):
                raise _used()
            self.recorder.note(case.record("allow"))
            return self._granted(case, routed, None)
        answer = await self._admit(case, routed, None)
        if isinstance(answer, NoApproval):
            raise InternalError("An approval was missed where none was asked for; nothing was started.")
        return answer

    async def _with_approval(
        self, case: Case, routed: Routed
    ) -> Allow | ApprovalNeeded | AlreadyCalled | Block | None:
        use = ApprovalUse(key=case.key(routed.hash()), now=case.now, id=case.ask.approval)
        answer = await self._admit(case, routed, use)
        if isinstance(answer, NoApproval):
            return self._paused(case, await self.pause(case, routed, use.key))
        return answer

    def _paused(self, case: Case, needed: ApprovalNeeded) -> ApprovalNeeded:
        """Recorded as the agent is told it: a person's no is an end, anything else waits."""
        denied = needed.state == "denied"
        record = case.record(
            "require_approval",
            outcome="blocked" if denied else "approval_required",
            code=Code.APPROVAL_DENIED if denied else Code.APPROVAL_REQUIRED,
            approval=needed.approval,
        )
        self.recorder.note(record)
        return needed

    async def _admit(
        self, case: Case, routed: Routed, use: ApprovalUse | None
    ) -> Allow | AlreadyCalled | Block | NoApproval | None:
        decision = "require_approval" if use else "allow"
        admission = await self.calls.admit(
            case.record(decision, key=True), policy_revision=case.snapshot.revision, use=use
        )
        match admission:
            case Admitted(approval=approval):
                self.seen.take(case.id, case.deadline, case.now)
                return self._granted(case, routed, approval)
            case NoApproval():
                return admission
            case PolicyMoved():
                return None
            case CallIdUsed():
                raise _used()
            case KeyUsed(by=by):
                return self._repeats(case, by)
            case never:  # pyright: ignore[reportUnnecessaryComparison] - a new member ends here
                assert_never(never)

    def _granted(self, case: Case, routed: Routed, approval: StoredApproval | None) -> Allow:
        grant = self.signer.sign(case.grant(routed, approval.id if approval else None))
        if approval is None:
            return Allow(grant=grant, deadline=case.deadline)
        stored = msgspec.Raw(approval.arguments(self.vault))
        return Allow(grant=grant, deadline=case.deadline, arguments=stored, approval=approval.id)


def _context() -> CallContext:
    context = current()
    if context is None:
        raise InternalError("A call can only be decided within its call context.")
    if not keepable(context.call_id):
        raise InvalidRequestError("The call id cannot be used.", details={"field": "call_id"})
    return context


def _check(ask: DecideCall) -> None:
    for field, text in (("idempotency_key", ask.idempotency_key), ("approval", ask.approval)):
        if text is not None and not keepable(text, _MAX_KEY):
            raise InvalidRequestError(
                f"{field}: 1 to {_MAX_KEY} printable characters are accepted.", details={"field": field}
            )


def _used() -> ConflictError:
    return ConflictError("A call with this id was decided before; nothing was started. Use a fresh call id.")
