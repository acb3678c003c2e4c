import asyncio
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from executor_shared.db import Database, migrate
from executor_shared.settings import DatabaseSettings

pytestmark = pytest.mark.connected
HISTORY = "sample_history"


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(Path(__file__).parent), *sys.path])


async def _columns(settings: DatabaseSettings, schema: str) -> list[str]:
    async with Database.open(settings, schema=schema) as db, db.transaction() as tx:
        asked = text(
            "SELECT column_name FROM information_schema.columns"
            " WHERE table_schema = :schema AND table_name = 'thing' ORDER BY column_name"
        )
        return list(await tx.scalars(asked.bindparams(schema=schema)))


async def test_a_history_makes_its_schema_and_runs_in_it(database: DatabaseSettings) -> None:
    await migrate(database, HISTORY, schema="vault_broker")
    assert await _columns(database, "vault_broker") == ["name", "size"]


async def test_the_version_table_stands_in_the_same_schema(database: DatabaseSettings) -> None:
    await migrate(database, HISTORY, schema="policy")
    async with Database.open(database, schema="policy") as db, db.transaction() as tx:
        assert await tx.scalar(text("SELECT version_num FROM policy.alembic_version")) == "0002"


async def test_two_histories_do_not_meet(database: DatabaseSettings) -> None:
    await migrate(database, HISTORY, schema="policy")
    await migrate(database, HISTORY, schema="catalog", revision="0001")
    assert await _columns(database, "policy") == ["name", "size"]
    assert await _columns(database, "catalog") == ["name"]


async def test_a_later_release_continues_the_history(database: DatabaseSettings) -> None:
    await migrate(database, HISTORY, schema="policy", revision="0001")
    await migrate(database, HISTORY, schema="policy")
    await migrate(database, HISTORY, schema="policy")
    assert await _columns(database, "policy") == ["name", "size"]


async def test_replicas_that_start_together_do_not_race(database: DatabaseSettings) -> None:
    await asyncio.gather(*(migrate(database, HISTORY, schema="policy") for _ in range(5)))
    assert await _columns(database, "policy") == ["name", "size"]
