"""Local servers: real ones and rude ones, their environment, their death and ours."""

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import structlog
from services.adapters.tests.kinds.at_work import AtWork, leased, opened, shown
from tests.upstreams import git_command, sdk_command

from executor_adapters.kinds.mcp import KIND
from executor_adapters.kinds.mcp.pool import Pool
from executor_adapters.kinds.mcp.stdio import Child, Program, connect
from executor_shared.context import deadline_in
from executor_shared.errors import Code, ExecutorError, UpstreamError

Mcp = Callable[..., AtWork]
RUDE = str(Path(__file__).with_name("rude_server.py"))


def rude(mode: str) -> dict[str, object]:
    return {"command": [sys.executable, RUDE, mode]}


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def gone(pid: int) -> None:
    """Wait until a process is no more, or only a corpse."""
    async with asyncio.timeout(10):
        while alive(pid):  # noqa: ASYNC110  nobody tells us of the end of a process that is not our child
            await asyncio.sleep(0.02)


async def test_a_server_from_a_registry_is_used_over_stdio(mcp: Mcp, git_repository: Path):
    work = mcp({"command": git_command(git_repository)})
    found = await work.discover()
    assert {"git_log", "git_status"} <= {tool.own_name for tool in found.tools}
    result = await work.call("git_log", {"repo_path": str(git_repository)})
    assert result.outcome == "ok"
    assert "First commit" in bytes(result.result or b"").decode()


async def test_server_everything_is_used_over_stdio(mcp: Mcp, everything_stdio: list[str]):
    result = await mcp({"command": everything_stdio}).call("echo", {"message": "hi"})
    assert shown(result.result)["content"] == [{"type": "text", "text": "Echo: hi"}]


async def test_one_process_serves_all_calls_and_keeps_its_state(mcp: Mcp):
    work = mcp({"command": sdk_command()})
    await work.call("add_note", {"text": "one"})
    await work.call("add_note", {"text": "two"})
    notes = shown((await work.call("list_notes")).result)
    assert notes["structuredContent"] == {"result": ["one", "two"]}


