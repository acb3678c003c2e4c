"""How an engine is made, and how the driver's failures are told."""

import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from executor_shared.errors import ExecutorError, InvalidRequestError, UnavailableError
from executor_shared.settings import DatabaseSettings

CONNECT_SECONDS = 5.0
COMMAND_SECONDS = 15.0
POOL_WAIT_SECONDS = 5.0
_SCHEMA = re.compile(r"[a-z][a-z_]{0,62}")
_AWAY = (OperationalError, InterfaceError, OSError)
_REASONS: dict[type[BaseException], str] = {
    PoolTimeoutError: "all its connections are in use",
    TimeoutError: "it did not answer in time",
    asyncpg.InvalidAuthorizationSpecificationError: "it refuses the user or the password",
    asyncpg.InvalidCatalogNameError: "it does not exist",
    asyncpg.TooManyConnectionsError: "it has no connection left",
    asyncpg.CannotConnectNowError: "it is starting or stopping",
    asyncpg.PostgresConnectionError: "the connection to it was lost",
}


def check_schema(schema: str) -> None:
    """Refuse what is not a plain lower-case name.

    Raises:
        ValueError: the name cannot stand unquoted in SQL.

    """
    if not _SCHEMA.fullmatch(schema):
        raise ValueError(f"{schema!r} is not a schema name ([a-z_])")


def url_of(settings: DatabaseSettings) -> URL:
    """The address with our driver, whichever way it was written.

    Raises:
        InvalidRequestError: not a database URL; the text is not repeated, since it may hold a password.

    """
    try:
        url = make_url(settings.url.get_secret_value())
    except ArgumentError:
        url = None
    if url is None or url.get_backend_name() not in {"postgresql", "postgres"}:
        raise InvalidRequestError(
            "EXECUTOR_DATABASE__URL is not a PostgreSQL address; expected "
            "postgresql+asyncpg://USER:PASSWORD@HOST:PORT/DATABASE.",
            details={"field": "database.url"},
        )
    return url.set(drivername="postgresql+asyncpg")


def place_of(url: URL) -> str:
    """Database and host, for errors: never a user, a password or a whole address."""
    host = url.host or url.query.get("host") or "the local socket"
    port = f":{url.port}" if url.port else ""
    return f"database {url.database!r} at {host}{port}"


def engine_of(settings: DatabaseSettings, schema: str, **options: Any) -> AsyncEngine:  # noqa: ANN401
    """An engine whose connections look into `schema` first and give up on time.

    A client that vanished in the middle of a transaction must not hold its locks: the server ends such a
    session after a minute.
    """
    return create_async_engine(
        url_of(settings),
        connect_args={
            "timeout": CONNECT_SECONDS,
            "command_timeout": options.pop("command_timeout", COMMAND_SECONDS),
            "server_settings": {
                "search_path": schema,
                "application_name": f"executor-{schema}",
                "idle_in_transaction_session_timeout": "60000",
            },
        },
        hide_parameters=True,
        **options,
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it wraps, down to the driver's own."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = getattr(cause, "orig", None) or cause.__cause__


def is_away(error: BaseException) -> bool:
    """Whether an error means that the database cannot be used now, not that a statement is wrong."""
    if isinstance(error, ExecutorError) or not isinstance(error, SQLAlchemyError | TimeoutError | OSError):
        return False
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    return isinstance(error, _AWAY) or any(isinstance(cause, tuple(_REASONS)) for cause in _causes(error))


@contextmanager
def reached(url: URL) -> Generator[None]:
    """Tell the driver's failures to reach the database as `UnavailableError`."""
    try:
        yield
    except Exception as error:
        if not is_away(error):
            raise
        raise UnavailableError(
            f"The {place_of(url)} cannot be used: {_why(error)}. Nothing was stored.",
            details={"dependency": "database"},
        ) from error


def _why(error: BaseException) -> str:
    """A reason without the driver's text, which may repeat what was sent."""
    for cause in _causes(error):
        for kind, reason in _REASONS.items():
            if isinstance(cause, kind):
                return reason
    return "it cannot be reached"
