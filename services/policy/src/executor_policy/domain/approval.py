"""Approvals: their states, who may decide them, and what binds them to one exact call."""

from dataclasses import dataclass, field
from typing import Literal

import msgspec

from executor_policy.domain.facts import Terms
from executor_policy.domain.keeping import ArgumentsVault
from executor_shared.canonical import digest
from executor_shared.contracts.policy import Approval
from executor_shared.contracts.vocabulary import Effect, Principal
from executor_shared.errors import InternalError

State = Literal["pending", "approved", "denied", "expired", "consumed", "withdrawn"]

USE_SECONDS = 300.0
"""How long an approved call may wait to be sent again."""

MAX_PENDING = 200
"""Approvals that one requester may have waiting."""


@dataclass(frozen=True, slots=True)
class CallKey:
    """What makes two calls the same call: an approval for one is none for another.

    `terms` is a digest of who may approve: a rule that now asks for others needs a new approval.
    """

    tenant: str
    requester: str
    tool: str
    definition: str
    arguments: str
    terms: str

    def bound_to(self, approval: str) -> bytes:
        """What stored arguments are bound to: the row they stand in."""
        parts = (approval, self.tenant, self.requester, self.tool, self.definition, self.arguments)
        return msgspec.json.encode(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewApproval:
    """A wish for an approval."""

    id: str
    key: CallKey
    person: str
    address: str
    effect: Effect
    origin: str
    sealed: bytes
    rule: str
    reason: str
    clauses: tuple[tuple[str, ...], ...]
    requester_may: bool
    created_at: float
    expires_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredApproval:
    """An approval as kept."""

    asked: NewApproval
    state: State = "pending"
    usable_until: float | None = None
    decided_by: str | None = None
    decided_by_person: str | None = None
    decided_at: float | None = None
    decision_reason: str = ""
    consumed_by: str | None = None
    told: bool = False

    @property
    def id(self) -> str:
        """Its id."""
        return self.asked.id

    def state_at(self, now: float) -> State:
        """The state, with time taken into account."""
        if self.state == "pending" and self.asked.expires_at <= now:
            return "expired"
        if self.state == "approved" and (self.usable_until or 0.0) <= now:
            return "expired"
        return self.state

    def may_be_decided_by(self, who: Principal) -> bool:
        """Whether a principal may approve or deny it: by its groups now, and as another person."""
        asked = self.asked
        if who.tenant != asked.key.tenant or (who.person == asked.person and not asked.requester_may):
            return False
        return all(
            who.admin if not clause else not set(clause).isdisjoint(who.groups) for clause in asked.clauses
        )

    def may_be_seen_by(self, who: Principal) -> bool:
        """Whether a principal may know of it."""
        if who.tenant != self.asked.key.tenant:
            return False
        return who.admin or who.subject == self.asked.key.requester or self.may_be_decided_by(who)

    def arguments(self, vault: ArgumentsVault) -> bytes:
        """The canonical arguments that will run."""
        return vault.open(self.asked.sealed, self.asked.key.bound_to(self.id))

    def shown_to(self, who: Principal, vault: ArgumentsVault, now: float) -> Approval:
        """As one principal sees it. Arguments that cannot be opened are null, and nobody may approve those."""
        asked, state = self.asked, self.state_at(now)
        try:
            arguments = self.arguments(vault)
        except InternalError:
            arguments = None
        return Approval(
            id=asked.id,
            state=state,
            tool=asked.address,
            requester=asked.key.requester,
            created_at=asked.created_at,
            expires_at=self.usable_until if state == "approved" and self.usable_until else asked.expires_at,
            effect=asked.effect,
            origin=asked.origin,
            arguments=msgspec.Raw(arguments or b"null"),
            rule=asked.rule,
            reason=asked.reason,
            approver_groups=Terms(asked.clauses).groups,
            requester_may=asked.requester_may,
            decided_by=self.decided_by,
            decided_at=self.decided_at,
            decision_reason=self.decision_reason,
            call=self.consumed_by,
            may_decide=arguments is not None and state == "pending" and self.may_be_decided_by(who),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalUse:
    """The approval that a call wants to spend: by id, or whichever fits."""

    key: CallKey
    now: float
    id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """A decision to be written, from one of the states `out_of`."""

    tenant: str
    id: str
    state: State
    by: str
    person: str
    now: float
    reason: str = ""
    usable_until: float | None = None
    out_of: tuple[State, ...] = field(default=("pending",))


def terms_digest(terms: Terms) -> str:
    """What is compared to see whether the same people may still approve."""
    return digest([[list(clause) for clause in terms.clauses], terms.requester_may])
