"""Spent grants and times of leases, in PostgreSQL."""

from sqlalchemy import bindparam, delete, func, update
from sqlalchemy.dialects.postgresql import insert

from executor_shared.clock import Clock
from executor_shared.db import Database
from executor_vault_broker.domain.record import Key
from executor_vault_broker.storage.rows import credential, spent_grant

_KEPT_AFTER_DEADLINE = 300.0
"""Seconds; far more than clocks of replicas differ, so that no replica takes a forgotten grant for good."""
_MAX_NOTED = 10_000


class PostgresSpentGrants:
    """The grants that were presented; one statement spends one."""

    def __init__(self, db: Database, clock: Clock) -> None:
        """Over the service's schema."""
        self._db = db
        self._clock = clock

    async def spend(self, call: str, deadline: float) -> bool:
        """Spend a grant; False where it was spent."""
        once = insert(spent_grant).values(call=call, deadline=deadline).on_conflict_do_nothing()
        async with self._db.transaction() as tx:
            return (await tx.execute(once)).rowcount == 1

    async def sweep(self) -> None:
        """Forget those that no verifier would accept any more."""
        past = self._clock.now() - _KEPT_AFTER_DEADLINE
        async with self._db.transaction() as tx:
            await tx.execute(delete(spent_grant).where(spent_grant.c.deadline < past))


class NotedLeaseTimes:
    """Notes in memory, written by `flush` at most once a minute; a crash loses no more than that."""

    def __init__(self, db: Database) -> None:
        """Over the service's schema."""
        self._db = db
        self._noted: dict[Key, float] = {}

    def note(self, key: Key, at: float) -> None:
        """Remember the time of a lease."""
        if key in self._noted or len(self._noted) < _MAX_NOTED:
            self._noted[key] = at

    async def flush(self) -> None:
        """Write what was noted."""
        noted, self._noted = self._noted, {}
        if not noted:
            return
        c = credential.c
        later = (
            update(credential)
            .where(c.tenant == bindparam("of_tenant"), c.ref == bindparam("of_ref"))
            .values(last_leased_at=func.greatest(c.last_leased_at, bindparam("at")))
        )
        rows = [
            {"of_tenant": key.tenant, "of_ref": key.ref, "at": at}
            for key, at in sorted(noted.items(), key=lambda one: (one[0].tenant, one[0].ref))
        ]  # in one order, so that two replicas cannot lock each other out
        async with self._db.transaction() as tx:
            await tx.execute(later, rows)
