"""The house on one machine: NATS and PostgreSQL as children, the five services in this process."""

import asyncio
import errno
import importlib
import os
import socket
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

from executor_cli.errors import CommandError
from executor_cli.local.home import Home
from executor_cli.local.progress import Progress
from executor_cli.local.wiring import Wiring
from executor_shared.servers import nats, postgres
from executor_shared.settings import DatabaseSettings

_LOOK_SECONDS = 1.0


def take_port(host: str, port: int) -> int:
    """The port to listen on, found free now; 0 picks one.

    Raises:
        CommandError: it is taken or not ours to take, or the address is not of this machine.

    """
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OverflowError:
            raise CommandError(f"There is no port {port}: expected 0 (picks a free one) to 65535.") from None
        except OSError as error:
            advice = (
                "Stop what uses it, or choose another port with --port or EXECUTOR_HTTP__PORT (0 picks a free one)."
                if error.errno == errno.EADDRINUSE
                else "Choose another address with --host, or another port with --port."
            )
            raise CommandError(f"Cannot listen on {host}:{port}: {error.strerror}. {advice}") from error
        return probe.getsockname()[1]


class Child(Protocol):
    """A server of ours that runs beside us."""

    @property
    def alive(self) -> bool:
        """Whether it still does."""
        ...


@dataclass(slots=True)
class Started:
    """A running house: its address, and the servers that it cannot do without."""

    url: str
    children: dict[str, Child] = field(default_factory=dict[str, Child])

    async def broken(self) -> str:
        """Return once one of the servers has ended by itself: its name."""
        while True:
            for name, child in self.children.items():
                if not child.alive:
                    return name
            await asyncio.sleep(_LOOK_SECONDS)


async def _database(
    stack: AsyncExitStack, started: Started, home: Home, progress: Progress
) -> DatabaseSettings:
    if "EXECUTOR_DATABASE__URL" in os.environ:
        return DatabaseSettings(url=os.environ["EXECUTOR_DATABASE__URL"])  # pyright: ignore[reportCallIssue, reportArgumentType]
    first = not (home.directory / "postgres" / "data").exists()
    with progress.stage("PostgreSQL (first start: making its data directory)" if first else "PostgreSQL"):
        server = await stack.enter_async_context(postgres.running(home.directory / "postgres"))
    started.children["PostgreSQL"] = server
    return server.settings()


@asynccontextmanager
async def local_house(home: Home, host: str, port: int, progress: Progress) -> AsyncGenerator[Started]:
    """Everything running. Leaving drains and stops all of it."""
    chosen = take_port(host, port)
    shown = "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104 - compared, not bound
    url = f"http://{f'[{shown}]' if ':' in shown else shown}:{chosen}"
    # The services' code is loaded while PostgreSQL starts: each takes about a second.
    loading = asyncio.get_running_loop().run_in_executor(
        None, importlib.import_module, "executor_cli.local.services"
    )
    started = Started(url)
    async with AsyncExitStack() as stack:
        database = await _database(stack, started, home, progress)
        with progress.stage("NATS, with the permissions of each service"):
            server = await stack.enter_async_context(nats.nats_server(home.directory / "nats"))
        started.children["NATS"] = server
        wiring = Wiring(home, server.settings, database, host, chosen, url, own_ports=(server.port, chosen))
        with progress.stage("vault-broker, adapters, catalog, policy, gateway"):
            services = await loading
            await stack.enter_async_context(services.running_with(wiring))
        yield started
