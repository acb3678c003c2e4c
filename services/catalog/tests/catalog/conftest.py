"""Fixtures of the catalog's tests: a house on each storage."""

from collections.abc import AsyncGenerator

import pytest
import pytest_asyncio

from executor_catalog.storage import MemoryStore, PostgresStore
from executor_shared.db import Database, migrate
from executor_shared.settings import DatabaseSettings

from .house import House, build


@pytest_asyncio.fixture
async def db(database: DatabaseSettings) -> AsyncGenerator[Database]:
    """A migrated database of the test's own."""
    await migrate(database, "executor_catalog.storage.migrations", schema="catalog")
    async with Database.open(database, schema="catalog") as opened:
        yield opened


@pytest_asyncio.fixture
async def memory_house() -> House:
    """A house on memory."""
    return build(MemoryStore())


@pytest_asyncio.fixture
async def postgres_house(db: Database) -> House:
    """A house on a real PostgreSQL."""
    return build(PostgresStore(db))


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.connected)])
def house(request: pytest.FixtureRequest) -> House:
    """The same promises on both storages."""
    return request.getfixturevalue(f"{request.param}_house")
