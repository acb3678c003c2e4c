"""Make a document so, or say what would change."""

from dataclasses import dataclass

from executor_policy.domain.amend import amended, changes, check_document, document_of
from executor_policy.domain.conditions import Conditions
from executor_policy.domain.grant_discovery import administrator
from executor_policy.domain.known import TenantPolicy
from executor_policy.domain.ports import Announcer, Policies
from executor_policy.domain.standing import Standing
from executor_shared.contracts.policy import ApplyPolicy, ExportPolicy, PolicyApplied, PolicyDocument


@dataclass(frozen=True, slots=True)
class ApplyPolicies:
    """Answer `APPLY_POLICY`: all of the document or nothing, for the tenant of whoever asks."""

    standing: Standing
    policies: Policies
    conditions: Conditions
    announcer: Announcer

    async def __call__(self, ask: ApplyPolicy) -> PolicyApplied:
        """The changes, made or planned, and what was before."""
        await self.standing.refresh()  # whoever is no administrator any more must not become one again
        caller = administrator(self.standing, ask.proof)
        check_document(ask, self.conditions)

        def amend(before: TenantPolicy) -> TenantPolicy:
            return amended(before, ask, caller.subject)

        if ask.dry_run:
            _, tenants = await self.policies.load()
            before = tenants.get(caller.tenant, TenantPolicy())
            return PolicyApplied(changes=changes(before, amend(before)), previous=document_of(before))
        before, after, revision = await self.policies.change(caller.tenant, amend)
        made = changes(before, after)
        if made:
            await self.standing.at_least(revision)
            await self.announcer.policy_changed(revision)
        return PolicyApplied(changes=made, previous=document_of(before))


@dataclass(frozen=True, slots=True)
class ExportPolicies:
    """Answer `EXPORT_POLICY`: administrators only."""

    standing: Standing

    async def __call__(self, ask: ExportPolicy) -> PolicyDocument:
        """Rules and principals in their declarative form."""
        caller = administrator(self.standing, ask.proof)
        return document_of(self.standing.now.tenants.get(caller.tenant, TenantPolicy()))
