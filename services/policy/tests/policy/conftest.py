"""Fixtures of policy's tests: a house on each storage."""

from collections.abc import AsyncGenerator

import pytest
import pytest_asyncio

from executor_policy.storage.approvals import PostgresApprovals
from executor_policy.storage.calls import PostgresCalls
from executor_policy.storage.memory import MemoryApprovals, MemoryCalls, MemoryPolicies
from executor_policy.storage.policies import PostgresPolicies
from executor_shared.db import Database, migrate
from executor_shared.settings import DatabaseSettings

from .house import House, build


@pytest_asyncio.fixture
async def db(database: DatabaseSettings) -> AsyncGenerator[Database]:
    """A migrated database of the test's own."""
    await migrate(database, "executor_policy.storage.migrations", schema="policy")
    async with Database.open(database, schema="policy") as opened:
        yield opened


@pytest_asyncio.fixture
async def memory_house() -> House:
    """A house on memory."""
    policies, approvals = MemoryPolicies(), MemoryApprovals()
    made = build(policies, approvals, MemoryCalls(policies, approvals))
    await made.begin()
    return made


@pytest_asyncio.fixture
async def postgres_house(db: Database) -> House:
    """A house on a real PostgreSQL."""
    made = build(PostgresPolicies(db), PostgresApprovals(db), PostgresCalls(db))
    await made.begin()
    return made


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.connected)])
def house(request: pytest.FixtureRequest) -> House:
    """The same promises on both storages."""
    return request.getfixturevalue(f"{request.param}_house")
