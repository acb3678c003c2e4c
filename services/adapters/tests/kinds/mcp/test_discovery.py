"""Listing tools: all pages, and no bad tool harms another."""

import asyncio
import json
import time
from collections.abc import Callable

import pytest
from aiohttp import web
from services.adapters.tests.kinds.at_work import AtWork, shown
from services.adapters.tests.kinds.mcp.servers import ECHO, modern, offering
from services.adapters.tests.kinds.scripted import Arrived, Message, scripted

from executor_shared.contracts.adapters import Discovered
from executor_shared.errors import DescriptionInvalidError, ExecutorError

Mcp = Callable[..., AtWork]


async def found(mcp: Mcp, *tools: object) -> Discovered:
    async with scripted(modern(offering(*tools))) as server:
        return await mcp({"url": server.url}).discover()


def schema(**properties: object) -> Message:
    return {"type": "object", "properties": properties}


async def test_every_page_is_read(mcp: Mcp):
    async def tools(arrived: Arrived) -> web.StreamResponse:
        page = int(arrived.message["params"].get("cursor", 0))
        more = {"nextCursor": str(page + 1)} if page < 4 else {}
        return arrived.result({"tools": [{**ECHO, "name": f"tool{page}"}], **more})

    async with scripted(modern(tools)) as server:
        all_tools = await mcp({"url": server.url}).discover()
    assert [tool.own_name for tool in all_tools.tools] == [f"tool{page}" for page in range(5)]


@pytest.mark.parametrize("same", [True, False])
async def test_pages_without_end_are_refused(mcp: Mcp, same: bool):
    asked: list[None] = []

    async def tools(arrived: Arrived) -> web.StreamResponse:
        asked.append(None)
        return arrived.result({"tools": [], "nextCursor": "again" if same else str(len(asked))})

    async with scripted(modern(tools)) as server:
        with pytest.raises(DescriptionInvalidError):
            await mcp({"url": server.url}).discover()
    assert len(asked) <= 100


async def test_unknown_fields_of_a_tool_survive(mcp: Mcp):
    tool = {**ECHO, "futureField": {"a": [None]}, "_meta": {"ui": {"resourceUri": "ui://x"}}}
    tool["annotations"] = {"readOnlyHint": True, "vendorHint": 7}
    definition = shown((await found(mcp, tool)).tools[0].definition)
    assert definition == tool


@pytest.mark.parametrize(
    ("annotations", "effect"),
    [
        ({"readOnlyHint": True}, "read"),
        ({"readOnlyHint": True, "destructiveHint": True}, "read"),
        ({"destructiveHint": False}, "write"),
        ({"readOnlyHint": False}, "destructive"),
        ({"readOnlyHint": "yes"}, "destructive"),
        (None, "destructive"),
        ("odd", "destructive"),
    ],
)
async def test_effects_follow_the_annotations_and_doubt_is_destructive(
    mcp: Mcp, annotations: object, effect: str
):
    tool = {"name": "t", "inputSchema": {"type": "object"}, "annotations": annotations}
    assert (await found(mcp, tool)).tools[0].effect == effect


@pytest.mark.parametrize("given", [None, {}, True, "object", {"type": "string"}, ["a"]])
async def test_an_input_schema_that_is_no_object_becomes_any_object(mcp: Mcp, given: object):
    tool = (await found(mcp, {"name": "t", "inputSchema": given})).tools[0]
    assert shown(tool.definition)["inputSchema"] == {"type": "object"}


def nested(levels: int) -> Message:
    return schema(a=nested(levels - 1)) if levels else {"type": "object"}


