"""Approvals in PostgreSQL. Each step from one state to the next is one conditional statement."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Update, and_, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from executor_policy.domain.approval import (
    MAX_PENDING,
    ApprovalUse,
    CallKey,
    NewApproval,
    Resolution,
    StoredApproval,
)
from executor_policy.storage import rows
from executor_policy.storage.rows import approval_of, approval_values, key_values
from executor_shared.db import Database
from executor_shared.errors import BusyError

_ATTEMPTS = 5
_table = rows.approval
_c = _table.c


@dataclass(frozen=True, slots=True)
class PostgresApprovals:
    """See `domain.ports.Approvals`."""

    db: Database

    async def ask(self, wanted: NewApproval) -> StoredApproval:
        """Join, tell or make."""
        for _ in range(_ATTEMPTS):
            async with self.db.transaction() as tx:
                if found := await _asked(tx, wanted):
                    return found
        raise BusyError("This approval is being decided at this moment; send the call again.")

    async def get(self, tenant: str, approval: str) -> StoredApproval | None:
        """One approval."""
        async with self.db.transaction() as tx:
            return await _one(tx, tenant, approval)

    async def page(
        self, tenant: str, *, seen_by: tuple[str, frozenset[str]] | None, before: str | None, limit: int
    ) -> list[StoredApproval]:
        """Newest first."""
        where: list[ColumnElement[bool]] = [_c.tenant == tenant]
        if seen_by is not None:
            subject, groups = seen_by
            where.append(or_(_c.requester == subject, _c.approver_groups.overlap(sorted(groups))))
        if before is not None:
            at = select(_c.created_at).where(_c.id == before, _c.tenant == tenant).scalar_subquery()
            where.append(or_(_c.created_at < at, and_(_c.created_at == at, _c.id < before)))
        query = select(_table).where(*where).order_by(_c.created_at.desc(), _c.id.desc()).limit(limit)
        async with self.db.transaction() as tx:
            return [approval_of(row) for row in await tx.execute(query)]

    async def resolve(self, resolution: Resolution) -> StoredApproval | None:
        """One conditional statement."""
        r = resolution
        statement = (
            update(_table)
            .where(_c.id == r.id, _c.tenant == r.tenant, _c.state.in_(r.out_of), _in_time(r.now))
            .values(
                state=r.state,
                decided_by=r.by,
                decided_by_person=r.person,
                decided_at=r.now,
                decision_reason=r.reason,
                usable_until=r.usable_until,
            )
            .returning(_table)
        )
        async with self.db.transaction() as tx:
            row = (await tx.execute(statement)).first()
        return approval_of(row) if row else None

    async def tell(self, tenant: str, approval: str) -> None:
        """Remember that the requester knows."""
        async with self.db.transaction() as tx:
            await tx.execute(update(_table).where(_c.id == approval, _c.tenant == tenant).values(told=True))

    async def expire(self, now: float) -> list[StoredApproval]:
        """Close those whose time has passed."""
        overdue = and_(_c.state.in_(("pending", "approved")), ~_in_time(now))
        statement = update(_table).where(overdue).values(state="expired").returning(_table)
        async with self.db.transaction() as tx:
            return [approval_of(row) for row in await tx.execute(statement)]


def consume(use: ApprovalUse, call: str) -> Update:
    """The one statement that spends an approval, with every condition in it."""
    fits = and_(_same(use.key), _c.state == "approved", _c.usable_until > use.now)
    if use.id is not None:
        fits = and_(fits, _c.id == use.id)
    oldest = select(_c.id).where(fits).order_by(_c.created_at).limit(1).with_for_update()
    return (
        update(_table)
        .where(_c.id == oldest.scalar_subquery(), fits)
        .values(state="consumed", consumed_by=call)
        .returning(_table)
    )


def _same(key: CallKey) -> ColumnElement[bool]:
    return and_(*(_c[name] == value for name, value in key_values(key).items()))


def _in_time(now: float) -> ColumnElement[bool]:
    return or_(
        and_(_c.state == "pending", _c.expires_at > now),
        and_(_c.state == "approved", _c.usable_until > now),
    )


async def _one(tx: AsyncConnection, tenant: str, id_: str) -> StoredApproval | None:
    row = (await tx.execute(select(_table).where(_c.id == id_, _c.tenant == tenant))).first()
    return approval_of(row) if row else None


async def _asked(tx: AsyncConnection, wanted: NewApproval) -> StoredApproval | None:
    """One attempt; None: another replica was faster, and it is resolved already."""
    same, now = _same(wanted.key), wanted.created_at
    await tx.execute(
        update(_table).where(same, _c.state == "pending", _c.expires_at <= now).values(state="expired")
    )
    untold = select(_c.id).where(same, _c.state == "denied", ~_c.told).limit(1).with_for_update()
    told = (
        update(_table).where(_c.id == untold.scalar_subquery(), ~_c.told).values(told=True).returning(_table)
    )
    if row := (await tx.execute(told)).first():
        return approval_of(row)
    pending = select(_table).where(same, _c.state == "pending")
    if row := (await tx.execute(pending)).first():
        return approval_of(row)
    await _check_room(tx, wanted)
    statement = insert(_table).values(approval_values(wanted)).on_conflict_do_nothing()
    row = (await tx.execute(statement.returning(_table))).first()
    row = row or (await tx.execute(pending)).first()
    return approval_of(row) if row else None


async def _check_room(tx: AsyncConnection, wanted: NewApproval) -> None:
    waiting = select(func.count()).where(
        _c.tenant == wanted.key.tenant,
        _c.requester == wanted.key.requester,
        _c.state == "pending",
        _c.expires_at > wanted.created_at,
    )
    if (await tx.execute(waiting)).scalar_one() >= MAX_PENDING:
        raise BusyError(
            f"{MAX_PENDING} of your calls wait for approval already; let them be decided or withdraw some."
        )
