"""The whole service as it is started: real kinds from entry points, real egress, real bus contracts."""

import base64
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import pytest
from tests.upstreams import Running
from tests.upstreams.fixtures import CRM_KEY, crm_server

from executor_adapters.compose import compose
from executor_adapters.settings import AdaptersBlock, AdaptersSettings
from executor_shared.bus import Bus, Handler
from executor_shared.canonical import canonical, digest
from executor_shared.context import deadline_in
from executor_shared.contracts.adapters import DISCOVER_TOOLS, EXECUTE_CALL, Discover, Discovered, ExecuteCall
from executor_shared.contracts.base import ServiceName
from executor_shared.contracts.definition import definition_hash
from executor_shared.contracts.vault_broker import (
    LEASE_CREDENTIAL,
    Injection,
    Lease,
    LeaseCredential,
    LeasedCredential,
)
from executor_shared.errors import ExecutorError, InvalidRequestError
from executor_shared.grants import Grant, GrantSigner
from executor_shared.ids import new_call_id
from executor_shared.sealing import seal_lease
from executor_shared.settings import GrantKeysSettings

__all__ = ["crm_server"]

CRM = (Path(__file__).parents[3] / "examples/crm/openapi.yaml").read_text()
SIGNER = GrantSigner(bytes(32))
KEYS = GrantKeysSettings(public_keys=(base64.b64encode(SIGNER.public_key).decode(),))
BusOf = Callable[[ServiceName], Bus]


def settings(**block: object) -> AdaptersSettings:
    return AdaptersSettings(
        grants=KEYS, adapters=AdaptersBlock.model_validate({"allow_loopback": True, **block})
    )


async def lease(asked: LeaseCredential) -> Lease:
    credential = LeasedCredential(
        injections=(Injection(carrier="header", name="X-Api-Key", value=CRM_KEY),),
        secrets=(CRM_KEY,),
        expires_at=time.time() + 60,
        reuse=10,
    )
    return Lease(sealed=seal_lease(asked.public_key, asked.grant, credential))


@pytest.fixture
async def gateway(bus_of: BusOf) -> AsyncIterator[Bus]:
    """The gateway of a house with real adapters and a broker."""
    own, broker = bus_of(ServiceName.ADAPTERS), bus_of(ServiceName.VAULT_BROKER)
    await broker.serve(Handler(LEASE_CREDENTIAL, lease))
    async with compose(settings(), own) as service:
        for handler in service.handlers:
            await own.serve(handler)
        for listener in service.listeners:
            await own.hear(listener)
        yield bus_of(ServiceName.GATEWAY)
        await own.drain()


async def discovered(bus_of: BusOf, url: str, port: str) -> Discovered:
    asked = Discover(
        tenant="default",
        integration="crm",
        kind="openapi",
        config={"spec": "./crm.yaml", "server": url},
        source=CRM,
        network=(f"127.0.0.1:{port}",),
    )
    with deadline_in(20):
        return await bus_of(ServiceName.CATALOG).request(DISCOVER_TOOLS, asked, route=("default", "openapi"))


async def test_a_rest_tool_is_found_and_called_with_its_key(
    gateway: Bus, bus_of: BusOf, crm_server: Running
) -> None:
    found = await discovered(bus_of, crm_server.url, crm_server.url.rpartition(":")[2])
    tool = next(tool for tool in found.tools if tool.own_name == "echo.headers")
    public = digest(msgspec.json.decode(tool.definition))
    now = time.time()
    grant = Grant(
        purpose="call",
        call=new_call_id(),
        tenant="default",
        subject="alice",
        connection="conn_1",
        origin=found.origin,
        issued_at=now,
        deadline=now + 20,
        definition=definition_hash(public, bytes(tool.binding), bytes(found.target)),
        arguments=digest({}),
        effect=tool.effect,
        credential="cred_1",
    )
    asked = ExecuteCall(
        grant=SIGNER.sign(grant),
        arguments=msgspec.Raw(canonical({})),
        target=found.target,
        binding=tool.binding,
        public_digest=public,
    )
    with deadline_in(20):
        executed = await gateway.request(EXECUTE_CALL, asked, route=("default", "openapi"))
    assert isinstance(executed.result, msgspec.Raw)
    assert (executed.outcome, executed.status) == ("ok", 200)
    assert CRM_KEY.encode() not in bytes(executed.result)
    assert b"[redacted]" in bytes(executed.result)


async def test_the_installations_own_ports_are_never_reached(bus_of: BusOf, crm_server: Running) -> None:
    port = crm_server.url.rpartition(":")[2]
    own = bus_of(ServiceName.ADAPTERS)
    async with compose(settings(forbidden=[f"127.0.0.0/8:{port}"]), own) as service:
        for handler in service.handlers:
            await own.serve(handler)
        asked = Discover(
            tenant="default",
            integration="crm",
            kind="openapi",
            config={"spec": f"{crm_server.url}/openapi.yaml"},
            network=(f"127.0.0.1:{port}",),
        )
        with deadline_in(20), pytest.raises(ExecutorError, match="belongs to this installation"):
            await bus_of(ServiceName.CATALOG).request(DISCOVER_TOOLS, asked, route=("default", "openapi"))
        await own.drain()


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (settings(enabled_kinds=["soap"]), "not installed"),
        (AdaptersSettings(grants=GrantKeysSettings(public_keys=())), "EXECUTOR_GRANTS__PUBLIC_KEYS"),
        (AdaptersSettings(grants=GrantKeysSettings(public_keys=("c2hvcnQ=",))), "Ed25519"),
        (settings(forbidden=["host:port"]), "network.allow"),
    ],
    ids=["kind", "no key", "short key", "forbidden"],
)
async def test_wrong_settings_stop_the_start(made: AdaptersSettings, says: str, bus_of: BusOf) -> None:
    with pytest.raises(InvalidRequestError, match=says):
        async with compose(made, bus_of(ServiceName.ADAPTERS)):
            pass
