"""The embedded store: encrypted records in PostgreSQL."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, delete, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from executor_shared.db import Database
from executor_shared.errors import ConflictError, CredentialUnavailableError, UnavailableError
from executor_vault_broker.domain.ports import Rewrapped
from executor_vault_broker.domain.record import Key, Record
from executor_vault_broker.storage.envelope import Envelope, Envelopes
from executor_vault_broker.storage.rows import sealed_record

_c = sealed_record.c
_KEPT_VERSIONS = 10


@contextmanager
def _told() -> Generator[None]:
    """An unusable database is, to whoever asks for a credential, an unavailable credential."""
    try:
        yield
    except UnavailableError as error:
        raise CredentialUnavailableError(
            "The credential store cannot be reached; nothing was sent. Try again later.",
            details={"dependency": "database"},
        ) from error


def _of(key: Key) -> ColumnElement[bool]:
    return and_(_c.tenant == key.tenant, _c.ref == key.ref)


def _envelope(row: Row[Any]) -> Envelope:
    return Envelope(row.key_id, row.wrapped_key, row.box)


class EmbeddedStore:
    """The credential store in our own database; also keeps to a change of the master key."""

    def __init__(self, db: Database, envelopes: Envelopes) -> None:
        """Over the service's schema."""
        self._db = db
        self._envelopes = envelopes

    async def put(self, key: Key, record: Record) -> int:
        """Keep a new version; see `CredentialStore`."""
        with _told():
            async with self._db.transaction() as tx:
                last = await tx.scalar(select(func.max(_c.version)).where(_of(key)))
                version = int(last or 0) + 1
                envelope = self._envelopes.close(key, version, record)
                row = {
                    "tenant": key.tenant,
                    "ref": key.ref,
                    "version": version,
                    "key_id": envelope.key_id,
                    "wrapped_key": envelope.wrapped_key,
                    "box": envelope.box,
                }
                kept = await tx.execute(insert(sealed_record).values(row).on_conflict_do_nothing())
                if kept.rowcount != 1:
                    raise ConflictError("Somebody else stored this credential at the same moment; try again.")
                await tx.execute(
                    delete(sealed_record).where(_of(key), _c.version <= version - _KEPT_VERSIONS)
                )
        return version

    async def get(self, key: Key, version: int) -> Record | None:
        """Open a version; see `CredentialStore`."""
        with _told():
            async with self._db.transaction() as tx:
                row = (await tx.execute(select(sealed_record).where(_of(key), _c.version == version))).first()
        if row is None or row.key_id is None:
            return None
        return self._envelopes.open(key, version, _envelope(row))

    async def drop(self, key: Key, version: int) -> None:
        """Empty a version; its number stays taken."""
        nothing = {"key_id": None, "wrapped_key": None, "box": None}
        with _told():
            async with self._db.transaction() as tx:
                await tx.execute(update(sealed_record).where(_of(key), _c.version == version).values(nothing))

    async def destroy(self, key: Key) -> None:
        """Remove every version."""
        with _told():
            async with self._db.transaction() as tx:
                await tx.execute(delete(sealed_record).where(_of(key)))

    async def rewrap(self, after: tuple[Key, int] | None, limit: int) -> Rewrapped:
        """Wrap data keys of other master keys anew; see `KeptRecords`. Replicas share the work without waiting."""
        order = (_c.tenant, _c.ref, _c.version)
        others = select(sealed_record).where(_c.key_id != self._envelopes.key_id)
        if after is not None:
            key, version = after
            others = others.where(tuple_(*order) > tuple_(key.tenant, key.ref, version))
        others = others.order_by(*order).limit(limit).with_for_update(skip_locked=True)
        async with self._db.transaction() as tx:
            rows = (await tx.execute(others)).all()
            done = [await self._rewrap_one(tx, row) for row in rows]
        last = (Key(rows[-1].tenant, rows[-1].ref), int(rows[-1].version)) if rows else None
        return Rewrapped(sum(done), len(done) - sum(done), last)

    async def _rewrap_one(self, tx: AsyncConnection, row: Row[Any]) -> bool:
        key = Key(row.tenant, row.ref)
        try:
            new = self._envelopes.rewrap(key, row.version, _envelope(row))
        except CredentialUnavailableError:
            return False
        changed = {"key_id": new.key_id, "wrapped_key": new.wrapped_key}
        await tx.execute(update(sealed_record).where(_of(key), _c.version == row.version).values(changed))
        return True
