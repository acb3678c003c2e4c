"""What each service may say and hear on the bus is what the contracts give it, and not one subject more."""

import pytest

from executor_shared.contracts.acl import inbox_of, permissions_of
from executor_shared.contracts.adapters import EXECUTE_CALL
from executor_shared.contracts.all import EVENTS, REQUESTS
from executor_shared.contracts.base import ServiceName
from executor_shared.contracts.policy import DECIDE_CALL
from executor_shared.contracts.vault_broker import LEASE_CREDENTIAL
from tests.flows.conftest import Three
from tests.flows.house import House
from tests.flows.twins import raw_as

pytestmark = pytest.mark.connected


def _pattern(subject: str, routed: int) -> str:
    return ".".join([subject, *["default"] * routed])


@pytest.mark.parametrize("name", list(ServiceName))
async def test_each_service_says_and_asks_only_what_the_contracts_give_it(house: House, name: ServiceName):
    async with raw_as(house.nats, name) as raw:
        mine = [_pattern(r.subject, r.routed) for r in REQUESTS if name in r.callers]
        mine += [e.subject for e in EVENTS if name in e.speakers]
        assert await raw.says(mine) == []
        foreign = [_pattern(r.subject, r.routed) for r in REQUESTS if name not in r.callers]
        foreign += [e.subject for e in EVENTS if name not in e.speakers]
        for subject in (*foreign, "$SYS.REQ.SERVER.PING", "anything.else"):
            refused = await raw.says([subject])
            assert [r for r in refused if "violation" in r and subject.lower() in r], subject


@pytest.mark.parametrize("name", list(ServiceName))
async def test_each_service_hears_only_what_the_contracts_give_it(house: House, name: ServiceName):
    async with raw_as(house.nats, name) as raw:
        assert await raw.listens(f"{inbox_of(name)}.twin.>") == []
        assert not [e for e in EVENTS if name in e.hearers and await raw.listens(e.subject)]
        foreign = [_pattern(r.subject, r.routed) for r in REQUESTS if r.owner != name]
        foreign += [e.subject for e in EVENTS if name not in e.hearers]
        foreign += [f"{inbox_of(other)}.>" for other in ServiceName if other != name]
        own = [_pattern(r.subject, r.routed) for r in REQUESTS if r.owner == name]  # beside its queue group
        for subject in (*foreign, *own, ">", "executor.>", "_INBOX.>"):
            refused = await raw.listens(subject)
            assert [r for r in refused if "violation" in r], subject


async def test_a_worker_decides_nothing_calls_nobody_and_hears_no_answer(three: Three):
    async with raw_as(three.house.nats, ServiceName.ADAPTERS) as raw, three.house.agent() as agent:
        decide, call = DECIDE_CALL.subject, _pattern(EXECUTE_CALL.subject, EXECUTE_CALL.routed)
        assert len(await raw.says([decide])) == 1
        assert len(await raw.says([call])) == 1
        for inbox in ("_INBOX_gateway.>", "_INBOX_policy.>", "_INBOX_catalog.>"):
            assert len(await raw.listens(inbox)) == 1
        assert (await agent.call("crm__customers_list")).outcome == "ok"
        await raw.refused()
        assert raw.heard == []
        assert await raw.says([LEASE_CREDENTIAL.subject]) == []  # which is its own


@pytest.mark.parametrize("name", [ServiceName.POLICY, ServiceName.CATALOG])
async def test_policy_and_catalog_neither_call_nor_lease(house: House, name: ServiceName):
    async with raw_as(house.nats, name) as raw:
        for subject in (LEASE_CREDENTIAL.subject, _pattern(EXECUTE_CALL.subject, EXECUTE_CALL.routed)):
            assert len(await raw.says([subject])) == 1
        assert await raw.says(s for s in permissions_of(name).publish if "*" not in s) == []
