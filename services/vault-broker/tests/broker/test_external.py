"""Secrets that somebody else keeps in Vault."""

import pytest
from tests.standins.vault import VaultStandIn
from tests.standins.vault.answers import Asked
from tests.standins.vault.kv import KeyValues

from executor_shared.errors import ExecutorError, InvalidRequestError, NotPermittedError

from .house import BASIC, TENANT, House, grant_of

pytestmark = pytest.mark.connected


def external(standin: VaultStandIn, path: str, **fields: str) -> None:
    """A secret that somebody else keeps."""
    mount, _, rest = path.partition("/")
    if mount not in standin.system.kv:
        standin.system.kv[mount] = KeyValues(standin.clock)
    standin.system.answer(Asked("POST", f"{mount}/data/{rest}", {"data": fields}, standin.root))


async def test_an_external_secret_is_read_when_it_is_leased(house_on_vault: House, standin: VaultStandIn):
    external(standin, "kv/default/crm", key="from-vault", other="x")
    stored = await house_on_vault.store(external="vault: kv/default/crm#key")
    assert await house_on_vault.sent(stored.credential) == "Bearer from-vault"
    assert not (await house_on_vault.store(external="kv/default/crm#key")).changed


async def test_every_field_of_an_external_secret_may_be_an_input(
    house_on_vault: House, standin: VaultStandIn
):
    external(standin, "kv/default/basic", username="ann", password="from-vault")
    stored = await house_on_vault.store(external="kv/default/basic", method=BASIC)
    assert (await house_on_vault.sent(stored.credential)).startswith("Basic ")
    with pytest.raises(InvalidRequestError, match="without '#field'"):
        await house_on_vault.store(external="kv/default/basic#password", method=BASIC)


async def test_an_external_secret_that_is_missing_or_unfit_releases_nothing(
    house_on_vault: House, standin: VaultStandIn
):
    external(standin, "kv/default/crm", key="line\r\nbreak", other="x")
    for reference, words in (
        ("kv/default/nothing#key", "is not in Vault"),
        ("kv/default/crm#missing", "'token' is missing"),
        ("kv/default/crm#key", "line break"),
    ):
        stored = await house_on_vault.store(external=reference)
        with pytest.raises(ExecutorError, match=words):
            await house_on_vault.lease(grant_of(stored.credential))


@pytest.mark.parametrize(
    "reference",
    ["kv/other/crm#key", "kv/default#key", "secret/default/crm#key", f"executor/t/{TENANT}/c/cred_a#values"],
)
async def test_a_tenant_names_only_secrets_below_what_the_operator_allows(
    house_on_vault: House, reference: str
):
    with pytest.raises(NotPermittedError, match="VAULT__EXTERNAL"):
        await house_on_vault.store(external=reference)


@pytest.mark.parametrize(
    "reference",
    ["kv/default/../other/crm#key", "kv//crm", "kv", "/kv/a", "kv/a%2f..#b", "kv/a#../b", "kv/a#"],
)
async def test_a_reference_of_another_form_is_refused(house_on_vault: House, reference: str):
    with pytest.raises(InvalidRequestError, match="mount/path#field"):
        await house_on_vault.store(external=reference)
