"""The composed service on a real PostgreSQL."""

import asyncio
import base64
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import msgspec
import pytest
from pydantic import SecretStr

from executor_policy.compose import POLICY, compose
from executor_policy.settings import PolicyBlock, PolicySettings, key_of
from executor_shared.bus import Bus, Handler, Listener, MemoryHub, MemoryTransport
from executor_shared.bus.nats import NatsTransport
from executor_shared.context import deadline_in
from executor_shared.contracts.base import ServiceName
from executor_shared.contracts.catalog import (
    GET_CHANGES,
    Changes,
    ChangesAsked,
    Connection,
    Integration,
    Tool,
)
from executor_shared.contracts.policy import (
    APPLY_POLICY,
    CALL_FINISHED,
    DECIDE_CALL,
    GET_CALL,
    IDENTIFY,
    POLICY_CHANGED,
    Allow,
    ApplyPolicy,
    Block,
    CallFinished,
    CallRecord,
    DecideCall,
    GetCall,
    Identify,
    PolicyChanged,
    PolicyDocument,
    PrincipalSpec,
    RuleSpec,
)
from executor_shared.db import migrate
from executor_shared.errors import InvalidRequestError, NotAuthenticatedError, NotFoundError
from executor_shared.grants import GrantSigner, GrantVerifier
from executor_shared.service.run import running as running_house
from executor_shared.settings import DatabaseSettings
from executor_shared.testing.bus_fixtures import Nats

from .house import ADMIN, SEED, proof

KEY = SecretStr(base64.b64encode(SEED).decode())
TOOL = "tool_1"
PAGE = Changes(
    upto=3,
    integrations=(Integration(tenant="default", slug="crm", revision=1, origin="https://crm.example:443"),),
    connections=(Connection(tenant="default", id="conn_1", revision=2, integration="crm", name="main"),),
    tools=(
        Tool(
            tenant="default",
            id=TOOL,
            revision=3,
            connection="conn_1",
            address="crm.org.main.a",
            effect="read",
        ),
    ),
)


def settings_with(database: DatabaseSettings) -> PolicySettings:
    block = PolicyBlock(
        signing_seed=KEY, arguments_key=KEY, bootstrap_admin_proof=proof(ADMIN), orphan_grace=60.0
    )
    return PolicySettings(database=database, policy=block)


@asynccontextmanager
async def running(settings: PolicySettings, hub: MemoryHub) -> AsyncGenerator[Bus]:
    """A replica of policy on the hub."""
    bus = Bus(ServiceName.POLICY, MemoryTransport(hub))
    async with compose(settings, bus) as service:
        for handler in service.handlers:
            await bus.serve(handler)
        for listener in service.listeners:
            await bus.hear(listener)
        assert service.start is not None
        await service.start()
        for check in service.ready.values():
            await check()
        yield bus
        await bus.drain()


async def changes(ask: ChangesAsked) -> Changes:
    """What the catalog answers."""
    assert ask.facts_only
    return PAGE if ask.after < PAGE.upto else Changes(upto=PAGE.upto)


@pytest.fixture
async def gateway(hub: MemoryHub) -> Bus:
    """The gateway's bus, with a catalog that has one tool."""
    catalog = Bus(ServiceName.CATALOG, MemoryTransport(hub))
    await catalog.serve(Handler(GET_CHANGES, changes))
    return Bus(ServiceName.GATEWAY, MemoryTransport(hub))


@pytest.fixture
async def settings(database: DatabaseSettings) -> PolicySettings:
    """Settings of a migrated database."""
    assert POLICY.migrations is not None
    await migrate(database, POLICY.migrations, schema="policy")
    return settings_with(database)


@pytest.mark.connected
async def test_a_call_is_decided_recorded_and_finished_over_the_bus(
    settings: PolicySettings, hub: MemoryHub, gateway: Bus
):
    verifier = GrantVerifier((GrantSigner(SEED).public_key,))
    async with running(settings, hub):
        ask = DecideCall(proof=proof(ADMIN), tool=TOOL, arguments=msgspec.Raw(b'{"x": 1}'), revision=3)
        with deadline_in(30.0) as context:
            decision = await gateway.request(DECIDE_CALL, ask)
            assert isinstance(decision.outcome, Allow)
            assert verifier.verify(decision.outcome.grant).call == context.call_id
            await gateway.say(CALL_FINISHED, CallFinished(call=context.call_id, outcome="ok"))
            record = await _finished(gateway, context.call_id)
        assert (record.outcome, record.subject, record.tool) == ("ok", "admin", "crm.org.main.a")


