"""Which era an upstream speaks is asked, never guessed from a failure."""

import asyncio
from collections.abc import Callable

import pytest
from aiohttp import web
from services.adapters.tests.kinds.at_work import AtWork, leased, shown
from services.adapters.tests.kinds.mcp.servers import ECHO, legacy, modern, offering
from services.adapters.tests.kinds.scripted import Arrived, scripted
from tests.upstreams import Running
from tests.upstreams.fixtures import MCP_TOKEN

from executor_shared.errors import Code, UpstreamError

Mcp = Callable[..., AtWork]


async def test_the_sdk_server_is_spoken_to_in_the_modern_era(mcp: Mcp, mcp_server: Running):
    work = mcp({"url": mcp_server.url})
    found = await work.discover()
    assert found.title == "Notes"
    assert found.description == "Keeps notes."
    assert not found.set_aside
    result = await work.call("echo", {"text": "hello"})
    assert result.outcome == "ok"
    assert shown(result.result)["structuredContent"] == {"result": "hello"}


async def test_server_everything_is_spoken_to_in_the_legacy_era(mcp: Mcp, everything_server: Running):
    work = mcp({"url": everything_server.url})
    found = await work.discover()
    assert len(found.tools) >= 10
    result = await work.call("echo", {"message": "hello"})
    assert shown(result.result)["content"] == [{"type": "text", "text": "Echo: hello"}]


async def test_a_modern_server_gets_the_whole_envelope_and_the_mirrored_headers(mcp: Mcp):
    async with scripted(modern(offering(ECHO))) as server:
        await mcp({"url": server.url}).call("echo", {"text": "x"})
        call = server.arrived[-1]
    assert call.message["params"]["arguments"] == {"text": "x"}
    assert set(call.message["params"]["_meta"]) == {
        "io.modelcontextprotocol/protocolVersion",
        "io.modelcontextprotocol/clientInfo",
        "io.modelcontextprotocol/clientCapabilities",
    }
    headers = call.request.headers
    assert headers["MCP-Protocol-Version"] == "2026-07-28"
    assert (headers["Mcp-Method"], headers["Mcp-Name"]) == ("tools/call", "echo")
    assert "Mcp-Session-Id" not in headers


async def test_a_legacy_server_gets_a_handshake_and_its_session(mcp: Mcp):
    async with scripted(legacy(offering(ECHO))) as server:
        work = mcp({"url": server.url})
        await work.call("echo")
        await work.call("echo")
        calls = [each for each in server.arrived if each.method == "tools/call"]
        assert server.methods().count("initialize") == 2  # once to discover, once for all calls
    assert [each.request.headers["Mcp-Session-Id"] for each in calls] == ["s1", "s1"]
    assert calls[0].request.headers["MCP-Protocol-Version"] == "2025-11-25"
    assert "_meta" not in calls[0].message["params"]


@pytest.mark.parametrize("code", [-32601, -32600, -32000, -32602])
async def test_any_error_that_is_not_a_modern_one_means_legacy(mcp: Mcp, code: int):
    async def answer(arrived: Arrived) -> web.StreamResponse:
        if arrived.method == "server/discover":
            return arrived.error(code)
        return await legacy(offering(ECHO))(arrived)

    async with scripted(answer) as server:
        await mcp({"url": server.url}).discover()
        assert "initialize" in server.methods()


async def test_an_unsupported_version_with_only_legacy_ones_means_legacy(mcp: Mcp):
    async def answer(arrived: Arrived) -> web.StreamResponse:
        if arrived.method == "server/discover":
            return arrived.error(-32022, status=400, data={"supported": ["2025-11-25"]})
        return await legacy(offering(ECHO))(arrived)

    async with scripted(answer) as server:
        await mcp({"url": server.url}).discover()
        assert "initialize" in server.methods()


async def test_a_server_of_an_unknown_age_is_refused_by_name(mcp: Mcp):
    async def answer(arrived: Arrived) -> web.StreamResponse:
        return arrived.error(-32022, status=400, data={"supported": ["2031-01-01"]})

    async with scripted(answer) as server:
        with pytest.raises(UpstreamError, match="no protocol version that we know"):
            await mcp({"url": server.url}).discover()


