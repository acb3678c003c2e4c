"""The same stores in memory, held to the same suite: for tests and for reading what is promised."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from executor_policy.domain.approval import (
    MAX_PENDING,
    ApprovalUse,
    NewApproval,
    Resolution,
    StoredApproval,
)
from executor_policy.domain.call import (
    Admission,
    Admitted,
    Call,
    CallIdUsed,
    CallQuery,
    Ending,
    FinishedCall,
    KeyUsed,
    NoApproval,
    PolicyMoved,
    first_words,
)
from executor_policy.domain.known import TenantPolicy
from executor_shared.contracts.vocabulary import Outcome
from executor_shared.errors import BusyError, InvalidRequestError

_T = TypeVar("_T")


class MemoryPolicies:
    """See `domain.ports.Policies`."""

    def __init__(self) -> None:
        self._revision = 0
        self._tenants: dict[str, TenantPolicy] = {}

    async def revision(self) -> int:
        """The revision now."""
        return self._revision

    async def load(self) -> tuple[int, dict[str, TenantPolicy]]:
        """Everything at one revision."""
        return self._revision, dict(self._tenants)

    async def change(
        self, tenant: str, amend: Callable[[TenantPolicy], TenantPolicy]
    ) -> tuple[TenantPolicy, TenantPolicy, int]:
        """Replace a tenant's policy."""
        before = self._tenants.get(tenant, TenantPolicy())
        after = amend(before)
        if after != before:
            self._check_keys(tenant, after)
            self._tenants[tenant] = after
            self._revision += 1
        return before, after, self._revision

    def _check_keys(self, tenant: str, after: TenantPolicy) -> None:
        others = (p for t, policy in self._tenants.items() if t != tenant for p in policy.principals.values())
        taken = {key for principal in others for key in principal.keys}
        for principal in after.principals.values():
            if principal.keys & taken:
                field = f"principals[{principal.subject}].key"
                raise InvalidRequestError(
                    f"{field}: this key cannot be used; choose another.", details={"field": field}
                )


class MemoryApprovals:
    """See `domain.ports.Approvals`."""

    def __init__(self) -> None:
        self._rows: dict[str, StoredApproval] = {}

    async def ask(self, wanted: NewApproval) -> StoredApproval:
        """Join, tell or make."""
        same = [a for a in self._rows.values() if a.asked.key == wanted.key]
        for found in same:
            if found.state == "denied" and not found.told:
                return self._put(replace(found, told=True))
        for found in same:
            if found.state_at(wanted.created_at) == "pending":
                return found
        waiting = (a for a in self._rows.values() if a.state_at(wanted.created_at) == "pending")
        mine = (wanted.key.tenant, wanted.key.requester)
        if sum((a.asked.key.tenant, a.asked.key.requester) == mine for a in waiting) >= MAX_PENDING:
            raise BusyError(f"{MAX_PENDING} of your calls wait for approval already.")
        return self._put(StoredApproval(asked=wanted))

    def _put(self, approval: StoredApproval) -> StoredApproval:
        self._rows[approval.id] = approval
        return approval

    async def get(self, tenant: str, approval: str) -> StoredApproval | None:
        """One approval."""
        found = self._rows.get(approval)
        return found if found and found.asked.key.tenant == tenant else None

    async def page(
        self, tenant: str, *, seen_by: tuple[str, frozenset[str]] | None, before: str | None, limit: int
    ) -> list[StoredApproval]:
        """Newest first."""
        mine = [a for a in self._rows.values() if a.asked.key.tenant == tenant]
        if seen_by is not None:
            subject, groups = seen_by
            mine = [a for a in mine if a.asked.key.requester == subject or _named(a) & groups]
        mine.sort(key=lambda a: (a.asked.created_at, a.id), reverse=True)
        return _after(mine, [a.id for a in mine], before)[:limit]

    async def resolve(self, resolution: Resolution) -> StoredApproval | None:
        """Move one on."""
        r = resolution
        found = await self.get(r.tenant, r.id)
        if found is None or found.state_at(r.now) not in r.out_of:
            return None
        return self._put(
            replace(
                found,
                state=r.state,
                decided_by=r.by,
                decided_by_person=r.person,
                decided_at=r.now,
                decision_reason=r.reason,
                usable_until=r.usable_until,
            )
        )

    async def tell(self, tenant: str, approval: str) -> None:
        """Remember that the requester knows."""
        if found := await self.get(tenant, approval):
            self._put(replace(found, told=True))

    async def expire(self, now: float) -> list[StoredApproval]:
        """Close those whose time has passed."""
        waiting = [a for a in self._rows.values() if a.state in ("pending", "approved")]
        return [self._put(replace(a, state="expired")) for a in waiting if a.state_at(now) == "expired"]

    def fitting(self, use: ApprovalUse) -> StoredApproval | None:
        """The oldest approved one that fits."""
        for found in self._rows.values():
            if (
                found.asked.key == use.key
                and found.state_at(use.now) == "approved"
                and use.id in (None, found.id)
            ):
                return found
        return None

    def consume(self, approval: StoredApproval, call: str) -> StoredApproval:
        """Spend it."""
        return self._put(replace(approval, state="consumed", consumed_by=call))


