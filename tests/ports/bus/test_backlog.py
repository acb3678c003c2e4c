"""What waits to be written when the connection to NATS is lost is forgotten, not sent later."""

import asyncio
import os
import random
import signal

import msgspec
import pytest
from nats.aio.client import Client

from executor_shared import context
from executor_shared.bus import Handler
from executor_shared.contracts.adapters import EXECUTE_CALL, ExecuteCall, Executed
from executor_shared.contracts.base import ServiceName
from executor_shared.errors import ExecutorError
from executor_shared.testing.bus_fixtures import Nats
from executor_shared.testing.wires import NatsWire, eventually

_ROUTE = ("default", "mcp")


def _written(client: Client) -> tuple[int, bool]:
    """How many messages were handed to the client, and whether all of them left its own buffer."""
    return int(client.stats["out_msgs"]), client.pending_data_size == 0


@pytest.mark.connected
async def test_a_backlog_is_forgotten_with_the_connection(own_nats: Nats):
    wire = NatsWire(own_nats)
    adapters, gateway = await wire.bus(ServiceName.ADAPTERS), await wire.bus(ServiceName.GATEWAY)
    seen: list[str] = []

    async def execute(asked: ExecuteCall) -> Executed:
        seen.append(asked.grant)
        return Executed(outcome="ok", result=msgspec.Raw(b"{}"))

    async def ask(name: str, size: int = 0) -> None:
        filling = random.Random(size).randbytes(size).hex()
        nothing = msgspec.Raw(b"{}")
        asked = ExecuteCall(
            grant=name,
            arguments=msgspec.Raw(f'"{filling}"'.encode()),
            target=nothing,
            binding=nothing,
            public_digest="d",
        )
        with context.deadline_in(60):
            await gateway.request(EXECUTE_CALL, asked, route=_ROUTE)

    await adapters.serve(Handler(EXECUTE_CALL, execute, routes=(_ROUTE,)))
    await ask("control")
    # A server that does not read: the first frames fill the socket, the later ones wait in the client.
    assert own_nats.server.pid is not None
    os.kill(own_nats.server.pid, signal.SIGSTOP)
    waiting = [asyncio.create_task(ask(f"socket {n}", 2_000_000)) for n in range(8)]
    client: Client = gateway._transport._client  # pyright: ignore[reportAttributeAccessIssue] - its buffer is the subject
    await eventually(lambda: _written(client) == (9, True))
    waiting += [asyncio.create_task(ask(f"backlog {n}")) for n in range(8)]
    await eventually(lambda: _written(client) == (17, False))
    await wire.cut()
    await wire.mend()
    await ask("after")
    await ask("after that")  # in order: whatever had been sent before would have arrived by now
    assert seen == ["control", "after", "after that"]
    for task in waiting:
        task.cancel()
    ended = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(one, asyncio.CancelledError | ExecutorError) for one in ended)
    await wire.close()
