"""The store in Vault: logging in, failing closed, and never holding up the loop."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.standins.vault import VaultStandIn
from tests.standins.vault.answers import Asked

from executor_shared.bus import MemoryHub
from executor_shared.clock import FakeClock
from executor_shared.db import Database
from executor_shared.errors import CredentialUnavailableError, InvalidRequestError
from executor_shared.settings import DatabaseSettings
from executor_vault_broker.compose import opened_safe
from executor_vault_broker.domain.keyring import KeyRing
from executor_vault_broker.domain.ports import CredentialStore
from executor_vault_broker.domain.record import Key, Record

from .house import BEARER, MASTER, ORIGIN, grant_of, opened, settings_of

pytestmark = pytest.mark.connected
RECORD = Record(connection="crm/org/main", origin=ORIGIN, method=BEARER, values={"token": "s3cret"})
KEY = Key("default", "cred_a")
POLICY = """
path "executor/data/t/+/c/+" { capabilities = ["create", "read", "update"] }
path "executor/metadata/t/+/c/+" { capabilities = ["read"] }
"""


def asked(method: str, path: str, token: str, **body: Any) -> Asked:
    return Asked(method=method, path=path, body=body, token=token)


def with_role(standin: VaultStandIn, **settings: Any) -> dict[str, Any]:
    """A role in the stand-in, and the broker's settings for it."""
    answer, root = standin.system.answer, standin.root
    answer(asked("PUT", "sys/policies/acl/broker", root, policy=POLICY))
    answer(asked("POST", "auth/approle/role/broker", root, token_policies=["broker"], **settings))
    role_id = answer(asked("GET", "auth/approle/role/broker/role-id", root)).body["data"]["role_id"]
    secret = answer(asked("POST", "auth/approle/role/broker/secret-id", root)).body["data"]["secret_id"]
    return {"address": standin.address, "auth": "approle", "role_id": role_id, "secret_id": secret}


@asynccontextmanager
async def store_on(
    db: Database, database: DatabaseSettings, vault: dict[str, Any], clock: FakeClock | None = None
) -> AsyncGenerator[CredentialStore]:
    """The bare store."""
    settings = settings_of(database, vault=vault)
    async with opened_safe(settings, db, KeyRing(MASTER), clock or FakeClock()) as safe:
        yield safe.store


def logins(standin: VaultStandIn) -> int:
    return sum(path == "/v1/auth/approle/login" for _, path, _ in standin.requests)


def renewals(standin: VaultStandIn) -> int:
    return sum(path == "/v1/auth/token/renew-self" for _, path, _ in standin.requests)


async def test_approle_logs_in_once_renews_and_logs_in_again_at_the_end_of_its_life(
    db: Database, migrated: DatabaseSettings, standin: VaultStandIn
):
    vault = with_role(standin, token_ttl="10m", token_max_ttl="30m")
    clock = FakeClock(standin.clock.seconds)

    def forward(seconds: float) -> None:
        clock.forward(seconds)
        standin.clock.seconds += seconds

    async with store_on(db, migrated, vault, clock) as store:
        version = await store.put(KEY, RECORD)
        assert await store.get(KEY, version) == RECORD
        assert (logins(standin), renewals(standin)) == (1, 0)
        forward(301)
        assert await store.get(KEY, version) == RECORD
        assert (logins(standin), renewals(standin)) == (1, 1)
        for _ in range(20):
            forward(301)
            assert await store.get(KEY, version) == RECORD
        assert 2 <= logins(standin) <= 6
        forward(7200)
        assert await store.get(KEY, version) == RECORD


async def test_a_revoked_token_is_replaced_and_a_refusing_policy_does_not_lead_to_a_storm(
    db: Database, migrated: DatabaseSettings, standin: VaultStandIn
):
    vault = with_role(standin, token_ttl="1h")
    clock = FakeClock(standin.clock.seconds)
    async with store_on(db, migrated, vault, clock) as store:
        version = await store.put(KEY, RECORD)
        standin.system.tokens.by_id = {standin.root: standin.system.tokens.by_id[standin.root]}
        clock.forward(6)
        assert await store.get(KEY, version) == RECORD
        assert logins(standin) == 2
        standin.system.policies.by_name["broker"] = ""
        for _ in range(10):
            with pytest.raises(CredentialUnavailableError, match="its policy does not allow"):
                await store.get(KEY, version)
        assert logins(standin) == 2


