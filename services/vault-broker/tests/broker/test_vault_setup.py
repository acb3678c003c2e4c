"""`deploy/vault/set-up.sh` against the stand-in, and that its policies are enough and no more."""

import asyncio
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.standins.vault import VaultStandIn
from tests.standins.vault.answers import Asked, Refused

from executor_shared.bus import MemoryHub
from executor_shared.errors import NotFoundError
from executor_shared.settings import DatabaseSettings

from .house import opened, settings_of

SCRIPT = Path(__file__).parents[4] / "deploy" / "vault" / "set-up.sh"
pytestmark = [
    pytest.mark.connected,
    pytest.mark.skipif(not all(map(shutil.which, ("bash", "curl", "jq"))), reason="needs bash, curl and jq"),
]


async def run(standin: VaultStandIn, *arguments: str, **environment: str) -> tuple[int, str, str]:
    """Exit code, output and errors of the script."""
    needed = {"PATH": os.environ["PATH"], "VAULT_ADDR": standin.address, "VAULT_TOKEN": standin.root}
    process = await asyncio.create_subprocess_exec(
        str(SCRIPT),
        *arguments,
        env=needed | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 40)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


def settings_in(output: str) -> dict[str, str]:
    lines = (line.partition("=") for line in output.splitlines() if line.startswith("EXECUTOR_"))
    return {name.rpartition("__")[2].lower(): value for name, _, value in lines}


@pytest.fixture
def bare() -> Any:
    """A Vault in which nothing is set up."""
    with VaultStandIn.running() as standin:
        standin.system.kv.clear()
        standin.system.approle.clear()
        yield standin


@pytest.mark.parametrize("mount", ["executor", "credentials"])
async def test_the_broker_can_do_its_work_with_what_the_script_made(
    bare: VaultStandIn, migrated: DatabaseSettings, mount: str
):
    code, out, err = await run(bare, "--secret-id", EXECUTOR_MOUNT=mount)
    assert code == 0, err
    vault = {"address": bare.address, "mount": mount, **settings_in(out)}
    async with opened(MemoryHub(), settings_of(migrated, vault=vault, cache=0)) as house:
        first = await house.store({"token": "one"})
        second = await house.store({"token": "two"})
        assert await house.sent(first.credential) == "Bearer two"
        await house.revert(second.credential, second.version)
        assert await house.sent(first.credential) == "Bearer one"
        await house.delete(first.credential)
        with pytest.raises(NotFoundError):
            await house.facts(first.credential)
    assert bare.system.kv[mount].secrets == {}
    assert bare.system.kv[mount].cas_required


async def test_running_it_again_changes_nothing_and_makes_no_secret_id(bare: VaultStandIn):
    first, second = await run(bare), await run(bare)
    assert first[0] == second[0] == 0
    assert settings_in(first[1]) == settings_in(second[1])
    assert "secret_id" not in settings_in(second[1])
    assert "mounted" not in second[1]


async def test_the_brokers_token_can_do_nothing_else(bare: VaultStandIn):
    _, out, _ = await run(bare, "--secret-id")
    answer = bare.system.answer
    body = {name: settings_in(out)[name] for name in ("role_id", "secret_id")}
    auth = answer(Asked("POST", "auth/approle/login", body, "")).auth
    assert auth is not None
    token = auth["client_token"]
    here = "executor/data/t/default/c/cred_a"
    good = {"data": {"a": "b"}, "options": {"cas": 0}}
    assert answer(Asked("POST", here, good, token)).status == 200
    assert answer(Asked("GET", here, {}, token)).status == 200
    for method, path in (
        ("LIST", "executor/metadata/t/default/c"),
        ("LIST", "executor/metadata/t"),
        ("GET", "executor/data/t/default"),
        ("GET", "executor/data/t/default/c/cred_a/more"),
        ("POST", "executor/destroy/t/default/c/cred_a"),
        ("POST", "executor/config"),
        ("GET", "kv/data/somebody"),
        ("GET", "sys/mounts"),
        ("PUT", "sys/policies/acl/executor-broker-read"),
        ("POST", "auth/approle/role/executor-vault-broker/secret-id"),
        ("POST", "auth/token/create"),
    ):
        with pytest.raises(Refused) as refused:
            answer(Asked(method, path, {}, token))
        assert refused.value.status == 403, path


@pytest.mark.parametrize(
    "wrong", [{"VAULT_TOKEN": "wrong-token"}, {"EXECUTOR_MOUNT": "a/../b"}, {"VAULT_ADDR": ""}]
)
async def test_it_stops_at_the_first_thing_that_is_wrong(bare: VaultStandIn, wrong: dict[str, str]):
    code, out, err = await run(bare, "--secret-id", **wrong)
    assert code != 0
    assert "SECRET_ID" not in out
    assert err
    assert bare.system.kv == {}
    assert "wrong-token" not in out + err
