"""Fixtures of the broker's tests: a house on each store."""

from collections.abc import AsyncGenerator, Generator
from typing import Any

import pytest
import pytest_asyncio
from tests.standins.vault import VaultStandIn

from executor_shared.bus import MemoryHub
from executor_shared.db import Database, migrate
from executor_shared.settings import DatabaseSettings

from .house import House, opened, settings_of


@pytest_asyncio.fixture
async def migrated(database: DatabaseSettings) -> DatabaseSettings:
    """A migrated database of the test's own."""
    await migrate(database, "executor_vault_broker.storage.migrations", schema="vault_broker")
    return database


@pytest_asyncio.fixture
async def db(migrated: DatabaseSettings) -> AsyncGenerator[Database]:
    """Its pool."""
    async with Database.open(migrated, schema="vault_broker") as pool:
        yield pool


@pytest.fixture
def standin() -> Generator[VaultStandIn]:
    """A Vault stand-in of the test's own."""
    with VaultStandIn.running() as running:
        yield running


@pytest.fixture
def vault(standin: VaultStandIn) -> dict[str, Any]:
    """Settings for it, with its root token."""
    return {
        "address": standin.address,
        "auth": "token",
        "token": standin.root,
        "timeout": 2.0,
        "external": ("kv/{tenant}",),
    }


@pytest_asyncio.fixture(params=["embedded", "vault"])
async def house(
    request: pytest.FixtureRequest, hub: MemoryHub, migrated: DatabaseSettings
) -> AsyncGenerator[House]:
    """The same promises on both stores."""
    chosen = request.getfixturevalue("vault") if request.param == "vault" else None
    async with opened(hub, settings_of(migrated, vault=chosen)) as running:
        yield running


@pytest_asyncio.fixture
async def house_on_vault(
    hub: MemoryHub, migrated: DatabaseSettings, vault: dict[str, Any]
) -> AsyncGenerator[House]:
    """A house that keeps its credentials in Vault."""
    async with opened(hub, settings_of(migrated, vault=vault)) as running:
        yield running
