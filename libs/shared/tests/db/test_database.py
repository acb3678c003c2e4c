import asyncio

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from executor_shared.db import Database
from executor_shared.errors import DeadlineExceededError, UnavailableError
from executor_shared.settings import DatabaseSettings

pytestmark = pytest.mark.connected


async def _table(db: Database) -> None:
    async with db.transaction() as tx:
        await tx.execute(text("CREATE SCHEMA policy"))
        await tx.execute(text("CREATE TABLE thing (name text PRIMARY KEY)"))


async def _names(db: Database) -> list[str]:
    async with db.transaction() as tx:
        return list(await tx.scalars(text("SELECT name FROM thing ORDER BY name")))


async def test_a_transaction_commits_at_its_end(database: DatabaseSettings) -> None:
    async with Database.open(database, schema="policy") as db:
        await _table(db)
        async with db.transaction() as tx:
            await tx.execute(text("INSERT INTO thing VALUES ('a')"))
        assert await _names(db) == ["a"]


async def _insert_and_fail(db: Database) -> None:
    async with db.transaction() as tx:
        await tx.execute(text("INSERT INTO thing VALUES ('a')"))
        raise RuntimeError("mine")


async def test_an_error_rolls_a_transaction_back(database: DatabaseSettings) -> None:
    async with Database.open(database, schema="policy") as db:
        await _table(db)
        with pytest.raises(RuntimeError, match="mine"):
            await _insert_and_fail(db)
        assert await _names(db) == []


async def test_tables_stand_in_the_schema_of_the_service(database: DatabaseSettings) -> None:
    async with Database.open(database, schema="policy") as db:
        await _table(db)
        async with db.transaction() as tx:
            where = await tx.scalar(text("SELECT schemaname FROM pg_tables WHERE tablename = 'thing'"))
        assert where == "policy"


async def test_a_full_pool_is_an_answer_not_a_wait_without_end(
    database: DatabaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("executor_shared.db.database.POOL_WAIT_SECONDS", 0.05)
    small = database.model_copy(update={"pool_size": 1})
    async with Database.open(small, schema="policy") as db, db.transaction():
        with pytest.raises(UnavailableError, match="all its connections are in use"):
            await db.ping()


async def test_an_unreachable_database_is_named_without_its_password(database: DatabaseSettings) -> None:
    url = SecretStr("postgresql://root:hunter2@127.0.0.1:1/books")
    async with Database.open(database.model_copy(update={"url": url}), schema="policy") as db:
        with pytest.raises(UnavailableError) as refused:
            await db.ping()
    assert "'books' at 127.0.0.1:1" in refused.value.message
    assert "hunter2" not in refused.value.message
    assert "root" not in refused.value.message


async def test_a_wrong_password_is_told_as_such(database: DatabaseSettings) -> None:
    before, _, after = database.url.get_secret_value().partition("@")
    url = SecretStr(f"{before.rsplit(':', 1)[0]}:hunter2@{after}")
    async with Database.open(database.model_copy(update={"url": url}), schema="policy") as db:
        with pytest.raises(UnavailableError, match="refuses the user or the password"):
            await db.ping()


async def test_a_missing_database_is_told_as_such(database: DatabaseSettings) -> None:
    url = SecretStr(database.url.get_secret_value().replace("/test_", "/nobody_"))
    async with Database.open(database.model_copy(update={"url": url}), schema="policy") as db:
        with pytest.raises(UnavailableError, match="does not exist"):
            await db.ping()


async def test_a_session_ended_by_the_server_is_replaced(database: DatabaseSettings) -> None:
    async with (
        Database.open(database, schema="policy") as db,
        Database.open(database, schema="other") as other,
    ):
        await db.ping()
        async with other.transaction() as tx:
            await tx.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE application_name = 'executor-policy'"
                )
            )
        await db.ping()


async def _lose_the_session(db: Database, other: Database) -> None:
    async with db.transaction() as tx:
        pid = await tx.scalar(text("SELECT pg_backend_pid()"))
        async with other.transaction() as killer:
            await killer.execute(text("SELECT pg_terminate_backend(:pid, 5000)").bindparams(pid=pid))
        await tx.execute(text("SELECT 1"))


async def test_a_session_that_ends_inside_a_transaction_is_unavailable(database: DatabaseSettings) -> None:
    async with (
        Database.open(database, schema="policy") as db,
        Database.open(database, schema="other") as other,
    ):
        with pytest.raises(UnavailableError, match="Nothing was stored"):
            await _lose_the_session(db, other)


async def _lose_the_session_before_the_commit(db: Database, other: Database) -> None:
    async with db.transaction() as tx:
        pid = await tx.scalar(text("SELECT pg_backend_pid()"))
        async with other.transaction() as killer:
            await killer.execute(text("SELECT pg_terminate_backend(:pid, 5000)").bindparams(pid=pid))


async def test_a_session_that_ends_before_the_commit_leaves_the_outcome_unknown(
    database: DatabaseSettings,
) -> None:
    async with (
        Database.open(database, schema="policy") as db,
        Database.open(database, schema="other") as other,
    ):
        with pytest.raises(DeadlineExceededError, match="not known"):
            await _lose_the_session_before_the_commit(db, other)


async def test_a_cancelled_transaction_is_rolled_back_and_its_connection_reused(
    database: DatabaseSettings,
) -> None:
    small = database.model_copy(update={"pool_size": 1})
    async with Database.open(small, schema="policy") as db:
        await _table(db)
        begun = asyncio.Event()

        async def work() -> None:
            async with db.transaction() as tx:
                await tx.execute(text("INSERT INTO thing VALUES ('a')"))
                begun.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(work())
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await _names(db) == []


@pytest.mark.parametrize("schema", ["Policy", "a;b", "", "a-b", "1a"])
async def test_a_schema_is_a_plain_name(database: DatabaseSettings, schema: str) -> None:
    with pytest.raises(ValueError, match="schema name"):
        async with Database.open(database, schema=schema):
            pass
