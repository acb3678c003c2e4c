"""The tables of schema `policy`, and what their rows mean. Private to storage."""

from collections.abc import Mapping
from typing import Any, cast

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Row,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from executor_policy.domain.approval import CallKey, NewApproval, StoredApproval
from executor_policy.domain.call import Call, FinishedCall

metadata = MetaData()

state = Table(
    "state",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("revision", BigInteger, nullable=False),
    CheckConstraint("id = 1", name="state_is_one_row"),
)

rule = Table(
    "rule",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("spec", Text, nullable=False),
)

principal = Table(
    "principal",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("person", Text),
    Column("groups", ARRAY(Text), nullable=False),
    Column("admin", Boolean, nullable=False),
    Column("key_text", Text, nullable=False),
)

api_key = Table(
    "api_key",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("subject", Text, nullable=False),
    ForeignKeyConstraint(
        ["tenant", "subject"],
        ["principal.tenant", "principal.subject"],
        name="api_key_of_principal",
        ondelete="CASCADE",
    ),
    Index("api_key_by_principal", "tenant", "subject"),
)

_STATES = "'pending', 'approved', 'denied', 'expired', 'consumed', 'withdrawn'"
_SAME_CALL = ("tenant", "requester", "tool", "definition", "arguments_digest", "terms")

approval = Table(
    "approval",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("requester", Text, nullable=False),
    Column("requester_person", Text, nullable=False),
    Column("tool", Text, nullable=False),
    Column("definition", Text, nullable=False),
    Column("arguments_digest", Text, nullable=False),
    Column("terms", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("effect", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("sealed_arguments", LargeBinary, nullable=False),
    Column("rule", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("clauses", Text, nullable=False),
    Column("approver_groups", ARRAY(Text), nullable=False),
    Column("requester_may", Boolean, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False),
    Column("state", Text, nullable=False),
    Column("usable_until", Double),
    Column("decided_by", Text),
    Column("decided_by_person", Text),
    Column("decided_at", Double),
    Column("decision_reason", Text, nullable=False),
    Column("consumed_by", Text),
    Column("told", Boolean, nullable=False),
    CheckConstraint(f"state IN ({_STATES})", name="approval_state"),
    CheckConstraint(
        "state NOT IN ('approved', 'consumed') OR (usable_until IS NOT NULL AND decided_by_person IS NOT NULL)",
        name="approval_was_decided",
    ),
    CheckConstraint(
        "state NOT IN ('approved', 'consumed') OR requester_may OR decided_by_person <> requester_person",
        name="approver_is_not_requester",
    ),
    CheckConstraint("(state = 'consumed') = (consumed_by IS NOT NULL)", name="approval_consumed_by"),
    Index("approval_pending_once", *_SAME_CALL, unique=True, postgresql_where=text("state = 'pending'")),
    Index("approval_of_call", *_SAME_CALL),
    Index("approval_consumed_once", "consumed_by", unique=True),
    Index("approval_newest", "tenant", "created_at", "id"),
    Index("approval_waiting", "expires_at", postgresql_where=text("state IN ('pending', 'approved')")),
)

call = Table(
    "call",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("tool", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("effect", Text, nullable=False),
    Column("decision", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("matched", ARRAY(Text), nullable=False),
    Column("arguments_digest", Text, nullable=False),
    Column("client", Text, nullable=False),
    Column("started_at", Double, nullable=False),
    Column("deadline", Double, nullable=False),
    Column("credential", Text),
    Column("approval", Text),
    Column("idempotency_key", Text),
    Index("call_newest", "tenant", "started_at", "id"),
    Index("call_newest_of_subject", "tenant", "subject", "started_at", "id"),
    Index("call_by_deadline", "deadline"),
    Index(
        "call_idempotency",
        "tenant",
        "subject",
        "tool",
        "idempotency_key",
        unique=True,
        postgresql_where=text("idempotency_key IS NOT NULL"),
    ),
)

# An outcome may be heard before the record of a read is written, so it stands in a table of its own.
outcome = Table(
    "outcome",
    metadata,
    Column("call", Text, primary_key=True),
    Column("outcome", Text, nullable=False),
    Column("code", Text),
    Column("finished_at", Double, nullable=False),
)

_CLAUSES = msgspec.json.Decoder(tuple[tuple[str, ...], ...])


def approval_values(wanted: NewApproval) -> dict[str, object]:
    """The row of a new approval."""
    return {
        "id": wanted.id,
        **key_values(wanted.key),
        "requester_person": wanted.person,
        "address": wanted.address,
        "effect": wanted.effect,
        "origin": wanted.origin,
        "sealed_arguments": wanted.sealed,
        "rule": wanted.rule,
        "reason": wanted.reason,
        "clauses": msgspec.json.encode(wanted.clauses).decode(),
        "approver_groups": sorted({group for clause in wanted.clauses for group in clause}),
        "requester_may": wanted.requester_may,
        "created_at": wanted.created_at,
        "expires_at": wanted.expires_at,
        "state": "pending",
        "decision_reason": "",
        "told": False,
    }


def key_values(key: CallKey) -> dict[str, object]:
    """The columns that make two calls the same call."""
    return {
        "tenant": key.tenant,
        "requester": key.requester,
        "tool": key.tool,
        "definition": key.definition,
        "arguments_digest": key.arguments,
        "terms": key.terms,
    }


def approval_of(row: Row[Any]) -> StoredApproval:
    """A row of `approval`."""
    r: Mapping[str, Any] = cast("Mapping[str, Any]", row._mapping)  # noqa: SLF001 - SQLAlchemy's public name
    asked = NewApproval(
        id=r["id"],
        key=CallKey(
            r["tenant"], r["requester"], r["tool"], r["definition"], r["arguments_digest"], r["terms"]
        ),
        person=r["requester_person"],
        address=r["address"],
        effect=r["effect"],
        origin=r["origin"],
        sealed=r["sealed_arguments"],
        rule=r["rule"],
        reason=r["reason"],
        clauses=_CLAUSES.decode(r["clauses"]),
        requester_may=r["requester_may"],
        created_at=r["created_at"],
        expires_at=r["expires_at"],
    )
    return StoredApproval(
        asked=asked,
        state=r["state"],
        usable_until=r["usable_until"],
        decided_by=r["decided_by"],
        decided_by_person=r["decided_by_person"],
        decided_at=r["decided_at"],
        decision_reason=r["decision_reason"],
        consumed_by=r["consumed_by"],
        told=r["told"],
    )


def call_values(made: Call, approval_id: str | None = None) -> dict[str, object]:
    """The row of a call."""
    return {
        "id": made.id,
        "tenant": made.tenant,
        "subject": made.subject,
        "tool": made.tool,
        "address": made.address,
        "effect": made.effect,
        "decision": made.decision,
        "rule": made.rule,
        "matched": list(made.matched),
        "arguments_digest": made.arguments_digest,
        "client": made.client,
        "started_at": made.started_at,
        "deadline": made.deadline,
        "credential": made.credential,
        "approval": approval_id or made.approval,
        "idempotency_key": made.idempotency_key,
    }


def call_of(row: Row[Any]) -> FinishedCall:
    """A row of `call` with its row of `outcome`, if any."""
    r: dict[str, Any] = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name
    ended = FinishedCall.__match_args__[1:]
    finish = {name: r.pop(name) for name in ended}
    matched: list[str] = r.pop("matched")
    return FinishedCall(Call(**r, matched=tuple(matched)), **finish)
