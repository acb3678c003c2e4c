"""Rules and principals in PostgreSQL."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from executor_policy.domain.known import KnownPrincipal, TenantPolicy
from executor_policy.storage import rows
from executor_shared.contracts.policy import RuleSpec
from executor_shared.db import Database
from executor_shared.errors import InvalidRequestError

_SPEC = msgspec.json.Decoder(RuleSpec)
_KEY_TEXT = msgspec.json.Decoder(dict[str, object])


@dataclass(frozen=True, slots=True)
class PostgresPolicies:
    """See `domain.ports.Policies`."""

    db: Database

    async def revision(self) -> int:
        """The revision now."""
        async with self.db.transaction() as tx:
            return (await tx.execute(select(rows.state.c.revision))).scalar_one()

    async def load(self) -> tuple[int, dict[str, TenantPolicy]]:
        """Everything at one revision."""
        async with self.db.transaction() as tx:
            await tx.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
            revision = (await tx.execute(select(rows.state.c.revision))).scalar_one()
            return revision, await _tenants(tx, None)

    async def change(
        self, tenant: str, amend: Callable[[TenantPolicy], TenantPolicy]
    ) -> tuple[TenantPolicy, TenantPolicy, int]:
        """Replace a tenant's policy; the row of the revision makes changes follow each other."""
        async with self.db.transaction() as tx:
            locked = select(rows.state.c.revision).with_for_update()
            revision = (await tx.execute(locked)).scalar_one()
            before = (await _tenants(tx, tenant)).get(tenant, TenantPolicy())
            after = amend(before)
            if after != before:
                await _check_keys(tx, tenant, after)
                await _write_rules(tx, tenant, before, after)
                await _write_principals(tx, tenant, before, after)
                revision += 1
                await tx.execute(update(rows.state).values(revision=revision))
        return before, after, revision


async def _tenants(tx: AsyncConnection, tenant: str | None) -> dict[str, TenantPolicy]:
    found: dict[str, TenantPolicy] = {}
    for row in await _all(tx, rows.rule, tenant):
        found.setdefault(row.tenant, TenantPolicy()).rules[row.name] = _SPEC.decode(row.spec)
    for row in await _all(tx, rows.principal, tenant):
        found.setdefault(row.tenant, TenantPolicy()).principals[row.subject] = KnownPrincipal(
            subject=row.subject,
            groups=tuple(row.groups),
            admin=row.admin,
            person=row.person,
            key_text=_KEY_TEXT.decode(row.key_text),
        )
    for row in await _all(tx, rows.api_key, tenant):
        principals = found[row.tenant].principals
        known = principals[row.subject]
        principals[row.subject] = replace(known, keys=known.keys | {row.digest})
    return found


async def _all(tx: AsyncConnection, table: Any, tenant: str | None) -> Any:  # noqa: ANN401 - rows of three tables
    query = select(table)
    return await tx.execute(query if tenant is None else query.where(table.c.tenant == tenant))


async def _check_keys(tx: AsyncConnection, tenant: str, after: TenantPolicy) -> None:
    """A key of another tenant's principal cannot be given again."""
    mine = {key: p.subject for p in after.principals.values() for key in p.keys}
    taken = select(rows.api_key.c.digest).where(
        rows.api_key.c.digest.in_(mine), rows.api_key.c.tenant != tenant
    )
    if digest := (await tx.execute(taken)).scalars().first():
        field = f"principals[{mine[digest]}].key"
        raise InvalidRequestError(
            f"{field}: this key cannot be used; choose another.", details={"field": field}
        )


async def _write_rules(tx: AsyncConnection, tenant: str, before: TenantPolicy, after: TenantPolicy) -> None:
    table = rows.rule
    if gone := before.rules.keys() - after.rules.keys():
        await tx.execute(delete(table).where(table.c.tenant == tenant, table.c.name.in_(gone)))
    for name, spec in after.rules.items():
        if before.rules.get(name) != spec:
            values = {"tenant": tenant, "name": name, "spec": msgspec.json.encode(spec).decode()}
            statement = upsert(table).values(values)
            await tx.execute(
                statement.on_conflict_do_update(
                    index_elements=["tenant", "name"], set_={"spec": statement.excluded.spec}
                )
            )


async def _write_principals(
    tx: AsyncConnection, tenant: str, before: TenantPolicy, after: TenantPolicy
) -> None:
    """Keys are taken away from everyone first, so that one may move to another principal."""
    table, keys = rows.principal, rows.api_key
    different = [p for s, p in after.principals.items() if before.principals.get(s) != p]
    gone = before.principals.keys() - after.principals.keys()
    stale = [*gone, *(p.subject for p in different)]
    await tx.execute(delete(keys).where(keys.c.tenant == tenant, keys.c.subject.in_(stale)))
    if gone:
        await tx.execute(delete(table).where(table.c.tenant == tenant, table.c.subject.in_(gone)))
    for known in different:
        values = {
            "person": known.person,
            "groups": list(known.groups),
            "admin": known.admin,
            "key_text": msgspec.json.encode(known.key_text).decode(),
        }
        statement = upsert(table).values(tenant=tenant, subject=known.subject, **values)
        await tx.execute(statement.on_conflict_do_update(index_elements=["tenant", "subject"], set_=values))
    fresh = [
        {"digest": key, "tenant": tenant, "subject": p.subject} for p in different for key in sorted(p.keys)
    ]
    if fresh:
        await tx.execute(insert(keys), fresh)
