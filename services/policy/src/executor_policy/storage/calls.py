"""The record of calls in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, literal, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from executor_policy.domain.approval import ApprovalUse
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
from executor_policy.storage import rows
from executor_policy.storage.approvals import consume
from executor_policy.storage.rows import approval_of, call_of, call_values
from executor_shared.db import Database

_calls, _outcomes = rows.call, rows.outcome
_c, _o = _calls.c, _outcomes.c
_WITH_OUTCOME = select(_calls, _o.outcome, _o.code, _o.finished_at).select_from(
    _calls.outerjoin(_outcomes, _o.call == _c.id)
)


_NEW = insert(_outcomes).excluded
_FINISH = insert(_outcomes).on_conflict_do_update(
    index_elements=["call"],
    set_={"outcome": _NEW.outcome, "code": _NEW.code, "finished_at": _NEW.finished_at},
    where=and_(_o.outcome == "unknown", _NEW.outcome != "unknown"),
)


class _RefusedError(Exception):
    """Rolls the transaction back."""


@dataclass(frozen=True, slots=True)
class PostgresCalls:
    """See `domain.ports.Calls`."""

    db: Database

    async def admit(self, call: Call, *, policy_revision: int, use: ApprovalUse | None = None) -> Admission:
        """One transaction: the newest rules, the approval spent, the intent written; or nothing."""
        try:
            async with self.db.transaction() as tx:
                return await _admitted(tx, call, policy_revision, use)
        except _RefusedError:
            async with self.db.transaction() as tx:
                return await _why_refused(tx, call)

    async def note(self, calls: Sequence[Call]) -> None:
        """Record many at once."""
        ended = [
            {"call": c.id, "outcome": c.outcome, "code": c.code, "finished_at": c.started_at}
            for c in calls
            if c.outcome
        ]
        async with self.db.transaction() as tx:
            await tx.execute(insert(_calls).on_conflict_do_nothing(), [call_values(c) for c in calls])
            if ended:
                await tx.execute(insert(_outcomes).on_conflict_do_nothing(), ended)

    async def used_key(self, tenant: str, subject: str, tool: str, key: str) -> FinishedCall | None:
        """The call that used an idempotency key."""
        async with self.db.transaction() as tx:
            return await _by_key(tx, tenant, subject, tool, key)

    async def finish(self, endings: Sequence[Ending]) -> None:
        """Insert, or correct an `unknown`."""
        said = [
            {"call": e.call, "outcome": e.outcome, "code": e.code, "finished_at": e.at}
            for e in first_words(endings)
        ]
        if not said:
            return
        async with self.db.transaction() as tx:
            await tx.execute(_FINISH, said)

    async def get(self, tenant: str, call: str) -> FinishedCall | None:
        """One call."""
        query = _WITH_OUTCOME.where(_c.id == call, _c.tenant == tenant)
        async with self.db.transaction() as tx:
            row = (await tx.execute(query)).first()
        return call_of(row) if row else None

    async def page(self, query: CallQuery) -> list[FinishedCall]:
        """Newest first."""
        where: list[ColumnElement[bool]] = [_c.tenant == query.tenant]
        if query.subject is not None:
            where.append(_c.subject == query.subject)
        if query.tool is not None:
            where.append(_c.address == query.tool)
        if query.outcome is not None:
            where.append(_o.outcome == query.outcome)
        if query.before is not None:
            mine = (_c.id == query.before, _c.tenant == query.tenant)
            at = select(_c.started_at).where(*mine).scalar_subquery()
            where.append(or_(_c.started_at < at, and_(_c.started_at == at, _c.id < query.before)))
        page = _WITH_OUTCOME.where(*where).order_by(_c.started_at.desc(), _c.id.desc()).limit(query.limit)
        async with self.db.transaction() as tx:
            return [call_of(row) for row in await tx.execute(page)]

    async def close_orphans(self, *, due_after: float, due_before: float, at: float) -> int:
        """Insert `unknown` where nothing was said."""
        silent = (
            select(_c.id, literal("unknown"), literal(at))
            .select_from(_calls.outerjoin(_outcomes, _o.call == _c.id))
            .where(_c.deadline >= due_after, _c.deadline < due_before, _o.call.is_(None))
        )
        statement = insert(_outcomes).from_select(["call", "outcome", "finished_at"], silent)
        once = statement.on_conflict_do_nothing().returning(_o.call)
        async with self.db.transaction() as tx:
            return len((await tx.execute(once)).all())


async def _admitted(
    tx: AsyncConnection, made: Call, policy_revision: int, use: ApprovalUse | None
) -> Admission:
    if (await tx.execute(select(rows.state.c.revision))).scalar_one() != policy_revision:
        return PolicyMoved()
    approved = None
    if use is not None:
        row = (await tx.execute(consume(use, made.id))).first()
        if row is None:
            return NoApproval()
        approved = approval_of(row)
    values = call_values(made, approved.id if approved else None)
    intent = insert(_calls).values(values).on_conflict_do_nothing().returning(_c.id)
    if (await tx.execute(intent)).first() is None:
        raise _RefusedError
    return Admitted(approved)


async def _why_refused(tx: AsyncConnection, made: Call) -> CallIdUsed | KeyUsed:
    if made.idempotency_key is not None:
        by = await _by_key(tx, made.tenant, made.subject, made.tool, made.idempotency_key)
        if by is not None:
            return KeyUsed(by)
    return CallIdUsed()


async def _by_key(tx: AsyncConnection, tenant: str, subject: str, tool: str, key: str) -> FinishedCall | None:
    query = _WITH_OUTCOME.where(
        _c.tenant == tenant, _c.subject == subject, _c.tool == tool, _c.idempotency_key == key
    )
    row = (await tx.execute(query)).first()
    return call_of(row) if row else None
