"""What the database holds, and that the history makes what the code expects."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from executor_policy.domain.known import TenantPolicy
from executor_policy.storage import rows
from executor_policy.storage.sealed import AesArguments
from executor_shared.contracts.policy import ApprovalNeeded, ListApprovals, RuleSpec
from executor_shared.db import Database, migrate
from executor_shared.errors import InternalError
from executor_shared.settings import DatabaseSettings

from .house import ADMIN, SEED, House, proof


def _ours(name: str | None, kind: str, _parents: object) -> bool:
    return (kind, name) != ("table", "alembic_version")


@pytest.mark.connected
async def test_the_history_makes_the_tables_that_the_code_expects(db: Database, database: DatabaseSettings):
    await migrate(database, "executor_policy.storage.migrations", schema="policy")

    def different(connection: Connection) -> list[object]:
        context = MigrationContext.configure(
            connection,
            opts={"include_name": _ours},
        )
        return list(compare_metadata(context, rows.metadata))

    async with db.transaction() as tx:
        assert await tx.run_sync(different) == []


@pytest.mark.connected
async def test_neither_arguments_nor_keys_can_be_read_in_the_database(postgres_house: House, db: Database):
    house = postgres_house
    tool = house.tool("delete", effect="write")
    asked = await house.call(ADMIN, tool, {"password": "canary-argument"})
    assert isinstance(asked, ApprovalNeeded)
    await house.recorder.flush()
    async with db.transaction() as tx:
        for table in rows.metadata.tables:
            dump = "".join(str(row) for row in await tx.execute(text(f"SELECT {table}::text FROM {table}")))
            for canary in ("canary-argument", ADMIN, proof(ADMIN), b"canary-argument".hex()):
                assert canary not in dump


@pytest.mark.connected
async def test_arguments_moved_to_another_approval_are_not_run(postgres_house: House, db: Database):
    house = postgres_house
    alice, tool = await house.person("alice"), house.tool("delete", effect="write")
    one, two, three = [await house.call(alice, tool, {"n": n}) for n in (1, 2, 3)]
    assert isinstance(one, ApprovalNeeded)
    assert isinstance(two, ApprovalNeeded)
    assert isinstance(three, ApprovalNeeded)
    await house.resolve(ADMIN, one.approval, "approve")
    async with db.transaction() as tx:
        move = (
            "UPDATE approval SET sealed_arguments = (SELECT sealed_arguments FROM approval WHERE id = :two)"
        )
        await tx.execute(text(move), {"two": two.approval})
    with pytest.raises(InternalError):
        await house.call(alice, tool, {"n": 1})
    with pytest.raises(InternalError):
        await house.resolve(ADMIN, three.approval, "approve")
    listed = await house.use.list_approvals(ListApprovals(proof=proof(ADMIN)))
    shown = {a.id: (bytes(a.arguments), a.may_decide) for a in listed.approvals}
    assert shown[two.approval] == (b'{"n":2}', True)
    assert shown[three.approval] == (b"null", False)


def test_sealed_arguments_open_only_whole_and_in_their_place():
    vault = AesArguments(SEED)
    sealed = vault.seal(b"{}", b"row")
    assert vault.open(sealed, b"row") == b"{}"
    assert vault.seal(b"{}", b"row") != sealed
    for bad in (sealed[:-1], b"", sealed[:13] + bytes([sealed[13] ^ 1]) + sealed[14:]):
        with pytest.raises(InternalError):
            vault.open(bad, b"row")
    with pytest.raises(InternalError):
        vault.open(sealed, b"other row")
    with pytest.raises(InternalError):
        AesArguments(bytes(32)).open(sealed, b"row")


async def test_a_stored_rule_that_cannot_be_used_leaves_the_last_good_set_in_force(memory_house: House):
    house = memory_house
    await house.apply(RuleSpec(name="no", effect="block", tool="crm.*"))
    good = house.standing.now

    def spoil(before: TenantPolicy) -> TenantPolicy:
        spoiled = RuleSpec(name="new", effect="allow", tool="a*")  # as a newer version might have written it
        return TenantPolicy({**before.rules, "new": spoiled}, before.principals)

    await house.policies.change("default", spoil)
    with pytest.raises(Exception, match="not a tool pattern"):
        await house.standing.refresh()
    assert house.standing.now is good
