"""What every credential store promises: the embedded one, Vault's stand-in, and a real Vault where there is one."""

import asyncio
import os
from collections.abc import AsyncGenerator

import pytest
import pytest_asyncio

from executor_shared.clock import SystemClock
from executor_shared.db import Database
from executor_shared.errors import ConflictError
from executor_shared.ids import new_credential_ref
from executor_vault_broker.compose import opened_safe
from executor_vault_broker.domain.keyring import KeyRing
from executor_vault_broker.domain.ports import CredentialStore
from executor_vault_broker.domain.record import Key, Record

from .house import BASIC, BEARER, MASTER, ORIGIN, settings_of

pytestmark = pytest.mark.connected


@pytest_asyncio.fixture(params=["embedded", "standin", pytest.param("real", marks=pytest.mark.vault)])
async def store(request: pytest.FixtureRequest, db: Database) -> AsyncGenerator[CredentialStore]:
    """A store without a cache before it."""
    database = request.getfixturevalue("migrated")
    chosen = None
    if request.param == "standin":
        chosen = request.getfixturevalue("vault")
    elif request.param == "real":
        if not (os.environ.get("VAULT_ADDR") and os.environ.get("VAULT_TOKEN")):
            pytest.skip(
                "needs VAULT_ADDR and VAULT_TOKEN of a server with a KV version 2 engine at executor/"
            )
        chosen = {
            "address": os.environ["VAULT_ADDR"],
            "auth": "token",
            "token": os.environ["VAULT_TOKEN"],
            "namespace": os.environ.get("VAULT_NAMESPACE"),
            "ca_file": os.environ.get("VAULT_CACERT"),
        }
    settings = settings_of(database, vault=chosen)
    async with opened_safe(settings, db, KeyRing(MASTER), SystemClock()) as safe:
        yield safe.store


@pytest_asyncio.fixture
async def key(store: CredentialStore) -> AsyncGenerator[Key]:
    """A credential that is removed afterwards."""
    mine = Key("default", new_credential_ref())
    yield mine
    await store.destroy(mine)


def record(token: str) -> Record:
    return Record(connection="crm/org/main", origin=ORIGIN, method=BEARER, values={"token": token})


async def test_a_version_comes_back_as_it_was_put(store: CredentialStore, key: Key):
    whole = Record(
        connection="crm/team:sales/west",
        origin=ORIGIN,
        method=BASIC,
        values={"username": "ann", "password": "p:ä\u2603 {username}"},
    )
    version = await store.put(key, whole)
    assert await store.get(key, version) == whole


async def test_versions_go_up_and_earlier_ones_stay(store: CredentialStore, key: Key):
    versions = [await store.put(key, record(f"t{n}")) for n in range(3)]
    assert versions == sorted(set(versions))
    for n, version in enumerate(versions):
        assert await store.get(key, version) == record(f"t{n}")


async def test_a_dropped_version_is_gone_and_its_number_is_not_used_again(store: CredentialStore, key: Key):
    first = await store.put(key, record("one"))
    second = await store.put(key, record("two"))
    await store.drop(key, second)
    await store.drop(key, second)
    assert await store.get(key, second) is None
    assert await store.get(key, first) == record("one")
    third = await store.put(key, record("three"))
    assert third > second
    assert await store.get(key, third) == record("three")


async def test_a_destroyed_credential_has_no_version_left(store: CredentialStore, key: Key):
    versions = [await store.put(key, record(f"t{n}")) for n in range(2)]
    await store.destroy(key)
    await store.destroy(key)
    assert [await store.get(key, version) for version in versions] == [None, None]


async def test_what_is_not_there_is_told_as_nothing(store: CredentialStore, key: Key):
    assert await store.get(key, 1) is None
    version = await store.put(key, record("one"))
    assert await store.get(key, version + 1) is None
    assert await store.get(Key("other", key.ref), version) is None
    await store.drop(Key("other", key.ref), version)
    assert await store.get(key, version) == record("one")


async def test_two_who_put_at_once_never_share_a_version(store: CredentialStore, key: Key):
    await store.put(key, record("first"))
    racing = [store.put(key, record(f"racer-{n}")) for n in range(6)]
    results = await asyncio.gather(*racing, return_exceptions=True)
    won = {n: r for n, r in enumerate(results) if isinstance(r, int)}
    assert won
    assert len(set(won.values())) == len(won)
    assert all(isinstance(r, int | ConflictError) for r in results)
    for n, version in won.items():
        assert await store.get(key, version) == record(f"racer-{n}")