async def _finished(gateway: Bus, call: str) -> CallRecord:
    """The record once it is finished; the batch writes within a second."""
    async with asyncio.timeout(10):
        while True:
            try:
                record = await gateway.request(GET_CALL, GetCall(proof=proof(ADMIN), id=call))
            except NotFoundError:
                record = None
            if record and record.state == "finished":
                return record
            await asyncio.sleep(0.02)


@pytest.mark.connected
async def test_another_replica_learns_of_new_rules_and_keys(
    settings: PolicySettings, hub: MemoryHub, gateway: Bus
):
    async with running(settings, hub), running(settings, hub):
        changed = asyncio.Event()

        async def hear(_: PolicyChanged) -> None:
            changed.set()

        await gateway.hear(Listener(POLICY_CHANGED, hear))
        document = PolicyDocument(
            policies=(RuleSpec(name="no", effect="block", tool="crm.*"),),
            principals=(PrincipalSpec(subject="alice", key_proofs=(proof("k"),)),),
        )
        ask = ApplyPolicy(proof=proof(ADMIN), document=document)
        applied = await gateway.request(APPLY_POLICY, ask)
        assert len(applied.changes) == 2
        await asyncio.wait_for(changed.wait(), 5)
        call = DecideCall(proof=proof("k"), tool=TOOL, arguments=msgspec.Raw(b"{}"))
        async with asyncio.timeout(10):
            agreed = 0
            while agreed < 6:
                with deadline_in(30.0):
                    try:
                        outcome = (await gateway.request(DECIDE_CALL, call)).outcome
                        agreed = agreed + 1 if isinstance(outcome, Block) else 0
                    except NotAuthenticatedError:
                        agreed = 0


@pytest.mark.connected
async def test_the_first_administrators_key_is_replaced_at_start_and_state_survives(
    settings: PolicySettings, hub: MemoryHub, gateway: Bus
):
    async with running(settings, hub):
        spec = PrincipalSpec(subject="alice", key_proofs=(proof("k"),))
        await gateway.request(
            APPLY_POLICY, ApplyPolicy(proof=proof(ADMIN), document=PolicyDocument(principals=(spec,)))
        )
    block = settings.policy.model_copy(update={"bootstrap_admin_proof": proof("new")})
    async with running(settings.model_copy(update={"policy": block}), hub):
        assert (await gateway.request(IDENTIFY, Identify(proof=proof("new")))).admin
        assert (await gateway.request(IDENTIFY, Identify(proof=proof("k")))).subject == "alice"
        with pytest.raises(NotAuthenticatedError):
            await gateway.request(IDENTIFY, Identify(proof=proof(ADMIN)))


@pytest.mark.connected
async def test_the_deployable_serves_over_nats_with_its_own_rights(database: DatabaseSettings, nats: Nats):
    settings = settings_with(database).model_copy(update={"bus": nats.settings(ServiceName.POLICY)})
    catalog, gateway = [
        Bus(name, await NatsTransport.open(nats.settings(name), name))
        for name in (ServiceName.CATALOG, ServiceName.GATEWAY)
    ]
    await catalog.serve(Handler(GET_CHANGES, changes))
    async with running_house([(POLICY, settings)]):
        with deadline_in(30.0) as context:
            ask = DecideCall(proof=proof(ADMIN), tool=TOOL, arguments=msgspec.Raw(b"{}"), revision=3)
            assert isinstance((await gateway.request(DECIDE_CALL, ask)).outcome, Allow)
            await gateway.say(CALL_FINISHED, CallFinished(call=context.call_id, outcome="tool_error"))
            assert (await _finished(gateway, context.call_id)).outcome == "tool_error"
        with deadline_in(30.0), pytest.raises(NotAuthenticatedError):
            await gateway.request(IDENTIFY, Identify(proof=proof("unknown")))
    await gateway.close()
    await catalog.close()


@pytest.mark.parametrize("value", [None, "", "c2hvcnQ=", "not base64!", base64.b64encode(bytes(33)).decode()])
def test_a_bad_key_setting_is_named_and_not_repeated(value: str | None):
    with pytest.raises(InvalidRequestError) as error:
        key_of(SecretStr(value) if value is not None else None, "signing_seed")
    assert error.value.message.startswith("EXECUTOR_POLICY__SIGNING_SEED")
    assert not value or value not in error.value.message
