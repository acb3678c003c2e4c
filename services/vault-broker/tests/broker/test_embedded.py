"""The embedded store: tampering, the master key, and the history of its schema."""

from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from executor_shared.bus import MemoryHub
from executor_shared.clock import FakeClock
from executor_shared.db import Database
from executor_shared.errors import CredentialUnavailableError, InvalidRequestError
from executor_shared.settings import DatabaseSettings, GrantKeysSettings
from executor_vault_broker.domain.keyring import KeyRing
from executor_vault_broker.settings import VaultBrokerBlock, grant_keys, key_ring
from executor_vault_broker.storage import rows
from executor_vault_broker.storage.spent import PostgresSpentGrants

from .house import MASTER, House, grant_of, opened, secret_of, settings_of

pytestmark = pytest.mark.connected
NEW = bytes(reversed(range(32)))


def _ours(name: str | None, _kind: str, _parents: object) -> bool:
    return name != "alembic_version"


async def _execute(db: Database, statement: str) -> None:
    async with db.transaction() as tx:
        await tx.execute(text(statement))


async def _ids(db: Database) -> set[str]:
    async with db.transaction() as tx:
        return {row[0] for row in await tx.execute(text("SELECT key_id FROM sealed_record"))}


async def _boxes(db: Database) -> list[bytes]:
    async with db.transaction() as tx:
        return [row[0] for row in await tx.execute(text("SELECT box FROM sealed_record ORDER BY ref"))]


async def test_the_history_makes_the_tables_that_the_code_expects(db: Database):
    def different(connection: Connection) -> list[Any]:
        context = MigrationContext.configure(connection, opts={"include_name": _ours})
        return list(compare_metadata(context, rows.metadata))

    async with db.transaction() as tx:
        assert await tx.run_sync(different) == []


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE sealed_record SET box = set_byte(box, 20, get_byte(box, 20) # 1) WHERE ref = '{a}'",
        "UPDATE sealed_record SET wrapped_key = set_byte(wrapped_key, 20, get_byte(wrapped_key, 20) # 1)",
        (
            "UPDATE sealed_record a SET (box, wrapped_key) = "
            "(SELECT box, wrapped_key FROM sealed_record WHERE ref = '{b}') WHERE ref = '{a}'"
        ),
        "UPDATE sealed_record a SET box = b.box FROM sealed_record b WHERE a.ref = '{a}' AND b.ref = '{b}'",
    ],
)
async def test_an_altered_or_moved_row_releases_nothing(
    migrated: DatabaseSettings, db: Database, tampering: str
):
    async with opened(MemoryHub(), settings_of(migrated, cache=0)) as house:
        a, b = (
            await house.store({"token": "aaa"}),
            await house.store({"token": "bbb"}, connection="crm/org/b"),
        )
        assert await house.sent(a.credential) == "Bearer aaa"
        await _execute(db, tampering.format(a=a.credential, b=b.credential))
        with pytest.raises(CredentialUnavailableError, match="altered or moved"):
            await house.lease(grant_of(a.credential))


async def test_an_origin_changed_in_the_database_releases_nothing(migrated: DatabaseSettings, db: Database):
    evil = "https://evil.example:443"
    async with opened(MemoryHub(), settings_of(migrated)) as house:
        stored = await house.store({"token": "aaa"})
        await _execute(db, f"UPDATE credential_version SET origin = '{evil}'")
        with pytest.raises(Exception, match=r"was stored for https://crm\.example:443"):
            await house.lease(grant_of(stored.credential, origin=evil))


