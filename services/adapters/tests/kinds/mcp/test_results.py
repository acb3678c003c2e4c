"""What an answer means, and that a result arrives byte for byte."""

from collections.abc import Callable

import msgspec
import pytest
from aiohttp import web
from services.adapters.tests.kinds.at_work import AtWork, shown
from services.adapters.tests.kinds.mcp.servers import ECHO, Tools, legacy, modern, offering, stream
from services.adapters.tests.kinds.scripted import Arrived, Message, scripted
from tests.upstreams import Running

from executor_shared.errors import Code, ExecutorError, UpstreamError

Mcp = Callable[..., AtWork]
Answer = Callable[[Arrived], web.Response]

ODD = (
    b'{"content":[{"type":"hologram","beam":[1,2]},{"type":"text","text":"\xc3\xbc","extra":null}], '
    b'"structuredContent":{"n":null,"big":12345678901234567890123,"f":1.0},"_meta":{"example.com/x":true},'
    b'"futureField":{"a":[]}}'
)


def calling(answer: Answer) -> Tools:
    async def tools(arrived: Arrived) -> web.StreamResponse:
        if arrived.method == "tools/list":
            return arrived.result({"tools": [ECHO]})
        return answer(arrived)

    return tools


def text(body: bytes, kind: str = "application/json") -> web.Response:
    return web.Response(body=body, content_type=kind)


def framed(arrived: Arrived, result: bytes) -> bytes:
    return b'{"jsonrpc":"2.0","id":%d,"result":%s}' % (arrived.message["id"], result)


@pytest.mark.parametrize("era", [modern, legacy])
async def test_unknown_fields_and_kinds_of_content_survive_byte_for_byte(
    mcp: Mcp, era: Callable[[Tools], Tools]
):
    async with scripted(era(calling(lambda arrived: text(framed(arrived, ODD))))) as server:
        result = await mcp({"url": server.url}).call("echo")
    assert bytes(result.result or b"") == ODD


async def test_the_sdk_servers_odd_result_survives(mcp: Mcp, mcp_server: Running):
    result = shown((await mcp({"url": mcp_server.url}).call("odd")).result)
    assert result["structuredContent"] == {
        "nothing": None,
        "big": 9007199254740993,
        "deep": {"list": [1, None, "ü"]},
    }
    assert result["_meta"]["example.com/vendor"] == {"kept": True}


async def test_a_tool_that_fails_keeps_its_result(mcp: Mcp, mcp_server: Running):
    result = await mcp({"url": mcp_server.url}).call("fail", {"reason": "rain"})
    assert (result.outcome, result.code) == ("tool_error", Code.MCP_TOOL_ERROR)
    assert "rain" in bytes(result.result or b"").decode()


async def test_an_unknown_tool_is_told_as_such(mcp: Mcp, mcp_server: Running):
    await unknown(mcp({"url": mcp_server.url}))


async def test_an_unknown_tool_of_server_everything_is_told_as_such(mcp: Mcp, everything_server: Running):
    await unknown(mcp({"url": everything_server.url}))


async def unknown(work: AtWork) -> None:
    result = await work.call_bound(msgspec.Raw(b'{"name":"gone"}'))
    assert (result.outcome, result.code) == ("tool_error", Code.MCP_TOOL_UNKNOWN)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ((-32602, "Unknown tool: echo"), Code.MCP_TOOL_UNKNOWN),
        ((-32602, "MCP error -32602: Tool echo not found"), Code.MCP_TOOL_UNKNOWN),
        ((-32601, "Method not found"), Code.MCP_TOOL_UNKNOWN),
        ((-32602, "text: a string is required"), Code.MCP_TOOL_ERROR),
        ((-32603, "Internal error"), Code.MCP_TOOL_ERROR),
        ((-31999, "The account is closed"), Code.MCP_TOOL_ERROR),
    ],
)
async def test_protocol_errors_become_tool_errors(mcp: Mcp, error: tuple[int, str], code: Code):
    async with scripted(modern(calling(lambda arrived: arrived.error(*error, data={"more": [1]})))) as server:
        result = await mcp({"url": server.url}).call("echo")
    assert (result.outcome, result.code) == ("tool_error", code)
    assert shown(result.result)["isError"] is True
    assert error[1] in result.message


