"""Fixtures of a real NATS with our permissions, and of the memory bus."""

from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from executor_shared.bus import Bus, MemoryHub, MemoryTransport
from executor_shared.contracts.base import ServiceName
from executor_shared.servers.nats import NatsServer
from executor_shared.settings import BusSettings

_TAP = "tap"


@dataclass(frozen=True, slots=True)
class Nats:
    """A real nats-server under the generated permissions.

    Attributes:
        server: the process, for tests that kill it (use `own_nats` for those).

    """

    server: NatsServer

    def settings(self, service: ServiceName) -> BusSettings:
        """How a service connects."""
        return self.server.settings(service)

    def tap_settings(self) -> BusSettings:
        """A user who may hear everything and say nothing."""
        return self.server.settings(_TAP)


@contextmanager
def started(directory: Path) -> Generator[Nats]:
    """A server for the block; two houses on one server would answer each other's questions."""
    tap = {"publish": {"deny": [">"]}, "subscribe": {"allow": [">"]}}
    server = NatsServer(directory, extra_users={_TAP: tap})
    server.start()
    try:
        yield Nats(server)
    finally:
        server.stop()


@pytest.fixture(scope="session")
def nats(tmp_path_factory: pytest.TempPathFactory) -> Generator[Nats]:
    """One server for all tests of this process."""
    with started(tmp_path_factory.mktemp("nats")) as server:
        yield server


@pytest.fixture
def own_nats(tmp_path_factory: pytest.TempPathFactory) -> Generator[Nats]:
    """A server of this test alone, which it may kill and start again."""
    with started(tmp_path_factory.mktemp("nats")) as server:
        yield server


@pytest.fixture
def hub() -> MemoryHub:
    """The memory bus of this test."""
    return MemoryHub()


@pytest.fixture
async def bus_of(hub: MemoryHub) -> AsyncGenerator[Callable[[ServiceName], Bus]]:
    """A new bus of a service on the memory bus; closed after the test."""
    opened: list[Bus] = []

    def open_bus(service: ServiceName) -> Bus:
        opened.append(Bus(service, MemoryTransport(hub)))
        return opened[-1]

    yield open_bus
    for bus in opened:
        await bus.close()
