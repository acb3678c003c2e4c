"""The record of calls: what was decided, and how it ended."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from executor_policy.domain.approval import StoredApproval
from executor_shared.contracts.policy import CallRecord
from executor_shared.contracts.vocabulary import Effect, Outcome

Decision = Literal["allow", "require_approval", "block"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What is known of a call when it is decided. `outcome` is set where it ends there."""

    id: str
    tenant: str
    subject: str
    tool: str
    address: str
    effect: Effect
    decision: Decision
    rule: str
    matched: tuple[str, ...]
    arguments_digest: str
    client: str
    started_at: float
    deadline: float
    credential: str | None = None
    approval: str | None = None
    idempotency_key: str | None = None
    outcome: Outcome | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """How a call is said to have ended."""

    call: str
    outcome: Outcome
    code: str | None
    at: float


def first_words(endings: Iterable[Ending]) -> list[Ending]:
    """One ending for each call: the first one said, but any other rather than `unknown`."""
    stands: dict[str, Ending] = {}
    for ending in endings:
        earlier = stands.get(ending.call)
        if earlier is None or earlier.outcome == "unknown":
            stands[ending.call] = ending
    return list(stands.values())


@dataclass(frozen=True, slots=True)
class FinishedCall:
    """A call and how it ended, if it did."""

    call: Call
    outcome: Outcome | None = None
    code: str | None = None
    finished_at: float | None = None

    def record(self) -> CallRecord:
        """As the other services know it."""
        call = self.call
        return CallRecord(
            id=call.id,
            subject=call.subject,
            tool=call.address,
            state="finished" if self.outcome else "dispatched",
            started_at=call.started_at,
            effect=call.effect,
            decision=call.decision,
            rule=call.rule,
            matched=call.matched,
            outcome=self.outcome,
            code=self.code,
            approval=call.approval,
            credential=call.credential,
            arguments_digest=call.arguments_digest,
            client=call.client,
            finished_at=self.finished_at,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CallQuery:
    """Which calls to list. `subject` None: of the whole tenant. `before`: the id that the page follows."""

    tenant: str
    limit: int
    subject: str | None = None
    tool: str | None = None
    outcome: str | None = None
    before: str | None = None


@dataclass(frozen=True, slots=True)
class Admitted:
    """Recorded; the approval that was spent, if one was asked for."""

    approval: StoredApproval | None = None


@dataclass(frozen=True, slots=True)
class NoApproval:
    """No approved, unexpired approval of exactly this call."""


@dataclass(frozen=True, slots=True)
class PolicyMoved:
    """The decision was made with rules that are no longer the newest."""


@dataclass(frozen=True, slots=True)
class CallIdUsed:
    """A call with this id was recorded before."""


@dataclass(frozen=True, slots=True)
class KeyUsed:
    """The idempotency key was used by this call."""

    by: FinishedCall


Admission = Admitted | NoApproval | PolicyMoved | CallIdUsed | KeyUsed