@pytest.mark.parametrize(
    ("status", "outcome", "code"),
    [
        (401, "tool_error", Code.CONNECTION_REJECTED),
        (403, "tool_error", Code.CONNECTION_REJECTED),
        (404, "tool_error", Code.UPSTREAM_HTTP_ERROR),
        (429, "tool_error", Code.UPSTREAM_HTTP_ERROR),
        (500, "tool_error", Code.UPSTREAM_HTTP_ERROR),
        (502, "unknown", Code.UPSTREAM_HTTP_ERROR),
        (504, "unknown", Code.UPSTREAM_HTTP_ERROR),
    ],
)
async def test_http_statuses_of_a_call(mcp: Mcp, status: int, outcome: str, code: Code):
    async with scripted(modern(calling(lambda _: web.Response(status=status, text="secret page")))) as server:
        result = await mcp({"url": server.url}).call("echo")
    assert (result.outcome, result.code, result.status) == (outcome, code, status)
    assert "secret page" not in result.message


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<html>", "text/html"),
        (b"", "application/json"),
        (b'{"jsonrpc":"2.0","id":ID,"result":{"nothing":1}}', "application/json"),
        (b'{"jsonrpc":"2.0","id":ID,"result":"text"}', "application/json"),
        (b'{"jsonrpc":"2.0","id":ID,"result":{"content":[],"resultType":"surprise"}}', "application/json"),
        (b'{"jsonrpc":"2.0","id":ID,"result":{"content":[{"text":"\xff"}]}}', "application/json"),
        (
            b'{"jsonrpc":"2.0","id":ID,"result":{"content":' + b"[" * 10**5 + b"]" * 10**5 + b"}}",
            "application/json",
        ),
        (b'{"jsonrpc":"2.0","id":987,"result":{"content":[]}}', "application/json"),
        (b'{"jsonrpc":"2.0","id":ID}', "application/json"),
    ],
)
async def test_an_answer_that_cannot_be_understood_leaves_the_outcome_unknown(
    mcp: Mcp, body: bytes, kind: str
):
    def answer(arrived: Arrived) -> web.Response:
        return text(body.replace(b"ID", b"%d" % arrived.message["id"]), kind)

    async with scripted(modern(calling(answer))) as server:
        with pytest.raises(UpstreamError) as raised:
            await mcp({"url": server.url}).call("echo")
    assert (raised.value.code, raised.value.sent) == (Code.UPSTREAM_INVALID_RESPONSE, True)


@pytest.mark.parametrize("kind", ["input_required", "task"])
async def test_a_server_that_wants_what_was_not_offered_is_told_plainly(mcp: Mcp, kind: str):
    async with scripted(modern(offering(ECHO, result={"resultType": kind}))) as server:
        result = await mcp({"url": server.url}).call("echo")
    assert (result.outcome, result.code) == ("tool_error", Code.NOT_AVAILABLE_YET)


async def test_a_header_mismatch_means_that_the_definition_changed(mcp: Mcp):
    async with scripted(modern(calling(lambda arrived: arrived.error(-32020, status=400)))) as server:
        with pytest.raises(ExecutorError) as raised:
            await mcp({"url": server.url}).call("echo")
    assert raised.value.code is Code.DEFINITION_CHANGED


async def test_an_answer_beyond_the_bound_is_cut_off(mcp: Mcp, mcp_server: Running):
    work = mcp({"url": mcp_server.url})
    with pytest.raises(UpstreamError) as raised:
        await work.call("large", {"size": 2_000_000}, max_bytes=1_000_000)
    assert (raised.value.code, raised.value.sent) == (Code.UPSTREAM_RESPONSE_TOO_LARGE, True)
    assert (await work.call("echo", {"text": "still there"})).outcome == "ok"


async def test_a_large_answer_in_one_event_arrives_whole(mcp: Mcp):
    big: Message = {"content": [{"type": "text", "text": "y" * 3_000_000}]}

    async def tools(arrived: Arrived) -> web.StreamResponse:
        if arrived.method == "tools/list":
            return arrived.result({"tools": [ECHO]})
        return await stream(arrived, {"jsonrpc": "2.0", "id": arrived.message["id"], "result": big})

    async with scripted(modern(tools)) as server:
        result = await mcp({"url": server.url}).call("echo")
    assert len(bytes(result.result or b"")) > 3_000_000


@pytest.mark.parametrize("cut", [True, False])
async def test_a_stream_without_the_answer_leaves_the_outcome_unknown(mcp: Mcp, cut: bool):
    async def tools(arrived: Arrived) -> web.StreamResponse:
        if arrived.method == "tools/list":
            return arrived.result({"tools": [ECHO]})
        return await stream(arrived, {"jsonrpc": "2.0", "method": "notifications/message"}, cut=cut)

    async with scripted(modern(tools)) as server:
        with pytest.raises(UpstreamError) as raised:
            await mcp({"url": server.url}).call("echo")
    assert raised.value.sent is True


async def test_structured_content_alone_gets_the_content_that_clients_need(mcp: Mcp):
    async with scripted(modern(offering(ECHO, result={"structuredContent": {"a": 1}}))) as server:
        result = await mcp({"url": server.url}).call("echo")
    assert shown(result.result) == {"content": [], "structuredContent": {"a": 1}}


async def test_annotated_arguments_are_mirrored_as_headers(mcp: Mcp):
    tool: Message = {
        "name": "echo",
        "inputSchema": {
            "type": "object",
            "properties": {"region": {"type": "string", "x-mcp-header": "Region"}},
        },
    }
    async with scripted(modern(offering(tool))) as server:
        await mcp({"url": server.url}).call("echo", {"region": "Zürich"})
        headers = server.arrived[-1].request.headers
    assert headers["Mcp-Param-Region"] == "=?base64?WsO8cmljaA==?="
