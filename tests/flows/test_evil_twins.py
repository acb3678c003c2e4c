"""Stolen bus credentials are not enough: nothing runs and nothing is released without policy's own signature."""

import asyncio
import hashlib
import json
import os
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
import msgspec
import pytest

from executor_shared.contracts.adapters import Executed
from executor_shared.contracts.base import ServiceName
from executor_shared.errors import ExecutorError, GrantRefusedError, NotAuthenticatedError
from executor_shared.grants import Grant, GrantSigner
from executor_shared.sealing import new_private_key, open_lease
from tests.flows.conftest import crm_at
from tests.flows.house import House
from tests.flows.twins import EvilGateway, EvilWorker, Known, altered, bus_as, opened
from tests.upstreams import crm

pytestmark = pytest.mark.connected

KEY = "twin-key-0c59f2"
READ, WRITE = "twin.org.main.customers.list", "twin.org.main.customers.create"
NEW = {"body": {"name": "Twin"}}
_ALTERED: dict[str, Any] = {
    "purpose": "discover",
    "call": "call_ooooooooooooooooooooooooou",
    "tenant": "other",
    "subject": "bob",
    "connection": "conn_other",
    "origin": "http://127.0.0.1:1",
    "issued_at": 1.0,
    "deadline": 9e9,
    "tool": "twin.org.main.customers.delete",
    "definition": "0" * 64,
    "arguments": hashlib.sha256(b"{}").hexdigest(),
    "effect": "read",
    "credential": "cred_other",
    "approval": "apr_other",
}


@dataclass(frozen=True)
class Twin:
    """A customer API whose writes need no approval, and the house before it."""

    house: House
    url: str

    async def journal(self) -> list[dict[str, Any]]:
        """What arrived upstream."""
        async with httpx2.AsyncClient(headers={"X-Api-Key": KEY}, trust_env=False) as http:
            return (await http.get(f"{self.url}/journal")).json()

    def leased(self, grant: str) -> bool:
        """Whether the broker released something for this grant's call."""
        lines = [json.loads(line) for line in self.house.log.read_text().splitlines() if line.startswith("{")]
        call = opened(grant).call
        return any(line.get("event") == "credential.leased" and line.get("call") == call for line in lines)

    @property
    def proof(self) -> str:
        """Of alice's key, as it passes through any gateway."""
        return hashlib.sha256(self.house.key("alice").encode()).hexdigest()


@pytest.fixture(scope="module")
def twin(house: House) -> Generator[Twin]:
    with crm(KEY) as server:
        document = f"""
integrations:
{crm_at("twin", server.url, house.folder)}
connections:
  - {{integration: twin, name: main, owner: org, credential: {{env: TWIN_KEY}}}}
policies:
  - {{name: the twin may write, scope: org, match: {{tool: {WRITE}}}, effect: allow}}
"""
        asyncio.run(house.applied(document, TWIN_KEY=KEY))
        yield Twin(house, server.url)


@dataclass(frozen=True)
class Evil:
    """The stolen gateway with a tool that reads and one that writes, and the stolen worker."""

    twin: Twin
    gateway: EvilGateway
    worker: EvilWorker
    read: Known
    write: Known

    async def granted(self, known: Known, arguments: object) -> str:
        """A genuine grant for alice."""
        return await self.gateway.decide(self.twin.proof, known, arguments)

    async def gets_nothing(self, grant: str, known: Known, arguments: object, **instead: Any) -> Executed:
        """The worker refuses, the upstream sees nothing, the broker releases nothing."""
        before = await self.twin.journal()
        executed = await self.gateway.execute(known.call(grant, arguments, **instead))
        assert executed.outcome == "not_executed"
        assert executed.result is msgspec.UNSET
        assert await self.twin.journal() == before
        return executed


@asynccontextmanager
async def evil(twin: Twin) -> AsyncGenerator[Evil]:
    async with AsyncExitStack() as stack:
        nats = twin.house.nats
        gateway = EvilGateway(await stack.enter_async_context(bus_as(nats, ServiceName.GATEWAY)))
        worker = EvilWorker(await stack.enter_async_context(bus_as(nats, ServiceName.ADAPTERS)))
        tools = await gateway.tools()
        yield Evil(twin, gateway, worker, tools[READ], tools[WRITE])


async def test_the_same_done_right_works(twin: Twin):
    """Positive control of everything below."""
    async with evil(twin) as them:
        for known, arguments in ((them.read, {}), (them.write, NEW)):
            before = len(await twin.journal())
            grant = await them.granted(known, arguments)
            executed = await them.gateway.execute(known.call(grant, arguments))
            assert executed.outcome == "ok"
            assert len(await twin.journal()) == before + 1
        assert twin.leased(grant)


async def test_a_gateway_cannot_speak_for_somebody_whose_token_it_never_saw(twin: Twin):
    async with evil(twin) as them:
        with pytest.raises(NotAuthenticatedError):
            await them.gateway.decide(hashlib.sha256(b"guessed").hexdigest(), them.read, {})


async def test_a_forged_grant_gets_nothing(twin: Twin):
    async with evil(twin) as them:
        genuine = await them.granted(them.write, NEW)
        forged = GrantSigner(os.urandom(32)).sign(opened(genuine))
        refused = await them.gets_nothing(forged, them.write, NEW)
        assert refused.code == "grant_refused"
        with pytest.raises(GrantRefusedError):
            await them.worker.lease(forged, new_private_key().public_key().public_bytes_raw())
        assert not twin.leased(forged)


