"""The five services in a process of their own, wired as local mode wires them, over servers that the test owns.

Run: `python -m tests.flows.serve` with a `Task` as one JSON line on stdin. Announces `{"url": …}` on stdout, logs to
stderr, and drains when stdin closes.
"""

import asyncio
import json
import sys
from pathlib import Path

import msgspec

from executor_cli.local.home import Home
from executor_cli.local.house import take_port
from executor_cli.local.services import running_with
from executor_cli.local.wiring import Wiring
from executor_shared.contracts.base import ServiceName
from executor_shared.service.environment import settings_of
from executor_shared.service.logs import configure_logs
from executor_shared.service.run import loop_factory
from executor_shared.settings import BusSettings, DatabaseSettings, ServiceSettings

_HOST = "127.0.0.1"


class Task(msgspec.Struct):
    """What to serve: the data directory with its keys, the database, and each service's way to the bus."""

    home: str
    database: str
    bus_url: str
    bus_passwords: dict[str, str]

    def bus(self, name: ServiceName) -> BusSettings:
        """How one service connects."""
        given = {"url": self.bus_url, "user": str(name), "password": self.bus_passwords[name]}
        return BusSettings.model_validate(given)


async def serve(task: Task) -> None:
    """Serve until stdin closes."""
    home = Home(Path(task.home))
    home.prepare()
    port = take_port(_HOST, 0)
    url = f"http://{_HOST}:{port}"
    database = DatabaseSettings.model_validate({"url": task.database})
    wiring = Wiring(home, task.bus, database, _HOST, port, url, own_ports=(port,))
    async with running_with(wiring):
        sys.stdout.write(json.dumps({"url": url}) + "\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    configure_logs(settings_of(ServiceSettings).telemetry, "executor")
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(serve(msgspec.json.decode(sys.stdin.readline(), type=Task)))
