"""`executor up`: all of Executor on this machine, in the foreground."""

import asyncio
import contextlib
import json
import os
import shlex
import signal
import sys
from pathlib import Path

from executor_cli.agent import AGENT, introduce_agent
from executor_cli.client import Server
from executor_cli.commands.documents import apply_files, check_readable
from executor_cli.errors import CommandError
from executor_cli.local.home import Home, data_dir
from executor_cli.local.house import Started, local_house
from executor_cli.local.progress import Progress
from executor_cli.local.settings import SETTINGS
from executor_shared.service.environment import check_environment, settings_of
from executor_shared.service.logs import configure_logs
from executor_shared.service.run import loop_factory
from executor_shared.settings import ServiceSettings

_DEFAULT_PORT = 8484


def up(
    *,
    data_dir_: Path | None = None,
    host: str | None = None,
    port: int | None = None,
    config: tuple[Path, ...] = (),
) -> None:
    """Start all of Executor on this machine, until Ctrl-C.

    State is kept in the data directory and taken up again by the next start.

    Args:
        data_dir_: where state is kept; default: EXECUTOR_DATA_DIR, else your platform's data folder.
        host: address to listen on; default: EXECUTOR_HTTP__HOST, else 127.0.0.1.
        port: port to listen on, 0 picks a free one; default: EXECUTOR_HTTP__PORT, else 8484.
        config: documents to apply at start.

    """
    check_environment(SETTINGS)
    os.environ.setdefault("EXECUTOR_TELEMETRY__LOG_LEVEL", "warning")
    for kind in SETTINGS:
        settings_of(kind)  # what is wrong is said before anything starts
    common = settings_of(ServiceSettings)
    configure_logs(common.telemetry, "executor")
    check_readable(config)
    if port is None:
        port = common.http.port if "port" in common.http.model_fields_set else _DEFAULT_PORT
    home = Home(data_dir(data_dir_))
    home.prepare()
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(_up(home, host or common.http.host, port, config))


async def _up(home: Home, host: str, port: int, config: tuple[Path, ...]) -> None:
    """Run until told to stop, also while it is still starting."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    work = asyncio.create_task(_serve(home, host, port, config, stop))
    told = asyncio.create_task(stop.wait())
    await asyncio.wait({work, told}, return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    if stop.is_set() and home.running() is None:
        work.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await work
    print("Stopped.", flush=True)


async def _serve(home: Home, host: str, port: int, config: tuple[Path, ...], stop: asyncio.Event) -> None:
    progress = Progress(f"Executor, from {home.directory}")
    async with local_house(home, host, port, progress) as started:
        url = started.url
        await introduce_agent(home, url)
        if config:
            with progress.stage(f"applying {', '.join(str(path) for path in config)}"):
                await apply_files(Server(url, home.admin_token()), config)
        home.say_running(url)
        try:
            progress.ready()
            print(welcome(home, url), flush=True)
            await _until_told(started, stop)
            print("\nStopping: finishing what is in hand …", flush=True)
        finally:
            home.say_stopped()


async def _until_told(started: Started, stop: asyncio.Event) -> None:
    """Wait for the end.

    Raises:
        CommandError: a server of ours ended by itself.

    """
    told, broken = asyncio.create_task(stop.wait()), asyncio.create_task(started.broken())
    await asyncio.wait({told, broken}, return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    if not stop.is_set():
        raise CommandError(
            f"{broken.result()} ended by itself; everything else was stopped. Start again: state is kept."
        )
    broken.cancel()


def welcome(home: Home, url: str) -> str:
    """What to know and what to paste, once it runs."""
    token = f'"Authorization: Bearer $(cat {shlex.quote(str(home.agent_token_file))})"'
    http = {"type": "http", "url": f"{url}/mcp", "headers": {"Authorization": "Bearer <agent token>"}}
    stdio = {"command": _own_command(), "args": ["mcp"], "env": {"EXECUTOR_DATA_DIR": str(home.directory)}}
    return f"""
  MCP endpoint   {url}/mcp
  Console        {url}/
  Admin token    {home.token_file}   decides approvals, changes the configuration: yours
  Agent token    {home.agent_token_file}   for your agents (principal "{AGENT}"): cannot approve

Connect Claude Code:
  claude mcp add --transport http executor {url}/mcp --header {token}

Other clients, over HTTP:
  {json.dumps({"mcpServers": {"executor": http}})}

Clients that start a command:
  {json.dumps({"mcpServers": {"executor": stdio}})}

Add integrations with `executor apply -f FILE` (docs/quickstart.md). Ctrl-C stops everything.
"""


def _own_command() -> str:
    """The absolute path of the `executor` command that runs."""
    script = Path(sys.argv[0]).resolve()
    if script.name == "executor" and os.access(script, os.X_OK):
        return str(script)
    beside = Path(sys.executable).parent / "executor"
    if not beside.exists():
        raise CommandError("The `executor` command is not installed beside this Python.")
    return str(beside)