@pytest.mark.parametrize(
    "spoilt",
    [
        {"settings": {"secret_id_num_uses": 1}, "logins_before": 1},
        {"settings": {"secret_id_ttl": "60s"}, "seconds_before": 61},
        {"settings": {}, "secret_id": "wrong"},
        {"settings": {}, "role_id": "wrong"},
    ],
)
async def test_a_login_that_vault_refuses_is_told_in_plain_words(
    db: Database, migrated: DatabaseSettings, standin: VaultStandIn, spoilt: dict[str, Any]
):
    vault = with_role(standin, token_ttl="1h", **spoilt["settings"])
    secret_id = vault["secret_id"]
    for _ in range(spoilt.get("logins_before", 0)):
        standin.system.answer(
            asked("POST", "auth/approle/login", "", role_id=vault["role_id"], secret_id=secret_id)
        )
    standin.clock.seconds += spoilt.get("seconds_before", 0)
    vault |= {name: spoilt[name] for name in ("role_id", "secret_id") if name in spoilt}
    async with store_on(db, migrated, vault) as store:
        with pytest.raises(CredentialUnavailableError, match="role id or secret id") as refused:
            await store.put(KEY, RECORD)
        assert secret_id not in refused.value.message


async def test_a_token_is_renewed_and_an_ended_one_is_told(
    db: Database, migrated: DatabaseSettings, standin: VaultStandIn
):
    token = standin.system.tokens.issue(["broker", "default"], ttl=600)
    standin.system.policies.by_name["broker"] = POLICY
    clock = FakeClock(standin.clock.seconds)
    vault = {"address": standin.address, "auth": "token", "token": token.id}
    async with store_on(db, migrated, vault, clock) as store:
        version = await store.put(KEY, RECORD)
        for _ in range(5):
            clock.forward(301)
            standin.clock.seconds += 301
            assert await store.get(KEY, version) == RECORD
        assert renewals(standin) == 5
        standin.clock.seconds += 3600
        with pytest.raises(CredentialUnavailableError, match="token has ended"):
            await store.get(KEY, version)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("sealed", "sealed or in standby"),
        ("standby", "redirect, which is not followed"),
        ("overloaded", "refuses more requests"),
        ("broken", "failed inside"),
    ],
)
async def test_a_vault_that_cannot_answer_releases_nothing_and_spends_nothing(
    migrated: DatabaseSettings, standin: VaultStandIn, vault: dict[str, Any], state: Any, words: str
):
    async with opened(MemoryHub(), settings_of(migrated, vault=vault, cache=0)) as house:
        stored = await house.store({"token": "s3cret"})
        grant = grant_of(stored.credential, effect="write")
        standin.state = state
        with VaultStandIn.running() as elsewhere:
            standin.elsewhere = elsewhere.address
            with pytest.raises(CredentialUnavailableError, match=words):
                await house.lease(grant)
            with pytest.raises(CredentialUnavailableError, match=words):
                await house.store({"token": "new"})
            with pytest.raises(CredentialUnavailableError, match=words):
                await house.delete(stored.credential)
            assert elsewhere.requests == []
        standin.state = "active"
        assert (await house.facts(stored.credential)).version == 1
        assert await house.lease(grant)


async def test_a_vault_that_is_not_there_releases_nothing(
    migrated: DatabaseSettings, vault: dict[str, Any], standin: VaultStandIn
):
    async with opened(MemoryHub(), settings_of(migrated, vault=vault)) as house:
        stored = await house.store({"token": "s3cret"})
    nowhere = {**vault, "address": "http://127.0.0.1:1"}
    async with opened(MemoryHub(), settings_of(migrated, vault=nowhere)) as house:
        with pytest.raises(CredentialUnavailableError, match="cannot be reached"):
            await house.lease(grant_of(stored.credential))


async def test_a_remembered_credential_is_released_only_for_a_while_when_vault_is_down(
    migrated: DatabaseSettings, standin: VaultStandIn, vault: dict[str, Any]
):
    async with opened(MemoryHub(), settings_of(migrated, vault=vault)) as house:
        stored = await house.store({"token": "s3cret"})
        assert await house.sent(stored.credential) == "Bearer s3cret"
        reads = len(standin.requests)
        standin.state = "sealed"
        assert await house.sent(stored.credential) == "Bearer s3cret"
        assert len(standin.requests) == reads


