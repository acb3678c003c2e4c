"""Fixtures on a real PostgreSQL: one server per test process, one empty database per test."""

import shutil
import tempfile
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from executor_shared.ids import new_id
from executor_shared.servers.postgres import PostgresServer
from executor_shared.settings import DatabaseSettings


@pytest.fixture(scope="session")
def postgres() -> Generator[PostgresServer]:
    """A server of this test process; gives up durability for speed."""
    home = Path(tempfile.mkdtemp(prefix="executor-test-pg-"))
    server = PostgresServer(home, durable=False)
    try:
        server.prepare()
        server.spawn()
        server.wait_ready()
        yield server
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)


async def _execute(server: PostgresServer, statement: str) -> None:
    url = server.settings().url.get_secret_value().replace("+asyncpg", "")
    connection = await asyncpg.connect(url, timeout=10)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@pytest_asyncio.fixture
async def database(postgres: PostgresServer) -> AsyncGenerator[DatabaseSettings]:
    """An empty database of the test's own, dropped afterwards."""
    name = new_id("test")
    await _execute(postgres, f"CREATE DATABASE {name} TEMPLATE template0 STRATEGY wal_log")
    try:
        yield postgres.settings(name, pool_size=5)
    finally:
        await _execute(postgres, f"DROP DATABASE {name} WITH (FORCE)")
