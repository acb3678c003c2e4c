"""What is known of credentials, in PostgreSQL."""

from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from executor_shared.db import Database
from executor_shared.errors import ConflictError
from executor_vault_broker.domain.record import Binding, Key
from executor_vault_broker.storage.rows import credential, credential_version

_c, _v = credential.c, credential_version.c


def _is(key: Key) -> ColumnElement[bool]:
    return and_(_c.tenant == key.tenant, _c.ref == key.ref)


def _version_of(key: Key) -> ColumnElement[bool]:
    return and_(_v.tenant == key.tenant, _v.ref == key.ref)


def _newest() -> Select[*tuple[Any, ...]]:
    joined = and_(_v.tenant == _c.tenant, _v.ref == _c.ref, _v.version == _c.newest)
    return select(
        _c.tenant,
        _c.ref,
        _c.connection,
        _c.last_leased_at,
        _v.version,
        _v.origin,
        _v.method,
        _v.digest,
        _v.created_at,
    ).join_from(credential, credential_version, joined)


def _binding(row: Row[Any]) -> Binding:
    return Binding(
        key=Key(row.tenant, row.ref),
        connection=row.connection,
        origin=row.origin,
        method=row.method,
        version=row.version,
        digest=row.digest,
        created_at=row.created_at,
        last_leased_at=row.last_leased_at,
    )


class PostgresBindings:
    """Bindings over the service's schema."""

    def __init__(self, db: Database) -> None:
        """Over the service's schema."""
        self._db = db

    async def get(self, key: Key) -> Binding | None:
        """The newest version of a credential."""
        async with self._db.transaction() as tx:
            row = (await tx.execute(_newest().where(_is(key)))).first()
        return _binding(row) if row else None

    async def of_connection(self, tenant: str, connection: str) -> Binding | None:
        """The newest version of a connection's credential."""
        asked = _newest().where(_c.tenant == tenant, _c.connection == connection)
        async with self._db.transaction() as tx:
            row = (await tx.execute(asked)).first()
        return _binding(row) if row else None

    async def publish(self, binding: Binding, *, after: int) -> None:
        """Make a version the newest; see `Bindings`."""
        async with self._db.transaction() as tx:
            if not await _moved(tx, binding, after):
                raise ConflictError(
                    f"Somebody else stored the credential of {binding.connection} at the same moment; try again."
                )
            await tx.execute(
                insert(credential_version).values(
                    tenant=binding.key.tenant,
                    ref=binding.key.ref,
                    version=binding.version,
                    origin=binding.origin,
                    method=binding.method,
                    digest=binding.digest,
                    created_at=binding.created_at,
                )
            )

    async def withdraw(self, key: Key, version: int) -> bool:
        """Go back by one version; see `Bindings`."""
        async with self._db.transaction() as tx:
            row = (await tx.execute(select(_c.newest).where(_is(key)).with_for_update())).first()
            gone = delete(credential_version).where(_version_of(key), _v.version == version)
            if row is None:
                return False
            if row.newest != version:
                known = select(_v.version).where(_version_of(key), _v.version == version)
                if await tx.scalar(known) is None:
                    return False
                raise ConflictError("Something newer was stored meanwhile; nothing was taken back.")
            await tx.execute(gone)
            before = await tx.scalar(select(func.max(_v.version)).where(_version_of(key)))
            if before is None:
                await tx.execute(delete(credential).where(_is(key)))
            else:
                await tx.execute(update(credential).where(_is(key)).values(newest=before))
        return True

    async def forget(self, key: Key) -> None:
        """Forget a credential."""
        async with self._db.transaction() as tx:
            await tx.execute(delete(credential).where(_is(key)))


async def _moved(tx: AsyncConnection, binding: Binding, after: int) -> bool:
    if after:
        moved = update(credential).where(_is(binding.key), _c.newest == after)
        return (await tx.execute(moved.values(newest=binding.version))).rowcount == 1
    new = insert(credential).values(
        tenant=binding.key.tenant,
        ref=binding.key.ref,
        connection=binding.connection,
        newest=binding.version,
    )
    return (await tx.execute(new.on_conflict_do_nothing())).rowcount == 1