async def test_what_was_removed_in_vault_is_gone_and_can_be_stored_again(
    migrated: DatabaseSettings, standin: VaultStandIn, vault: dict[str, Any]
):
    async with opened(MemoryHub(), settings_of(migrated, vault=vault, cache=0)) as house:
        stored = await house.store({"token": "s3cret"})
        standin.system.kv["executor"].secrets.clear()
        with pytest.raises(CredentialUnavailableError, match="store it again"):
            await house.lease(grant_of(stored.credential))


async def test_what_was_deleted_in_vault_is_repaired_by_storing_the_same_again(
    migrated: DatabaseSettings, standin: VaultStandIn, vault: dict[str, Any]
):
    async with opened(MemoryHub(), settings_of(migrated, vault=vault, cache=0)) as house:
        stored = await house.store({"token": "s3cret"})
        (secret,) = standin.system.kv["executor"].secrets.values()
        secret.versions[1].deleted = "2026-01-01T00:00:00Z"
        again = await house.store({"token": "s3cret"})
        assert (again.credential, again.changed) == (stored.credential, True)
        assert await house.sent(again.credential) == "Bearer s3cret"


async def test_hvac_never_holds_up_the_loop_and_its_wait_ends(
    migrated: DatabaseSettings, standin: VaultStandIn, vault: dict[str, Any]
):
    async with opened(MemoryHub(), settings_of(migrated, vault={**vault, "timeout": 0.5}, cache=0)) as house:
        stored = await house.store({"token": "s3cret"})
        standin.hold.set()
        longest, stop = 0.0, asyncio.Event()

        async def watch() -> None:
            nonlocal longest
            while not stop.is_set():
                before = time.perf_counter()
                await asyncio.sleep(0.005)
                longest = max(longest, time.perf_counter() - before)

        watching = asyncio.create_task(watch())
        began = time.perf_counter()
        leases = [house.lease(grant_of(stored.credential, call=f"call_{n}")) for n in range(20)]
        results = await asyncio.gather(*leases, return_exceptions=True)
        took = time.perf_counter() - began
        stop.set()
        await watching
        standin.hold.clear()
        standin.release.set()
        assert all(isinstance(r, CredentialUnavailableError) for r in results)
        assert "did not answer in time" in str(results[0])
        assert took < 2.0
        assert longest < 0.25
        async with asyncio.timeout(10):
            while True:
                try:
                    assert await house.sent(stored.credential) == "Bearer s3cret"
                except CredentialUnavailableError:  # its threads come back one by one
                    continue
                break


@pytest.mark.parametrize(
    "key", [Key("..", "cred_a"), Key("t/../x", "c"), Key("default", "../../sys"), Key("a", "")]
)
async def test_no_name_leads_out_of_its_folder(
    db: Database, migrated: DatabaseSettings, standin: VaultStandIn, vault: dict[str, Any], key: Key
):
    async with store_on(db, migrated, vault) as store:
        for work in (store.put(key, RECORD), store.get(key, 1), store.drop(key, 1), store.destroy(key)):
            with pytest.raises(InvalidRequestError):
                await work
    assert standin.requests == []


async def test_the_namespace_goes_with_every_request(
    db: Database, migrated: DatabaseSettings, standin: VaultStandIn, vault: dict[str, Any]
):
    standin.namespace = "company/team"
    async with store_on(db, migrated, {**vault, "namespace": "company/team"}) as store:
        assert await store.get(KEY, await store.put(KEY, RECORD)) == RECORD
    assert {namespace for _, _, namespace in standin.requests} == {"company/team"}
    async with store_on(db, migrated, {**vault, "namespace": "another"}) as store:
        with pytest.raises(CredentialUnavailableError):
            await store.put(KEY, RECORD)


async def test_neither_token_nor_proxy_is_taken_from_the_environment(
    db: Database,
    migrated: DatabaseSettings,
    standin: VaultStandIn,
    monkeypatch: pytest.MonkeyPatch,
):
    with VaultStandIn.running() as proxy:
        monkeypatch.setenv("http_proxy", proxy.address)
        monkeypatch.setenv("HTTP_PROXY", proxy.address)
        monkeypatch.setenv("VAULT_TOKEN", standin.root)
        vault = with_role(standin, token_ttl="1h")
        async with store_on(db, migrated, vault) as store:
            assert await store.get(KEY, await store.put(KEY, RECORD)) == RECORD
        async with store_on(db, migrated, {**vault, "secret_id": "wrong"}) as store:
            with pytest.raises(CredentialUnavailableError):
                await store.get(KEY, 1)
        assert proxy.requests == []