async def test_a_complaint_about_headers_means_modern(mcp: Mcp):
    async def answer(arrived: Arrived) -> web.StreamResponse:
        if arrived.method == "server/discover":
            return arrived.error(-32020, status=400)
        return await offering(ECHO)(arrived)

    async with scripted(answer) as server:
        await mcp({"url": server.url}).discover()
        assert "initialize" not in server.methods()


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, Code.CONNECTION_REJECTED),
        (403, Code.CONNECTION_REJECTED),
        (429, Code.UPSTREAM_HTTP_ERROR),
        (500, Code.UPSTREAM_HTTP_ERROR),
        (503, Code.UPSTREAM_HTTP_ERROR),
        (302, Code.UPSTREAM_HTTP_ERROR),
    ],
)
async def test_a_refusal_or_failure_is_no_verdict(mcp: Mcp, status: int, code: Code):
    async def answer(_: Arrived) -> web.StreamResponse:
        return web.Response(status=status, headers={"Location": "/elsewhere"} if status == 302 else {})

    async with scripted(answer) as server:
        with pytest.raises(UpstreamError) as raised:
            await mcp({"url": server.url}).discover()
        assert server.methods() == ["server/discover"]
    assert raised.value.code is code
    assert raised.value.details["status"] == status


async def test_silence_is_no_verdict(mcp: Mcp):
    async def answer(_: Arrived) -> web.StreamResponse:
        await asyncio.Event().wait()
        return web.Response()

    async with scripted(answer) as server:
        with pytest.raises(UpstreamError) as raised:
            await mcp({"url": server.url}, seconds=0.5).discover()
        assert server.methods() == ["server/discover"]
    assert raised.value.code is Code.UPSTREAM_TIMEOUT


async def test_a_page_that_is_no_mcp_server_is_told_by_its_status(mcp: Mcp):
    async def answer(_: Arrived) -> web.StreamResponse:
        return web.Response(status=404, text="<html>Not found</html>", content_type="text/html")

    async with scripted(answer) as server:
        with pytest.raises(UpstreamError) as raised:
            await mcp({"url": server.url}).discover()
        assert server.methods() == ["server/discover", "initialize"]
    assert raised.value.details["status"] == 404


async def test_a_failure_before_the_call_says_that_nothing_was_sent(mcp: Mcp):
    async with scripted(modern(offering(ECHO))) as server:
        work = mcp({"url": server.url})
        await work.discover()
    with pytest.raises(UpstreamError) as raised:
        await work.call("echo")
    assert raised.value.sent is False
    assert raised.value.details["sent"] is False


async def test_a_server_that_changes_its_era_is_asked_again(mcp: Mcp):
    now = [modern(offering(ECHO))]

    async def answer(arrived: Arrived) -> web.StreamResponse:
        return await now[0](arrived)

    async with scripted(answer) as server:
        work = mcp({"url": server.url})
        assert (await work.call("echo")).outcome == "ok"
        now[0] = legacy(offering(ECHO))
        assert (await work.call("echo")).outcome == "tool_error"
        assert (await work.call("echo")).outcome == "ok"


async def test_the_credential_arrives_where_it_belongs(mcp: Mcp, mcp_server_with_token: Running):
    config = {"url": mcp_server_with_token.url}
    with pytest.raises(UpstreamError) as raised:
        await mcp(config).discover()
    assert raised.value.code is Code.CONNECTION_REJECTED
    work = mcp(config, credential=leased(f"Bearer {MCP_TOKEN}"))
    assert (await work.call("echo", {"text": "in"})).outcome == "ok"


async def test_a_query_credential_is_added_to_the_url(mcp: Mcp):
    async with scripted(modern(offering(ECHO))) as server:
        work = mcp({"url": f"{server.url}?a=1"}, credential=leased("s&cret", "key", "query"))
        await work.call("echo")
        assert dict(server.arrived[-1].request.query) == {"a": "1", "key": "s&cret"}
