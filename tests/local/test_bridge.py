"""`executor mcp`: hosts that start a command reach the same endpoint, in both protocol eras."""

import asyncio
import json
import sys
from collections.abc import Generator

import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters

from tests.local.running import COMMAND, Local, environment, executor, local
from tests.local.test_up import KEY, document
from tests.upstreams import crm


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Generator[Local]:
    folder = tmp_path_factory.mktemp("bridge")
    with crm(KEY) as upstream, local(folder / "data") as running:
        path = document(folder, upstream.url)
        assert executor(running.directory, "apply", "-f", str(path), CRM_KEY=KEY).returncode == 0
        yield running


def command(here: Local) -> StdioServerParameters:
    return StdioServerParameters(
        command=sys.executable, args=["-m", "executor_cli.main", "mcp"], env=environment(here.directory)
    )


@pytest.mark.parametrize("mode", ["legacy", "auto", "2026-07-28"])
async def test_the_official_client_lists_and_calls_through_the_bridge(here: Local, mode: str) -> None:
    async with asyncio.timeout(30), Client(command(here), mode=mode) as client:
        names = [tool.name for tool in (await client.list_tools()).tools]
        assert "crm__customers_list" in names
        result = await client.call_tool("crm__customers_list", {"city": "London"})
        assert (result.meta or {})["executor/call"]["outcome"] == "ok"
        many = await asyncio.gather(
            *(client.call_tool("crm__customers_get", {"id": f"c{i}"}) for i in (1, 2, 3))
        )
        assert [one.is_error for one in many] == [False, False, False]


async def speak(here: Local, *lines: str, **more: str) -> list[dict[str, object]]:
    """What the bridge writes for these lines, until it has ended."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        "mcp",
        env=environment(here.directory, **more),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("".join(f"{line}\n" for line in lines).encode())
    answers: list[dict[str, object]] = []
    async with asyncio.timeout(20):
        while len(answers) < len(lines):
            answers.append(json.loads(await process.stdout.readline()))
        process.stdin.close()
        assert await process.wait() == 0
    return answers


async def test_lines_that_are_no_json_are_answered_and_the_next_ones_served(here: Local) -> None:
    initialize = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "t", "version": "1"},
        },
    }
    answers = await speak(here, "{not json", json.dumps(initialize))
    assert [answer.get("id") for answer in answers] == [None, 1]
    assert "error" in answers[0]
    assert "result" in answers[1]


async def test_a_wrong_token_is_said_in_words(here: Local) -> None:
    listing = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    [answer] = await speak(here, json.dumps(listing), EXECUTOR_URL=here.url, EXECUTOR_TOKEN="wrong")
    assert "refused the token" in json.dumps(answer)
