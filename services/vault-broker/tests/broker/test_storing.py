"""Storing, taking back, and what is refused."""

import asyncio
from typing import Any

import pytest

from executor_shared.bus import MemoryHub
from executor_shared.contracts.vault_broker import CREDENTIAL_CHANGED
from executor_shared.contracts.vocabulary import AuthMethod, Placement
from executor_shared.errors import (
    Code,
    ConflictError,
    CredentialUnavailableError,
    ExecutorError,
    InvalidRequestError,
    NotFoundError,
)

from .house import BASIC, BEARER, CONNECTION, ORIGIN, TENANT, House, grant_of

pytestmark = pytest.mark.connected
SECRET = {"token": "s3cret-token"}


def said(hub: MemoryHub) -> int:
    return sum(subject == CREDENTIAL_CHANGED.subject for subject, _ in hub.taps)


async def test_the_same_values_again_change_nothing(house: House, hub: MemoryHub):
    first = await house.store(SECRET)
    again = await house.store(SECRET)
    assert (first.version, first.changed) == (1, True)
    assert (again.credential, again.version, again.changed) == (first.credential, 1, False)
    assert said(hub) == 1


@pytest.mark.parametrize(
    "different",
    [
        {"values": {"token": "another"}},
        {"origin": "https://crm.example:8443"},
        {
            "method": AuthMethod(
                name="key", type="api_key", placements=(Placement(carrier="query", name="k"),)
            )
        },
    ],
)
async def test_anything_different_is_a_new_version_and_is_announced(
    house: House, hub: MemoryHub, different: dict[str, Any]
):
    first = await house.store(SECRET)
    asked: dict[str, Any] = {"values": SECRET, **different}
    second = await house.store(**asked)
    assert (second.credential, second.version, second.changed) == (first.credential, 2, True)
    assert said(hub) == 2


async def test_connections_and_tenants_have_credentials_of_their_own(house: House):
    one = await house.store(SECRET)
    two = await house.store({"token": "two"}, connection="crm/org/other")
    three = await house.store({"token": "three"}, tenant="other")
    assert len({one.credential, two.credential, three.credential}) == 3
    assert await house.sent(one.credential) == "Bearer s3cret-token"
    assert await house.sent(two.credential) == "Bearer two"
    assert await house.sent(three.credential, tenant="other") == "Bearer three"


@pytest.mark.parametrize("sealed_for", [("other", CONNECTION), (TENANT, "crm/org/other")])
async def test_values_sealed_for_something_else_are_refused(house: House, sealed_for: tuple[str, str]):
    with pytest.raises(InvalidRequestError, match="cannot be opened"):
        await house.store(SECRET, sealed_for=sealed_for)
    assert (await house.store(SECRET)).changed


async def test_a_reverted_version_gives_way_to_the_one_before(house: House):
    first = await house.store(SECRET)
    second = await house.store({"token": "wrong"}, origin="https://new.example:443")
    await house.revert(second.credential, second.version)
    await house.revert(second.credential, second.version)
    assert await house.sent(first.credential) == "Bearer s3cret-token"
    facts = await house.facts(first.credential)
    assert (facts.version, facts.origin) == (1, ORIGIN)
    third = await house.store({"token": "third"})
    assert third.version == 3
    assert await house.sent(first.credential) == "Bearer third"


async def test_reverting_the_only_version_forgets_the_credential(house: House):
    stored = await house.store(SECRET)
    await house.revert(stored.credential, stored.version)
    with pytest.raises(NotFoundError):
        await house.facts(stored.credential)
    with pytest.raises(CredentialUnavailableError):
        await house.lease(grant_of(stored.credential))
    assert (await house.store(SECRET)).changed


async def test_a_version_that_is_not_the_newest_is_not_taken_back(house: House):
    first = await house.store(SECRET)
    await house.store({"token": "two"})
    with pytest.raises(ConflictError, match="newer"):
        await house.revert(first.credential, first.version)
    assert await house.sent(first.credential) == "Bearer two"


async def test_two_who_store_at_once_leave_one_whole_credential(house: House):
    racing = [house.store({"token": f"racer-{n}"}) for n in range(6)]
    results = await asyncio.gather(*racing, return_exceptions=True)
    won = [r for r in results if not isinstance(r, BaseException)]
    assert won
    assert all(isinstance(r, ConflictError) for r in results if isinstance(r, BaseException))
    assert len({r.credential for r in won}) == 1
    newest = max(won, key=lambda r: r.version)
    assert (await house.facts(newest.credential)).version == newest.version
    winner = results.index(newest)
    assert await house.sent(newest.credential) == f"Bearer racer-{winner}"