@pytest.mark.parametrize(
    "form", ["{payload}", "v1.{payload}", "v1.{payload}.", "v2.{payload}.{mark}", "v1..{mark}", ""]
)
async def test_a_grant_of_another_form_gets_nothing(twin: Twin, form: str):
    async with evil(twin) as them:
        _, payload, mark = (await them.granted(them.write, NEW)).split(".")
        refused = await them.gets_nothing(form.format(payload=payload, mark=mark), them.write, NEW)
        assert refused.code == "grant_refused"


def test_every_field_of_a_grant_is_altered_below():
    assert set(_ALTERED) == set(Grant.__struct_fields__)


@pytest.mark.parametrize("field", sorted(_ALTERED))
async def test_an_altered_grant_gets_nothing(twin: Twin, field: str):
    async with evil(twin) as them:
        grant = altered(await them.granted(them.write, NEW), **{field: _ALTERED[field]})
        refused = await them.gets_nothing(grant, them.write, NEW)
        assert refused.code == "grant_refused"
        with pytest.raises(GrantRefusedError):
            await them.worker.lease(grant, new_private_key().public_key().public_bytes_raw())
        assert not twin.leased(grant)


async def test_altering_nothing_keeps_a_grant_good(twin: Twin):
    """Positive control: it is the content that counts, not that it passed through the altering hand."""
    async with evil(twin) as them:
        genuine = await them.granted(them.write, NEW)
        version, payload, mark = genuine.split(".")
        executed = await them.gateway.execute(them.write.call(f"{version}.{payload}.{mark}", NEW))
        assert executed.outcome == "ok"


@pytest.mark.parametrize("address", [READ, WRITE])
async def test_a_replayed_grant_gets_nothing_more(twin: Twin, address: str):
    async with evil(twin) as them:
        known, arguments = (them.read, {}) if address == READ else (them.write, NEW)
        grant = await them.granted(known, arguments)
        assert (await them.gateway.execute(known.call(grant, arguments))).outcome == "ok"
        refused = await them.gets_nothing(grant, known, arguments)
        assert refused.code == "grant_refused"


async def test_a_grant_that_was_performed_releases_nothing_to_another_worker(twin: Twin):
    async with evil(twin) as them:
        grant = await them.granted(them.write, NEW)
        assert (await them.gateway.execute(them.write.call(grant, NEW))).outcome == "ok"
        with pytest.raises(GrantRefusedError):
            await them.worker.lease(grant, new_private_key().public_key().public_bytes_raw())


async def test_a_grant_that_was_leased_is_performed_by_nobody_else(twin: Twin):
    async with evil(twin) as them:
        grant = await them.granted(them.write, NEW)
        await them.worker.lease(grant, new_private_key().public_key().public_bytes_raw())
        await them.gets_nothing(grant, them.write, NEW)


async def test_a_right_grant_does_nothing_else(twin: Twin):
    async with evil(twin) as them:
        other = (await them.gateway.tools())["twin.org.main.customers.delete"]
        target = {**msgspec.json.decode(them.write.integration.target), "origin": "http://127.0.0.1:1"}
        for arguments, instead in (
            ({"body": {"name": "Somebody else"}}, {}),
            (NEW, {"binding": other.tool.binding}),
            (NEW, {"target": msgspec.Raw(msgspec.json.encode(target))}),
            (NEW, {"public_digest": other.tool.public_digest}),
            ({"id": "c1"}, {"binding": other.tool.binding, "public_digest": other.tool.public_digest}),
        ):
            grant = await them.granted(them.write, NEW)
            refused = await them.gets_nothing(grant, them.write, arguments, **instead)
            assert refused.code in {"grant_refused", "definition_changed"}
            assert not twin.leased(grant)
        assert (await them.gateway.execute(them.write.call(grant, NEW))).outcome == "ok"


async def test_a_grant_is_worth_nothing_after_its_deadline(twin: Twin):
    async with evil(twin) as them:
        grant = await them.gateway.decide(twin.proof, them.write, NEW, seconds=1.0)
        async with asyncio.timeout(5):
            while time.time() <= opened(grant).deadline:
                await twin.journal()
        refused = await them.gets_nothing(grant, them.write, NEW)
        assert "deadline" in refused.message
        with pytest.raises(GrantRefusedError):
            await them.worker.lease(grant, new_private_key().public_key().public_bytes_raw())


async def test_a_worker_gets_what_it_was_granted_and_only_with_its_own_key(twin: Twin):
    async with evil(twin) as them:
        key, other = new_private_key(), new_private_key()
        grant = await them.granted(them.write, NEW)
        lease = await them.worker.lease(grant, key.public_key().public_bytes_raw())
        assert lease.sealed is not None
        assert open_lease(key, grant, lease.sealed).secrets == (KEY,)
        with pytest.raises(ValueError, match="cannot be opened"):
            open_lease(other, grant, lease.sealed)
        with pytest.raises(GrantRefusedError):
            await them.worker.lease(grant, key.public_key().public_bytes_raw())


async def test_a_worker_without_a_grant_gets_nothing(twin: Twin):
    async with evil(twin) as them:
        for text in ("", "v1.e30.e30", KEY):
            with pytest.raises(ExecutorError):
                await them.worker.lease(text, new_private_key().public_key().public_bytes_raw())
