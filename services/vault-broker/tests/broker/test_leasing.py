"""What a grant gets, and what nothing else gets."""

import asyncio
import base64
import time
from typing import Any

import msgspec
import pytest

from executor_shared.bus import MemoryHub
from executor_shared.contracts import vault_broker as contracts
from executor_shared.errors import (
    Code,
    CredentialUnavailableError,
    ExecutorError,
    GrantRefusedError,
    NotFoundError,
)
from executor_shared.grants import GrantSigner
from executor_shared.settings import DatabaseSettings

from .house import BASIC, CONNECTION, ORIGIN, SIGNER, House, grant_of, opened, settings_of

pytestmark = pytest.mark.connected
SECRET = {"token": "s3cret-token"}


async def test_a_granted_call_gets_the_credential_rendered(house: House):
    stored = await house.store(SECRET)
    leased = await house.lease(grant_of(stored.credential))
    assert leased is not None
    (injection,) = leased.injections
    assert (injection.carrier, injection.name) == ("header", "Authorization")
    assert injection.value == "Bearer s3cret-token"
    assert leased.secrets == ("s3cret-token",)
    assert leased.reuse == 10.0
    assert leased.expires_at > time.time()


async def test_a_basic_credential_is_sent_in_base64_and_both_forms_are_secret(house: House):
    stored = await house.store({"username": "ann", "password": "pä:ss"}, method=BASIC)
    leased = await house.lease(grant_of(stored.credential))
    assert leased is not None
    encoded = base64.b64encode("ann:pä:ss".encode()).decode()
    assert leased.injections[0].value == f"Basic {encoded}"
    assert set(leased.secrets) == {"pä:ss", encoded}


async def test_a_lease_for_anything_but_reading_is_not_reused(house: House):
    stored = await house.store(SECRET)
    leased = await house.lease(grant_of(stored.credential, effect="write"))
    assert leased is not None
    assert leased.reuse == 0.0


@pytest.mark.parametrize("effect", ["read", "write", "destructive"])
async def test_a_grant_is_good_once(house: House, effect: str):
    stored = await house.store(SECRET)
    grant = grant_of(stored.credential, effect=effect)
    assert await house.lease(grant)
    with pytest.raises(GrantRefusedError, match="used before"):
        await house.lease(grant)
    with pytest.raises(GrantRefusedError, match="used before"):
        await house.lease(msgspec.structs.replace(grant, origin=ORIGIN))


async def test_a_grant_without_credential_is_only_spent(house: House):
    grant = grant_of(None, effect="write")
    assert await house.lease(grant) is None
    with pytest.raises(GrantRefusedError, match="used before"):
        await house.lease(grant)


async def test_a_forged_or_altered_grant_gets_nothing(house: House):
    stored = await house.store(SECRET)
    signed = SIGNER.sign(grant_of(stored.credential))
    version, payload, signature = signed.split(".")
    other = SIGNER.sign(grant_of(stored.credential)).split(".")[1]
    forged = [
        GrantSigner(bytes(32)).sign(grant_of(stored.credential)),
        f"{version}.{other}.{signature}",
        f"{version}.{payload[:-2]}AA.{signature}",
        f"{version}.{payload}.",
        f"v2.{payload}.{signature}",
        "",
        "x" * 9000,
    ]
    for attempt in forged:
        with pytest.raises(GrantRefusedError, match="not genuine"):
            await house.lease(attempt)
    assert await house.lease(signed)


@pytest.mark.parametrize(
    "past", [{"deadline": time.time() - 1}, {"issued_at": time.time() + 3600, "deadline": time.time() + 7200}]
)
async def test_a_grant_out_of_its_time_gets_nothing(house: House, past: dict[str, Any]):
    stored = await house.store(SECRET)
    with pytest.raises(GrantRefusedError):
        await house.lease(grant_of(stored.credential, **past))
    assert await house.lease(grant_of(stored.credential))


async def test_another_tenant_gets_nothing(house: House):
    stored = await house.store(SECRET)
    with pytest.raises(CredentialUnavailableError):
        await house.lease(grant_of(stored.credential, tenant="other"))
    with pytest.raises(NotFoundError):
        await house.facts(stored.credential, tenant="other")
    await house.delete(stored.credential, tenant="other")
    assert await house.sent(stored.credential) == "Bearer s3cret-token"


