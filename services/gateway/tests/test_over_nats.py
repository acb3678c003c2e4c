"""The gateway on a real nats-server: its rights there are enough, and events reach every replica."""

import asyncio
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import House

pytestmark = pytest.mark.connected


async def test_call_goes_the_whole_way_and_is_recorded(nats_house: "House") -> None:
    gateway = await nats_house.gateway()
    listed = (await gateway.modern("tools/list")).json()["result"]["tools"]
    assert [tool["name"] for tool in listed] == ["crm__read", "crm__write"]
    result = await gateway.call("crm__write", {"n": 1, "text": "x" * 300_000})
    call = result["_meta"]["executor/call"]
    assert call["outcome"] == "ok"
    assert len(result["structuredContent"]["got"]["text"]) == 300_000
    async with asyncio.timeout(5):
        assert (await nats_house.world.finished.get()).call == call["id"]


async def test_ended_session_is_refused_by_the_other_replica(nats_house: "House") -> None:
    one, two = await nats_house.gateway(), await nats_house.gateway()
    _, session = await one.initialize()
    assert (await two.legacy("ping", session=session)).status_code == 200
    assert (await one.send("DELETE", headers={"mcp-session-id": session})).status_code == 204
    async with asyncio.timeout(5):
        while (await two.legacy("ping", session=session)).status_code != 404:
            pass


async def test_change_of_rules_reaches_every_replica(nats_house: "House") -> None:
    one, two = await nats_house.gateway(), await nats_house.gateway()
    for gateway in (one, two):
        assert (await gateway.modern("tools/list")).status_code == 200
    nats_house.forget("alice")
    await nats_house.policy_changed()
    async with asyncio.timeout(5):
        for gateway in (one, two):
            while (await gateway.modern("tools/list")).status_code != 401:
                pass