@pytest.mark.parametrize("values", [{}, {"token": ""}, {"username": "ann"}])
async def test_a_missing_value_is_named(house: House, values: dict[str, str]):
    with pytest.raises(ExecutorError, match="'token' is missing") as refused:
        await house.store(values)
    assert refused.value.code == Code.CONNECTION_VALUE_MISSING
    assert refused.value.details["field"] == "token"


@pytest.mark.parametrize(
    "value",
    [
        "a\r\nb",
        "a\nb",
        "secret\n",
        "a\0b",
        "a\tb",
        "a\x7fb",
        "a\u2028b",
        "clé",
        " lead",
        "trail ",
        "x" * 9000,
    ],
)
async def test_a_value_that_cannot_stand_in_a_header_is_refused_and_not_repeated(house: House, value: str):
    with pytest.raises(InvalidRequestError, match="token") as refused:
        await house.store({"token": value}, method=_raw("X-Key"))
    assert value.strip() not in refused.value.message
    assert (await house.store({"token": "good value!"}, method=_raw("X-Key"))).changed


def _raw(name: str, carrier: Any = "header", value: str = "{token}") -> AuthMethod:
    places = (Placement(carrier=carrier, name=name, value=value),)
    return AuthMethod(name="custom", type="custom", placements=places)


@pytest.mark.parametrize(
    ("carrier", "name"),
    [
        *(("header", name) for name in ("Host", "content-length", "Transfer-Encoding", "Connection", "TE")),
        *(("header", name) for name in ("Cookie", "Proxy-Authorization", "Mcp-Session-Id", "Upgrade", "")),
        *(("header", name) for name in ("X-Key\r\nHost", "X Key", "X:Key", "X-Schlüssel")),
        *(("env", name) for name in ("LD_PRELOAD", "PATH", "PYTHONPATH", "NODE_OPTIONS", "A=B", "1A")),
        *(("cookie", name) for name in ("a=b", "a;b", "")),
        *(("query", name) for name in ("", "a b", "a\nb")),
    ],
)
async def test_a_placement_that_could_harm_the_request_is_refused(house: House, carrier: str, name: str):
    with pytest.raises(InvalidRequestError) as refused:
        await house.store(SECRET, method=_raw(name, carrier))
    assert refused.value.details["field"] == "method.placements[0].name"


async def test_what_a_placement_names_must_be_an_input(house: House):
    with pytest.raises(InvalidRequestError, match="not an input"):
        await house.store(SECRET, method=_raw("X-Key", value="{tokne}"))
    with pytest.raises(InvalidRequestError, match="input in braces"):
        await house.store(SECRET, method=_raw("X-Key", value="fixed"))
    with pytest.raises(InvalidRequestError, match="not an input"):
        await house.store({**SECRET, "more": "x"})


async def test_a_basic_credential_may_have_no_password_but_no_colon_in_its_name(house: House):
    assert (await house.store({"username": "api-key", "password": ""}, method=BASIC)).changed
    with pytest.raises(InvalidRequestError, match="colon"):
        await house.store({"username": "a:b", "password": "c"}, method=BASIC)
    with pytest.raises(ExecutorError, match="missing"):
        await house.store({"username": "", "password": ""}, method=BASIC)


@pytest.mark.parametrize(
    "where",
    [
        {"tenant": "../other"},
        {"tenant": ""},
        {"connection": "crm/org"},
        {"connection": "crm/org/a/b"},
        {"origin": "https://crm.example"},
        {"origin": "https://user@crm.example:443"},
        {"origin": "ftp://crm.example:21"},
    ],
)
async def test_a_place_of_another_form_is_refused(house: House, where: dict[str, Any]):
    with pytest.raises(InvalidRequestError) as refused:
        await house.store(SECRET, **where)
    assert refused.value.details["field"] == next(iter(where))


async def test_either_values_or_a_name_must_be_given(house: House):
    with pytest.raises(InvalidRequestError, match="either"):
        await house.store(None)
    with pytest.raises(InvalidRequestError, match="either"):
        await house.store(SECRET, external="kv/default/crm#key", method=BEARER)