async def test_the_environment_is_what_was_given_and_no_more(mcp: Mcp, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SECRET_OF_THE_WORKER", "leak")
    config: dict[str, object] = {"command": sdk_command(), "env": {"GREETING": "hello"}}
    work = mcp(config, credential=leased("s3cret", "API_TOKEN", "env"))
    seen = [
        shown((await work.call("show_environment", {"name": name})).result)["structuredContent"]
        for name in ("GREETING", "API_TOKEN", "SECRET_OF_THE_WORKER", "PATH")
    ]
    assert seen == [{"result": "hello"}, {"result": "s3cret"}, {"result": ""}, {"result": os.environ["PATH"]}]


async def test_another_credential_is_another_process(mcp: Mcp):
    pids = set[object]()
    for token in ("one", "two"):
        work = mcp({"command": sdk_command()}, credential=leased(token, "API_TOKEN", "env"))
        pids.add(str(shown((await work.call("show_process")).result)["structuredContent"]))
    assert len(pids) == 2


async def test_a_death_in_the_middle_of_a_call_is_unknown_and_the_next_call_starts_anew(mcp: Mcp):
    work = mcp({"command": sdk_command()})
    with pytest.raises(UpstreamError) as raised:
        await work.call("end_now")
    assert raised.value.sent is True
    assert (await work.call("echo", {"text": "again"})).outcome == "ok"


async def test_a_slow_answer_is_unknown_and_the_process_stays(mcp: Mcp):
    work = mcp({"command": sdk_command()})
    before = shown((await work.call("show_process")).result)
    work.seconds = 0.5
    with pytest.raises(UpstreamError) as raised:
        await work.call("wait_for_ever")
    assert (raised.value.code, raised.value.sent) == (Code.UPSTREAM_TIMEOUT, True)
    work.seconds = 20
    assert shown((await work.call("show_process")).result) == before


@pytest.mark.parametrize("mode", ["refuses", "dies"])
async def test_a_server_that_does_not_know_the_question_is_greeted_the_old_way(mcp: Mcp, mode: str):
    work = mcp(rude(mode))
    assert (await work.discover()).title == mode
    assert (await work.call("run")).outcome == "ok"


async def test_a_server_that_stays_silent_is_greeted_the_old_way(mcp: Mcp):
    work = mcp(rude("silent"), seconds=3.0)
    assert (await work.discover()).title == "silent"


async def test_a_flood_is_cut_off(mcp: Mcp):
    with pytest.raises(UpstreamError) as raised:
        await mcp(rude("floods")).call("run")
    assert (raised.value.code, raised.value.sent) == (Code.UPSTREAM_RESPONSE_TOO_LARGE, True)


async def test_what_a_server_asks_is_answered(mcp: Mcp):
    result = shown((await mcp(rude("asks")).call("run")).result)
    assert "-32601" in json.dumps(result)


async def test_a_secret_on_stderr_is_blotted_out_of_the_log(mcp: Mcp):
    with structlog.testing.capture_logs() as logs:
        work = mcp(rude("refuses"), credential=leased("s3cret-t0ken", "TOKEN", "env"))
        await work.call("run")
    lines = [str(entry["line"]) for entry in logs if entry["event"] == "mcp.stdio.stderr"]
    assert "token is [redacted]" in lines
    assert "s3cret" not in str(logs)


async def test_a_program_that_is_not_there_is_told_and_nothing_was_sent(mcp: Mcp):
    with pytest.raises(UpstreamError) as raised:
        await mcp({"command": ["no-such-program-here"]}).discover()
    assert raised.value.sent is False
    assert "no-such-program-here" in raised.value.message


async def test_a_header_credential_cannot_go_to_a_local_server(mcp: Mcp):
    with pytest.raises(ExecutorError) as raised:
        await mcp(rude("refuses"), credential=leased("Bearer x")).discover()
    assert raised.value.code is Code.CREDENTIAL_UNAVAILABLE


async def test_local_servers_can_be_switched_off():
    async with opened(KIND, stdio=False) as make:
        with pytest.raises(ExecutorError) as raised:
            await make(rude("refuses")).discover()
    assert raised.value.details["field"] == "mcp.command"


async def test_children_end_with_the_kind():
    async with opened(KIND) as make:
        work = make({"command": sdk_command()})
        pid = shown((await work.call("show_process")).result)["structuredContent"]["result"]
        assert psutil.pid_exists(int(pid))
    await gone(int(pid))


async def test_a_program_runs_in_the_folder_that_the_operator_chose(tmp_path: Path):
    (tmp_path / "here").symlink_to("/bin/pwd")
    child = await Child.start(Program(("./here",), folder=str(tmp_path)))
    assert await child.read() == f"{tmp_path}\n".encode()
    await child.stop()
    with pytest.raises(
        UpstreamError, match=r"'./gone' of git cannot be started in the folder .*No such file"
    ):
        await Child.start(Program(("./gone",), label="git", folder=str(tmp_path)))


async def test_an_idle_process_is_stopped_and_a_busy_one_is_not():
    pool = Pool()
    key = ("target", "connection", "credential")

    async def start() -> object:
        return await connect(Program(tuple(sdk_command())))

    with deadline_in(20):
        async with pool.borrowed(key, start) as upstream:  # type: ignore[arg-type]
            pid: int = upstream.pid  # type: ignore[attr-defined]
            await pool.sweep(time.monotonic() + 1)
            assert psutil.pid_exists(pid)
        await pool.sweep(time.monotonic() + 1)
    await gone(pid)
    await pool.close()


ORPHANER = """
import asyncio, sys
from executor_adapters.kinds.mcp.stdio import Program, connect
async def main():
    server = await connect(Program(tuple(sys.argv[1:])))
    print(server.pid, flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="PR_SET_PDEATHSIG is Linux's")
async def test_a_child_dies_when_its_worker_is_killed():
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-c", ORPHANER, *sdk_command(), stdout=asyncio.subprocess.PIPE
    )
    assert worker.stdout is not None
    pid = int(await worker.stdout.readline())
    worker.kill()
    await worker.wait()
    await gone(pid)
