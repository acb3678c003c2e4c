"""What policy answers and announces: who calls, decisions, approvals, the record of calls."""

from typing import Literal

import msgspec

from executor_shared.contracts.base import Event, Message, Request, ServiceName
from executor_shared.contracts.vocabulary import Change, Effect, Outcome, Principal

PolicyEffect = Literal["allow", "require_approval", "block"]

# Every question of the gateway on behalf of a principal carries `proof`, the hexadecimal SHA-256 of the
# bearer token that the principal sent. Policy keeps only a digest of that digest and resolves the principal
# itself, so a stolen gateway can act only for principals whose tokens pass through it.


class Identify(Message, frozen=True, kw_only=True):
    """Who holds the token with this proof?"""

    proof: str


class DecideCall(Message, frozen=True, kw_only=True):
    """May this principal make this call?

    Attributes:
        tool: id of the tool in the catalog.
        arguments: the JSON object exactly as received.
        revision: the catalog revision that the gateway saw; policy first catches up to it.
        toolkit: slug of the endpoint's toolkit, if any.
        approval: id of an approval to use; without it a matching approved one is found by digest.
        idempotency_key: from the caller; the same key and arguments never run twice.
        client: name that the client gave itself; for the record, never for a decision of trust.

    """

    proof: str
    tool: str
    arguments: msgspec.Raw
    revision: int = 0
    toolkit: str | None = None
    approval: str | None = None
    idempotency_key: str | None = None
    client: str = ""


class Allow(Message, frozen=True, kw_only=True, tag="allow"):
    """Signed yes. `arguments` are to be sent instead of the asked ones where an approval was consumed."""

    grant: str
    deadline: float
    arguments: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    approval: str | None = None


class ApprovalNeeded(Message, frozen=True, kw_only=True, tag="approval_needed"):
    """A person must decide first. `state`: pending, or denied / expired of an identical earlier call."""

    approval: str
    state: Literal["pending", "denied", "expired", "withdrawn"]
    expires_at: float
    reason: str = ""
    approvers: tuple[str, ...] = ()


class Block(Message, frozen=True, kw_only=True, tag="block"):
    """No. `rule` is the name of the deciding rule, or of the default."""

    code: str
    reason: str
    rule: str = ""


class AlreadyCalled(Message, frozen=True, kw_only=True, tag="already_called"):
    """The idempotency key was used before, by this call, which ended (or stands) as `outcome`."""

    call: str
    outcome: str


class CallDecision(Message, frozen=True, kw_only=True):
    """The decision on one call."""

    outcome: Allow | ApprovalNeeded | Block | AlreadyCalled


class GrantDiscovery(Message, frozen=True, kw_only=True):
    """An administrator wants to ask an upstream what it offers, with this credential at this origin."""

    proof: str
    integration: str
    connection: str
    origin: str
    credential: str | None = None


class DiscoveryGranted(Message, frozen=True, kw_only=True):
    """The grant, of purpose `discover`."""

    grant: str


class ListBlocked(Message, frozen=True, kw_only=True):
    """Which of the tools that the principal may see are blocked whatever the arguments?"""

    proof: str
    revision: int = 0
    toolkit: str | None = None


class Blocked(Message, frozen=True, kw_only=True):
    """Tool ids, and the policy revision that said so."""

    tools: tuple[str, ...] = ()
    policy_revision: int = 0


class Approval(Message, frozen=True, kw_only=True):
    """A paused call, as shown to its requester and to those who may decide it.

    `arguments` is the canonical JSON that will run; times are seconds since the epoch.
    """

    id: str
    state: Literal["pending", "approved", "denied", "expired", "consumed", "withdrawn"]
    tool: str
    requester: str
    created_at: float
    expires_at: float
    effect: Effect = "destructive"
    origin: str = ""
    arguments: msgspec.Raw = msgspec.Raw(b"{}")
    rule: str = ""
    reason: str = ""
    approver_groups: tuple[str, ...] = ()
    requester_may: bool = False
    decided_by: str | None = None
    decided_at: float | None = None
    decision_reason: str = ""
    call: str | None = None
    may_decide: bool = False