@pytest.mark.parametrize(
    "origin",
    [
        "https://crm.example:8443",
        "http://crm.example:443",
        "https://evil.example:443",
        "https://crm.example:443/",
        "https://CRM.example:443",
        "https://crm.example.:443",
        "",
    ],
)
async def test_another_origin_gets_nothing_and_spends_nothing(house: House, origin: str):
    stored = await house.store(SECRET)
    grant = grant_of(stored.credential, effect="write", origin=origin)
    with pytest.raises(ExecutorError) as refused:
        await house.lease(grant)
    assert refused.value.code == Code.CONNECTION_REJECTED
    assert "store the credential again" in refused.value.message
    assert await house.lease(msgspec.structs.replace(grant, origin=ORIGIN))


async def test_a_credential_confirmed_for_a_new_origin_goes_there_only(house: House):
    first = await house.store(SECRET)
    moved = await house.store(SECRET, origin="https://new.example:443")
    assert (moved.credential, moved.version, moved.changed) == (first.credential, 2, True)
    assert await house.sent(moved.credential, origin="https://new.example:443") == "Bearer s3cret-token"
    with pytest.raises(ExecutorError, match="was stored for"):
        await house.lease(grant_of(moved.credential))


async def test_an_org_credential_stored_by_one_person_serves_another(house: House):
    """D7: the credential belongs to the connection, not to whoever stored it."""
    stored = await house.store(SECRET, connection="crm/org/main")
    assert await house.sent(stored.credential, subject="alice") == "Bearer s3cret-token"
    assert await house.sent(stored.credential, subject="bob") == "Bearer s3cret-token"
    assert (await house.store(SECRET, connection="crm/org/main")).credential == stored.credential


async def test_a_deleted_credential_is_gone_at_once(house: House, hub: MemoryHub):
    stored = await house.store(SECRET)
    assert await house.sent(stored.credential)
    await house.delete(stored.credential)
    with pytest.raises(CredentialUnavailableError):
        await house.lease(grant_of(stored.credential))
    await house.delete(stored.credential)
    assert any(subject == contracts.CREDENTIAL_CHANGED.subject for subject, _ in hub.taps)


async def test_a_bad_public_key_gets_nothing(house: House):
    stored = await house.store(SECRET)
    grant = grant_of(stored.credential, effect="write")
    for key in (b"", bytes(31), bytes(32)):
        asked = contracts.LeaseCredential(grant=SIGNER.sign(grant), public_key=key)
        with pytest.raises(ExecutorError) as refused:
            await house.adapters.request(contracts.LEASE_CREDENTIAL, asked)
        assert refused.value.code == Code.INVALID_REQUEST
    assert await house.lease(grant)


@pytest.mark.parametrize("with_credential", [True, False])
async def test_replicas_over_one_database_spend_a_grant_once(
    migrated: DatabaseSettings, with_credential: bool
):
    settings = settings_of(migrated)
    async with opened(MemoryHub(), settings) as one, opened(MemoryHub(), settings) as two:
        stored = await one.store(SECRET)
        for _ in range(20):
            grant = grant_of(stored.credential if with_credential else None, effect="write")
            racers = [house.lease(grant) for house in (one, two) * 3]
            results = await asyncio.gather(*racers, return_exceptions=True)
            refused = [r for r in results if isinstance(r, GrantRefusedError)]
            assert len(refused) == 5
            assert len(results) == 6


async def test_replicas_have_one_sealing_key_and_see_a_new_version_at_once(migrated: DatabaseSettings):
    hub, settings = MemoryHub(), settings_of(migrated)
    async with opened(hub, settings) as house, opened(hub, settings):
        stored = await house.store(SECRET)
        for _ in range(4):
            assert await house.sent(stored.credential) == "Bearer s3cret-token"
        for turn in range(4):
            await house.store({"token": f"new-{turn}"})
            assert await house.sent(stored.credential) == f"Bearer new-{turn}"
            assert await house.sent(stored.credential) == f"Bearer new-{turn}"


async def test_facts_say_when_it_was_leased_without_a_value(migrated: DatabaseSettings):
    settings = settings_of(migrated)
    async with opened(MemoryHub(), settings) as house:
        stored = await house.store(SECRET)
        fresh = await house.facts(stored.credential)
        assert fresh.last_leased_at is None
        await house.lease(grant_of(stored.credential))
    async with opened(MemoryHub(), settings) as house:
        facts = await house.facts(stored.credential)
    assert facts.last_leased_at is not None
    assert _timeless(facts) == _timeless(fresh)
    assert (facts.connection, facts.origin, facts.method, facts.version) == (CONNECTION, ORIGIN, "bearer", 1)
    assert "s3cret" not in msgspec.json.encode(facts).decode()


def _timeless(facts: contracts.CredentialFacts) -> contracts.CredentialFacts:
    return msgspec.structs.replace(facts, last_leased_at=None)
