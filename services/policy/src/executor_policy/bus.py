"""Which contract is answered by which use case."""

from dataclasses import dataclass
from typing import Any

from executor_policy.domain.apply_policy import ApplyPolicies, ExportPolicies
from executor_policy.domain.close_calls import FinishCall
from executor_policy.domain.decide_call import DecideCalls
from executor_policy.domain.grant_discovery import GrantDiscoveries
from executor_policy.domain.identify import IdentifyCaller
from executor_policy.domain.list_blocked import ListBlockedTools
from executor_policy.domain.read_approvals import ReadApproval, ReadApprovals
from executor_policy.domain.read_calls import ReadCall, ReadCalls
from executor_policy.domain.resolve_approval import ResolveApprovals
from executor_policy.domain.standing import Standing
from executor_shared.bus import Handler, Listener
from executor_shared.contracts import policy as contracts


@dataclass(frozen=True, slots=True, kw_only=True)
class UseCases:
    """Everything that policy does."""

    identify: IdentifyCaller
    decide: DecideCalls
    grant_discovery: GrantDiscoveries
    list_blocked: ListBlockedTools
    get_approval: ReadApproval
    list_approvals: ReadApprovals
    resolve_approval: ResolveApprovals
    get_call: ReadCall
    list_calls: ReadCalls
    apply: ApplyPolicies
    export: ExportPolicies
    finish: FinishCall


def handlers(use: UseCases) -> tuple[Handler[Any, Any], ...]:
    """What policy answers."""
    return (
        Handler(contracts.IDENTIFY, use.identify),
        Handler(contracts.DECIDE_CALL, use.decide, limit=512),
        Handler(contracts.GRANT_DISCOVERY, use.grant_discovery),
        Handler(contracts.LIST_BLOCKED, use.list_blocked),
        Handler(contracts.GET_APPROVAL, use.get_approval),
        Handler(contracts.LIST_APPROVALS, use.list_approvals),
        Handler(contracts.RESOLVE_APPROVAL, use.resolve_approval),
        Handler(contracts.GET_CALL, use.get_call),
        Handler(contracts.LIST_CALLS, use.list_calls),
        Handler(contracts.APPLY_POLICY, use.apply, limit=8),
        Handler(contracts.EXPORT_POLICY, use.export),
    )


def listeners(use: UseCases, standing: Standing) -> tuple[Listener[Any], ...]:
    """What policy hears: one replica writes an outcome, every replica reloads the rules."""

    async def changed(event: contracts.PolicyChanged) -> None:
        await standing.at_least(event.revision)

    return (
        Listener(contracts.CALL_FINISHED, use.finish, every_replica=False),
        Listener(contracts.POLICY_CHANGED, changed),
    )