class GetApproval(Message, frozen=True, kw_only=True):
    """One approval, if the principal may see it."""

    proof: str
    id: str


class ListApprovals(Message, frozen=True, kw_only=True):
    """Approvals that the principal asked for or may decide, newest first."""

    proof: str
    state: str | None = None
    limit: int = 50
    before: str | None = None


class Approvals(Message, frozen=True, kw_only=True):
    """A page; `next` is the `before` of the following one."""

    approvals: tuple[Approval, ...] = ()
    next: str | None = None


class ResolveApproval(Message, frozen=True, kw_only=True):
    """A person's decision."""

    proof: str
    id: str
    decision: Literal["approve", "deny", "withdraw"]
    reason: str = ""


class CallRecord(Message, frozen=True, kw_only=True):
    """The truth about one call.

    `state`: decided, dispatched (may be under way) or finished; `outcome` is set once finished. `rule` decided,
    `matched` are all rules that applied.
    """

    id: str
    subject: str
    tool: str
    state: Literal["decided", "dispatched", "finished"]
    started_at: float
    effect: Effect = "destructive"
    decision: str = ""
    rule: str = ""
    matched: tuple[str, ...] = ()
    outcome: Outcome | None = None
    code: str | None = None
    approval: str | None = None
    credential: str | None = None
    arguments_digest: str = ""
    client: str = ""
    finished_at: float | None = None


class GetCall(Message, frozen=True, kw_only=True):
    """One call, if the principal made it or administers the tenant."""

    proof: str
    id: str


class ListCalls(Message, frozen=True, kw_only=True):
    """Calls of the principal (of the tenant, for administrators), newest first."""

    proof: str
    tool: str | None = None
    outcome: str | None = None
    limit: int = 50
    before: str | None = None


class Calls(Message, frozen=True, kw_only=True):
    """A page; `next` is the `before` of the following one."""

    calls: tuple[CallRecord, ...] = ()
    next: str | None = None


class Approvers(Message, frozen=True, kw_only=True):
    """Who may decide, and for how long it waits. Empty groups: any administrator."""

    groups: tuple[str, ...] = ()
    requester: bool = False
    expires: float = 900.0


class RuleSpec(Message, frozen=True, kw_only=True):
    """One policy as written in a configuration document.

    `scope`: org, team:<group>, user:<subject>, toolkit:<slug>. Empty tuples match everything.
    """

    name: str
    effect: PolicyEffect
    tool: str
    scope: str = "org"
    groups: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    clients: tuple[str, ...] = ()
    effects: tuple[Effect, ...] = ()
    when: str | None = None
    approvers: Approvers = Approvers()
    reason: str = ""


class PrincipalSpec(Message, frozen=True, kw_only=True):
    """A principal as written in a configuration document.

    `key_proofs` are hexadecimal SHA-256 digests of its API keys; None leaves the keys as they are.
    `key_text` is how the document names the key (`{env: ALICE_KEY}`), for export.
    """

    subject: str
    groups: tuple[str, ...] = ()
    admin: bool = False
    person: str | None = None
    key_proofs: tuple[str, ...] | None = None
    key_text: dict[str, object] = {}


class PolicyDocument(Message, frozen=True, kw_only=True):
    """Policy's part of a configuration document."""

    policies: tuple[RuleSpec, ...] = ()
    principals: tuple[PrincipalSpec, ...] = ()


class ApplyPolicy(Message, frozen=True, kw_only=True):
    """Make it so, or say what would change. `remove_*` and `prune` take away; only administrators may."""

    proof: str
    document: PolicyDocument
    remove_policies: tuple[str, ...] = ()
    remove_principals: tuple[str, ...] = ()
    prune: bool = False
    dry_run: bool = False


class PolicyApplied(Message, frozen=True, kw_only=True):
    """The changes, and the document as it was before (for putting it back)."""

    changes: tuple[Change, ...] = ()
    previous: PolicyDocument = PolicyDocument()


class ExportPolicy(Message, frozen=True, kw_only=True):
    """The declarative form of what is (rules, principals; never a key)."""

    proof: str