async def test_a_changed_master_key_wraps_data_keys_anew_and_leaves_the_records(
    migrated: DatabaseSettings, db: Database
):
    async with opened(MemoryHub(), settings_of(migrated)) as house:
        stored = [await house.store({"token": f"t{n}"}, connection=f"crm/org/c{n}") for n in range(105)]
    before = await _boxes(db)
    assert await _ids(db) == {KeyRing(MASTER).present_id}

    async with opened(MemoryHub(), settings_of(migrated, master=NEW, previous=(MASTER,))) as house:
        assert await house.sent(stored[3].credential) == "Bearer t3"
        assert not (await house.store({"token": "t3"}, connection="crm/org/c3")).changed
    assert await _ids(db) == {KeyRing(NEW).present_id}
    assert await _boxes(db) == before

    async with opened(MemoryHub(), settings_of(migrated, master=NEW)) as house:
        assert await house.sent(stored[104].credential) == "Bearer t104"


async def test_a_record_that_cannot_be_opened_does_not_keep_the_others_from_a_new_master_key(
    migrated: DatabaseSettings, db: Database
):
    async with opened(MemoryHub(), settings_of(migrated)) as house:
        stored = [await house.store({"token": f"t{n}"}, connection=f"crm/org/c{n}") for n in range(3)]
    broken = min(one.credential for one in stored)
    await _execute(db, f"UPDATE sealed_record SET key_id = 'unknown' WHERE ref = '{broken}'")
    async with opened(MemoryHub(), settings_of(migrated, master=NEW, previous=(MASTER,))):
        assert await _ids(db) == {KeyRing(NEW).present_id, "unknown"}


async def test_values_sealed_just_before_the_master_key_changed_can_still_be_stored(
    migrated: DatabaseSettings, hub: MemoryHub
):
    async with (
        opened(hub, settings_of(migrated)) as old,
        opened(hub, settings_of(migrated, master=NEW, previous=(MASTER,))),
    ):
        for turn in range(4):
            try:
                assert (await old.store({"token": f"t{turn}"})).version
            except InvalidRequestError as error:  # sealed to the new key, opened by who does not know it
                assert "sealed to another key" in error.message  # noqa: PT017 - either is right


async def test_without_the_master_key_nothing_is_released_and_the_reason_is_told(migrated: DatabaseSettings):
    async with opened(MemoryHub(), settings_of(migrated)) as house:
        stored = await house.store({"token": "aaa"})
    async with opened(MemoryHub(), settings_of(migrated, master=NEW)) as house:
        with pytest.raises(CredentialUnavailableError, match="PREVIOUS_MASTER_KEYS"):
            await house.lease(grant_of(stored.credential))
    async with opened(MemoryHub(), settings_of(migrated)) as house:
        assert await house.sent(stored.credential) == "Bearer aaa"


async def test_spent_grants_are_forgotten_only_when_no_clock_would_take_them(db: Database):
    clock = FakeClock()
    spent = PostgresSpentGrants(db, clock)
    assert await spent.spend("call_1", clock.now() + 30)
    clock.forward(31)
    await spent.sweep()
    assert not await spent.spend("call_1", clock.now())
    clock.forward(301)
    await spent.sweep()
    assert await spent.spend("call_1", clock.now())


@pytest.mark.parametrize("key", [None, "", "not base64!", "c2hvcnQ="])
def test_a_wrong_master_key_is_named_and_not_repeated(key: str | None):
    block = VaultBrokerBlock.model_validate({"master_key": key})
    with pytest.raises(InvalidRequestError, match="MASTER_KEY: expected 32 random bytes") as refused:
        key_ring(block)
    assert not key or key not in refused.value.message
    assert key_ring(VaultBrokerBlock.model_validate({"master_key": secret_of(MASTER)}))


def test_without_public_keys_of_policy_there_is_no_broker():
    with pytest.raises(InvalidRequestError, match="EXECUTOR_GRANTS__PUBLIC_KEYS"):
        grant_keys(GrantKeysSettings.model_validate({"public_keys": ()}))


async def test_an_external_secret_needs_vault(migrated: DatabaseSettings):
    async with opened(MemoryHub(), settings_of(migrated)) as house:
        with pytest.raises(InvalidRequestError, match="need HashiCorp Vault"):
            await house.store(external="kv/default/crm#key")
        assert isinstance(house, House)
