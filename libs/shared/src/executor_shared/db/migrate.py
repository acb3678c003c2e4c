"""Bringing a schema up to date: one replica migrates, the others wait for it."""

import asyncio
import hashlib
import importlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import structlog
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, MetaData, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.pool import NullPool

from executor_shared.db.connect import check_schema, engine_of, place_of, reached, url_of
from executor_shared.errors import UnavailableError
from executor_shared.settings import DatabaseSettings

_log: structlog.stdlib.BoundLogger = structlog.get_logger("executor.db")
_LOCK_SECONDS = 120.0
_LOCK_RETRY_SECONDS = 0.1
_COMMAND_SECONDS = 300.0


async def migrate(
    settings: DatabaseSettings, migrations: str, *, schema: str, revision: str = "head"
) -> None:
    """Create the schema if it is missing and run the history in it.

    Args:
        settings: address of the database.
        migrations: import name of the package with `env.py` and `versions/`.
        schema: the owning service's schema; the version table stands in it.
        revision: where to go; earlier revisions are not gone back to.

    Raises:
        UnavailableError: the database cannot be used, or another replica holds the lock for too long.

    """
    check_schema(schema)
    engine = engine_of(settings, schema, poolclass=NullPool, command_timeout=_COMMAND_SECONDS)
    try:
        with reached(engine.url):
            async with engine.connect() as plain:
                holder = await plain.execution_options(isolation_level="AUTOCOMMIT")
                async with _locked(holder, schema, place_of(url_of(settings))):
                    await _create_schema(holder, schema)
                    async with engine.connect() as connection:
                        await connection.run_sync(_upgrade, migrations, schema, revision)
                        await connection.commit()
    finally:
        await engine.dispose()
    _log.info("database.migrated", schema=schema)


@asynccontextmanager
async def _locked(connection: AsyncConnection, schema: str, place: str) -> AsyncGenerator[None]:
    """Hold the schema's advisory lock; it goes with the connection, however that ends."""
    digest = hashlib.sha256(f"executor/migrate/{schema}".encode()).digest()
    key = int.from_bytes(digest[:8], "big", signed=True)
    asked = text("SELECT pg_try_advisory_lock(:key)").bindparams(key=key)
    try:
        async with asyncio.timeout(_LOCK_SECONDS):
            while not await connection.scalar(asked):  # noqa: ASYNC110 - another process holds it
                await asyncio.sleep(_LOCK_RETRY_SECONDS)
    except TimeoutError as error:
        raise UnavailableError(
            f"Another replica has been migrating schema {schema!r} of the {place} for {_LOCK_SECONDS:.0f} s."
        ) from error
    try:
        yield
    finally:
        await connection.execute(text("SELECT pg_advisory_unlock(:key)").bindparams(key=key))


async def _create_schema(connection: AsyncConnection, schema: str) -> None:
    """Create it only where it is missing: an existing one needs no right to create."""
    there = text("SELECT 1 FROM pg_namespace WHERE nspname = :schema").bindparams(schema=schema)
    if not await connection.scalar(there):
        await connection.execute(text(f"CREATE SCHEMA {schema}"))


def config_of(migrations: str, schema: str, *, metadata: MetaData | None = None) -> Config:
    """Alembic's configuration of one service's history."""
    module = importlib.import_module(migrations)
    config = Config()
    config.set_main_option("script_location", str(Path(module.__path__[0])).replace("%", "%%"))
    config.attributes["schema"] = schema
    config.attributes["metadata"] = metadata
    return config


def _upgrade(connection: Connection, migrations: str, schema: str, revision: str) -> None:
    config = config_of(migrations, schema)
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