class CallFinished(Message, frozen=True, kw_only=True):
    """How a call ended, said by the gateway for what it answered and by adapters for what they did."""

    call: str
    outcome: Outcome
    code: str | None = None
    finished_at: float = 0.0


class PolicyChanged(Message, frozen=True, kw_only=True):
    """Rules or principals changed: views and cached identities are stale."""

    revision: int


class ApprovalResolved(Message, frozen=True, kw_only=True):
    """An approval left `pending`."""

    id: str
    tenant: str
    state: str


_GATEWAY = frozenset({ServiceName.GATEWAY})

IDENTIFY = Request(
    subject="executor.policy.v1.principal.identify",
    owner=ServiceName.POLICY,
    callers=_GATEWAY,
    asks=Identify,
    answers=Principal,
    timeout=2.0,
)
DECIDE_CALL = Request(
    subject="executor.policy.v1.call.decide",
    owner=ServiceName.POLICY,
    callers=_GATEWAY,
    asks=DecideCall,
    answers=CallDecision,
    timeout=5.0,
)
GRANT_DISCOVERY = Request(
    subject="executor.policy.v1.discovery.grant",
    owner=ServiceName.POLICY,
    callers=_GATEWAY,
    asks=GrantDiscovery,
    answers=DiscoveryGranted,
    timeout=2.0,
)
LIST_BLOCKED = Request(
    subject="executor.policy.v1.tool.blocked",
    owner=ServiceName.POLICY,
    callers=_GATEWAY,
    asks=ListBlocked,
    answers=Blocked,
    timeout=5.0,
)
GET_APPROVAL = Request(
    subject="executor.policy.v1.approval.get",
    owner=ServiceName.POLICY,
    callers=_GATEWAY,
    asks=GetApproval,
    answers=Approval,
    timeout=5.0,
)
LIST_APPROVALS = Request(
    subject="executor.policy.v1.approval.list",
    owner=ServiceName.POLICY,
    callers=_GATEWAY,
    asks=ListApprovals,
    answers=Approvals,
    timeout=5.0,
)
RESOLVE_APPROVAL = Request(
    subject="executor.policy.v1.approval.resolve",
    owner=ServiceName.POLICY,
    callers=_GATEWAY,
    asks=ResolveApproval,
    answers=Approval,
    timeout=5.0,
)
GET_CALL = Request(
    subject="executor.policy.v1.call.get",
    owner=ServiceName.POLICY,
    callers=_GATEWAY,
    asks=GetCall,
    answers=CallRecord,
    timeout=5.0,
)
LIST_CALLS = Request(
    subject="executor.policy.v1.call.list",
    owner=ServiceName.POLICY,
    callers=_GATEWAY,
    asks=ListCalls,
    answers=Calls,
    timeout=5.0,
)
APPLY_POLICY = Request(
    subject="executor.policy.v1.document.apply",
    owner=ServiceName.POLICY,
    callers=_GATEWAY,
    asks=ApplyPolicy,
    answers=PolicyApplied,
    timeout=30.0,
)
EXPORT_POLICY = Request(
    subject="executor.policy.v1.document.export",
    owner=ServiceName.POLICY,
    callers=_GATEWAY,
    asks=ExportPolicy,
    answers=PolicyDocument,
    timeout=10.0,
)
CALL_FINISHED = Event(
    subject="executor.policy.v1.call.finished",
    owner=ServiceName.POLICY,
    speakers=frozenset({ServiceName.GATEWAY, ServiceName.ADAPTERS}),
    hearers=frozenset({ServiceName.POLICY}),
    says=CallFinished,
)
POLICY_CHANGED = Event(
    subject="executor.policy.v1.policy.changed",
    owner=ServiceName.POLICY,
    speakers=frozenset({ServiceName.POLICY}),
    hearers=frozenset({ServiceName.POLICY, ServiceName.GATEWAY}),
    says=PolicyChanged,
)
APPROVAL_RESOLVED = Event(
    subject="executor.policy.v1.approval.resolved",
    owner=ServiceName.POLICY,
    speakers=frozenset({ServiceName.POLICY}),
    hearers=frozenset({ServiceName.GATEWAY}),
    says=ApprovalResolved,
)
