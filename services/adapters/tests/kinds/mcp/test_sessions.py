"""Legacy sessions: lost, shared, ended; and what happens to calls on them."""

import asyncio
import json
from collections.abc import Callable

import pytest
from aiohttp import web
from services.adapters.tests.kinds.at_work import AtWork, leased, opened
from services.adapters.tests.kinds.mcp.servers import ECHO, OK, legacy, offering, stream
from services.adapters.tests.kinds.scripted import Arrived, answered, scripted

from executor_adapters.kinds.mcp import KIND
from executor_shared.errors import Code, UpstreamError

Mcp = Callable[..., AtWork]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (404, None),
        (404, {"code": -32001, "message": "Session not found"}),
        (400, {"code": -32000, "message": "Bad Request: No valid session ID provided"}),
    ],
)
async def test_a_lost_session_is_opened_once_more_and_the_call_sent_again(
    mcp: Mcp, status: int, error: object
):
    refused: list[bool] = []

    async def answer(arrived: Arrived) -> web.StreamResponse:
        if arrived.method == "tools/call" and not refused:
            refused.append(True)
            return answered(arrived.message, status, error=error) if error else web.Response(status=status)
        return await offering(ECHO)(arrived)

    async with scripted(legacy(answer)) as server:
        work = mcp({"url": server.url})
        assert (await work.call("echo")).outcome == "ok"
        assert server.methods().count("tools/call") == 2
        assert server.methods().count("initialize") == 3  # discovery, the first session, the second


async def test_a_session_that_stays_lost_is_an_error_and_not_a_loop(mcp: Mcp):
    async def answer(arrived: Arrived) -> web.StreamResponse:
        if arrived.method == "tools/call":
            return web.Response(status=404)
        return await offering(ECHO)(arrived)

    async with scripted(legacy(answer)) as server:
        result = await mcp({"url": server.url}).call("echo")
        assert (result.outcome, result.code, result.status) == ("tool_error", Code.UPSTREAM_HTTP_ERROR, 404)
        assert server.methods().count("tools/call") == 2


async def test_credentials_do_not_share_sessions(mcp: Mcp):
    async with scripted(legacy(offering(ECHO))) as server:
        for token in ("one", "two", "one"):
            work = mcp({"url": server.url}, credential=leased(f"Bearer {token}"))
            await work.discover()
            await work.call("echo")
        openings = [each for each in server.arrived if each.method == "initialize"]
    assert len(openings) == 3 + 2  # three discoveries, and a session for each of two credentials


async def test_sessions_are_ended_when_the_worker_ends():
    async with scripted(legacy(offering(ECHO))) as server:
        async with opened(KIND) as make:
            await make({"url": server.url}).call("echo")
        ends = [each for each in server.arrived if each.request.method == "DELETE"]
    assert [each.request.headers["Mcp-Session-Id"] for each in ends] == ["s1", "s1"]


async def test_what_an_upstream_asks_during_a_call_is_answered(mcp: Mcp):
    async def answer(arrived: Arrived) -> web.StreamResponse:
        if arrived.method == "tools/list":
            return arrived.result({"tools": [ECHO]})
        if not arrived.method:
            return web.Response(status=202)
        asked = [
            {"jsonrpc": "2.0", "id": "a", "method": "ping"},
            {"jsonrpc": "2.0", "id": "b", "method": "roots/list"},
            {"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progress": 1}},
        ]
        return await stream(arrived, *asked, {"jsonrpc": "2.0", "id": arrived.message["id"], "result": OK})

    async with scripted(legacy(answer)) as server:
        assert (await mcp({"url": server.url}).call("echo")).outcome == "ok"
        replies = {
            each.message["id"]: each.message for each in server.arrived if not each.method and each.message
        }
    assert replies["a"]["result"] == {}
    assert replies["b"]["error"]["code"] == -32601


async def test_a_call_that_is_too_slow_is_unknown_and_cancelled(mcp: Mcp):
    cancelled = asyncio.Event()

    async def answer(arrived: Arrived) -> web.StreamResponse:
        if arrived.method == "tools/list":
            return arrived.result({"tools": [ECHO]})
        await asyncio.Event().wait()
        return web.Response()

    inner = legacy(answer)

    async def watching(arrived: Arrived) -> web.StreamResponse:
        if arrived.method == "notifications/cancelled":
            cancelled.set()
        return await inner(arrived)

    async with scripted(watching) as server:
        work = mcp({"url": server.url}, seconds=1.0)
        with pytest.raises(UpstreamError) as raised:
            await work.call("echo")
        assert (raised.value.code, raised.value.sent) == (Code.UPSTREAM_TIMEOUT, True)
        async with asyncio.timeout(5):
            await cancelled.wait()
        told = next(each for each in server.arrived if each.method == "notifications/cancelled")
        call = next(each for each in server.arrived if each.method == "tools/call")
        assert told.message["params"]["requestId"] == call.message["id"]


async def test_concurrent_calls_on_one_session_keep_apart(mcp: Mcp):
    both = asyncio.Barrier(2)

    async def answer(arrived: Arrived) -> web.StreamResponse:
        if arrived.method == "tools/list":
            return arrived.result({"tools": [ECHO]})
        await both.wait()
        text = json.dumps(arrived.message["params"]["arguments"])
        return arrived.result({"content": [{"type": "text", "text": text}]})

    async with scripted(legacy(answer)) as server:
        work = mcp({"url": server.url})
        await work.discover()
        first, second = await asyncio.gather(
            work.call("echo", {"text": "1"}), work.call("echo", {"text": "2"})
        )
        assert b"1" in bytes(first.result or b"")
        assert b"2" in bytes(second.result or b"")


async def test_a_session_id_that_cannot_be_sent_back_is_refused(mcp: Mcp):
    async with scripted(legacy(offering(ECHO), session="x" * 2000)) as server:
        with pytest.raises(UpstreamError) as raised:
            await mcp({"url": server.url}).discover()
    assert raised.value.code is Code.UPSTREAM_INVALID_RESPONSE