class MemoryCalls:
    """See `domain.ports.Calls`."""

    def __init__(self, policies: MemoryPolicies, approvals: MemoryApprovals) -> None:
        self._policies = policies
        self._approvals = approvals
        self._calls: dict[str, Call] = {}
        self._ended: dict[str, tuple[Outcome, str | None, float]] = {}

    async def admit(self, call: Call, *, policy_revision: int, use: ApprovalUse | None = None) -> Admission:
        """All or nothing."""
        if await self._policies.revision() != policy_revision:
            return PolicyMoved()
        found = self._approvals.fitting(use) if use else None
        if use and found is None:
            return NoApproval()
        key = call.idempotency_key
        if key and (by := await self.used_key(call.tenant, call.subject, call.tool, key)):
            return KeyUsed(by)
        if call.id in self._calls:
            return CallIdUsed()
        spent = self._approvals.consume(found, call.id) if found else None
        self._calls[call.id] = replace(call, approval=spent.id if spent else call.approval)
        return Admitted(spent)

    async def note(self, calls: Sequence[Call]) -> None:
        """Record many at once."""
        for call in calls:
            self._calls.setdefault(call.id, replace(call, outcome=None, code=None))
            if call.outcome:
                self._ended.setdefault(call.id, (call.outcome, call.code, call.started_at))

    def _finished(self, call: Call) -> FinishedCall:
        return FinishedCall(call, *self._ended.get(call.id, (None, None, None)))

    async def used_key(self, tenant: str, subject: str, tool: str, key: str) -> FinishedCall | None:
        """The call that used an idempotency key."""
        wanted = (tenant, subject, tool, key)
        for call in self._calls.values():
            if (call.tenant, call.subject, call.tool, call.idempotency_key) == wanted:
                return self._finished(call)
        return None

    async def finish(self, endings: Sequence[Ending]) -> None:
        """Once, or as correction of `unknown`."""
        for ending in first_words(endings):
            stands = self._ended.get(ending.call)
            if stands is None or (stands[0] == "unknown" and ending.outcome != "unknown"):
                self._ended[ending.call] = (ending.outcome, ending.code, ending.at)

    async def get(self, tenant: str, call: str) -> FinishedCall | None:
        """One call."""
        found = self._calls.get(call)
        return self._finished(found) if found and found.tenant == tenant else None

    async def page(self, query: CallQuery) -> list[FinishedCall]:
        """Newest first."""
        found = [
            call
            for call in map(self._finished, self._calls.values())
            if call.call.tenant == query.tenant
            and query.subject in (None, call.call.subject)
            and query.tool in (None, call.call.address)
            and query.outcome in (None, call.outcome)
        ]
        found.sort(key=lambda c: (c.call.started_at, c.call.id), reverse=True)
        return _after(found, [c.call.id for c in found], query.before)[: query.limit]

    async def close_orphans(self, *, due_after: float, due_before: float, at: float) -> int:
        """Call them unknown."""
        due = (c for c in self._calls.values() if due_after <= c.deadline < due_before)
        silent = [c for c in due if c.id not in self._ended]
        for call in silent:
            self._ended[call.id] = ("unknown", None, at)
        return len(silent)


def _named(approval: StoredApproval) -> set[str]:
    return {group for clause in approval.asked.clauses for group in clause}


def _after(items: list[_T], ids: Iterable[str], before: str | None) -> list[_T]:
    if before is None:
        return items
    order = list(ids)
    return items[order.index(before) + 1 :] if before in order else []