DEEP = nested(200)
BOMB = {
    "type": "object",
    "properties": {"a": {"$ref": "#/$defs/d0"}},
    "$defs": {f"d{n}": {"anyOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(24)} | {"d24": {}},
}


@pytest.mark.parametrize(
    "bad",
    [
        {"name": ""},
        {"name": "white space"},
        {"name": "x" * 200},
        {"name": 7},
        "not an object",
        None,
        {"name": "bad", "inputSchema": DEEP},
        {"name": "bad", "inputSchema": BOMB},
        {"name": "bad", "inputSchema": schema(a={"$ref": "http://169.254.169.254/x"})},
        {"name": "bad", "inputSchema": schema(a={"$ref": "#/nowhere"})},
        {"name": "bad", "inputSchema": schema(a={"type": "bogus"})},
        {"name": "bad", "inputSchema": schema(a={"x-mcp-header": "not a token"})},
        {"name": "bad", "inputSchema": schema(**{f"p{n}": {"type": "string"} for n in range(3000)})},
        {"name": "bad", "inputSchema": schema(a={"default": "x" * 300_000})},
        {"name": "bad", "inputSchema": schema(a={"maximum": 2**60})},
        {"name": "good"},
    ],
)
async def test_a_bad_tool_is_set_aside_with_its_reason_and_harms_no_other(mcp: Mcp, bad: object):
    result = await found(mcp, {"name": "good"}, bad, {"name": "also-good"})
    assert [tool.own_name for tool in result.tools] == ["good", "also-good"]
    assert len(result.set_aside) == 1
    assert all(result.set_aside.values())


async def test_hostile_schemas_do_not_stall_the_worker(mcp: Mcp):
    """The patterns and references that froze the official client for good."""
    regex = {"type": "string", "pattern": "^(a+)+$"}
    tools = [
        {"name": f"t{n}", "inputSchema": schema(a=regex), "outputSchema": outputs}
        for n, outputs in enumerate((schema(a=regex), BOMB, DEEP, {"$ref": "#"}, "no schema"))
    ]
    longest = 0.0
    done = asyncio.Event()

    async def watch() -> None:
        nonlocal longest
        while not done.is_set():
            before = time.monotonic()
            await asyncio.sleep(0)
            longest = max(longest, time.monotonic() - before)

    result: Message = {"content": [], "structuredContent": {"a": "a" * 40 + "!"}}
    async with scripted(modern(offering(*tools, result=result))) as server:
        work = mcp({"url": server.url})
        watcher = asyncio.create_task(watch())
        for tool in (await work.discover()).tools:
            assert (await work.call(tool.own_name, {"a": "a" * 40 + "!"})).outcome == "ok"
        done.set()
        await watcher
    assert longest < 0.5
    kept = ["outputSchema" in shown(work.tool(f"t{n}").definition) for n in range(5)]
    assert kept == [True, False, False, True, False]


async def test_a_pattern_that_needs_back_tracking_is_left_out(mcp: Mcp):
    tool = {"name": "t", "inputSchema": schema(a={"type": "string", "pattern": "^(?!x).*$"})}
    definition = shown((await found(mcp, tool)).tools[0].definition)
    assert definition["inputSchema"] == schema(a={"type": "string"})


async def test_texts_lose_their_invisible_characters_but_data_does_not(mcp: Mcp):
    hidden = "safe\u202e\u200b\x07 text"
    tool = {
        "name": "t",
        "title": hidden,
        "description": hidden * 2000,
        "inputSchema": schema(a={"enum": [hidden], "description": hidden}),
    }
    definition = shown((await found(mcp, tool)).tools[0].definition)
    assert definition["title"] == "safe text"
    assert len(str(definition["description"])) <= 8 * 1024
    assert "\u202e" not in str(definition["description"])
    assert definition["inputSchema"] == schema(a={"enum": [hidden], "description": "safe text"})


async def test_a_server_without_tools_offers_none(mcp: Mcp):
    async def tools(arrived: Arrived) -> web.StreamResponse:
        return arrived.error(-32601, "Method not found")

    async with scripted(modern(tools)) as server:
        assert (await mcp({"url": server.url}).discover()).tools == ()


@pytest.mark.parametrize("listed", [{"tools": "none"}, {}, [], {"tools": [], "nextCursor": 7}])
async def test_a_list_that_is_none_is_refused(mcp: Mcp, listed: object):
    async def tools(arrived: Arrived) -> web.StreamResponse:
        return arrived.result(listed)

    async with scripted(modern(tools)) as server:
        with pytest.raises(DescriptionInvalidError):
            await mcp({"url": server.url}).discover()


async def test_two_lists_of_the_same_tools_are_the_same_bytes(mcp: Mcp):
    first, second = [await found(mcp, ECHO, {"name": "b"}) for _ in range(2)]
    assert [bytes(t.definition) for t in first.tools] == [bytes(t.definition) for t in second.tools]
    assert [bytes(t.binding) for t in first.tools] == [b'{"name":"echo"}', b'{"name":"b"}']
    assert json.loads(bytes(first.tools[0].definition)) == ECHO


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({}, "mcp.url"),
        ({"url": "https://a.example/mcp", "command": ["x"]}, "mcp.url"),
        ({"url": "ftp://a.example"}, "mcp.url"),
        ({"url": "https://user:pw@a.example/mcp"}, "mcp.url"),
        ({"url": "https://a.example/mcp#x"}, "mcp.url"),
        ({"url": 7}, "mcp.url"),
        ({"url": "https://a.example/mcp", "env": {}}, "mcp.env"),
        ({"url": "https://a.example/mcp", "headers": {}}, "mcp.headers"),
        ({"command": []}, "mcp.command"),
        ({"command": "npx server"}, "mcp.command"),
        ({"command": ["x", 1]}, "mcp.command"),
        ({"command": ["x"], "env": {"A": 1}}, "mcp.env.A"),
        ({"command": ["x"], "env": {"A B": "1"}}, "mcp.env.A B"),
    ],
)
async def test_a_wrong_field_is_named(mcp: Mcp, config: dict[str, object], field: str):
    with pytest.raises(ExecutorError) as raised:
        await mcp(config).discover()
    assert raised.value.details["field"] == field
    assert raised.value.message.startswith(field)


async def test_the_origin_has_its_port(mcp: Mcp):
    assert (
        await mcp({"url": "https://MCP.example.com/mcp"}).target()
    ).origin == "https://mcp.example.com:443"
    assert (await mcp({"command": ["x"]}).target()).origin == "stdio:up"
