"""The pool of one service, looking into its own schema."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from executor_shared.db.connect import (
    POOL_WAIT_SECONDS,
    check_schema,
    engine_of,
    is_away,
    place_of,
    reached,
)
from executor_shared.errors import DeadlineExceededError
from executor_shared.settings import DatabaseSettings


class Database:
    """A bounded pool; every connection has the service's schema as its search path."""

    def __init__(self, engine: AsyncEngine) -> None:
        """Wrap an engine; use `open`."""
        self._engine = engine

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: DatabaseSettings, *, schema: str) -> "AsyncGenerator[Database]":
        """A pool that is closed at the end. Nothing is connected before the first use.

        Args:
            settings: address and size of the pool.
            schema: the owning service's schema, `[a-z_]+`.

        """
        check_schema(schema)
        engine = engine_of(
            settings,
            schema,
            pool_size=settings.pool_size,
            max_overflow=0,
            pool_timeout=POOL_WAIT_SECONDS,
            pool_pre_ping=True,
        )
        try:
            yield cls(engine)
        finally:
            await engine.dispose()

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[AsyncConnection]:
        """One transaction: committed at the end, rolled back on an error.

        Raises:
            UnavailableError: the database cannot be used; nothing was stored.
            DeadlineExceededError: it went away during the commit; whether it was stored is not known.

        """
        with reached(self._engine.url):
            async with self._engine.connect() as connection:
                transaction = await connection.begin()
                try:
                    yield connection
                except BaseException:
                    if transaction.is_valid:
                        await transaction.rollback()
                    raise
                await self._commit(transaction.commit)

    async def _commit(self, commit: Callable[[], Awaitable[None]]) -> None:
        try:
            await commit()
        except Exception as error:
            if not is_away(error):
                raise
            raise DeadlineExceededError(
                f"The {place_of(self._engine.url)} went away while it was storing; whether it did is not known.",
                details={"dependency": "database"},
            ) from error

    async def ping(self) -> None:
        """Check that it answers.

        Raises:
            UnavailableError: it does not.

        """
        with reached(self._engine.url):
            async with self._engine.connect() as connection:
                await connection.execute(text("SELECT 1"))
