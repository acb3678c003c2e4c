"""Both transports behind one face, so that one suite holds them to the same promises."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from executor_shared.bus import Bus, MemoryHub, MemoryTransport
from executor_shared.bus.nats import NatsTransport
from executor_shared.bus.transport import Transport
from executor_shared.contracts.base import ServiceName
from executor_shared.testing.bus_fixtures import Nats

_POLL_SECONDS = 0.005


async def eventually(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait until `condition` holds.

    Raises:
        TimeoutError: it does not in `seconds`.

    """
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - other processes change it
            await asyncio.sleep(_POLL_SECONDS)


class Wire(Protocol):
    """A bus that can be cut."""

    async def bus(self, service: ServiceName) -> Bus:
        """A new connection of a service."""
        ...

    async def cut(self) -> None:
        """Nobody is connected any more."""
        ...

    async def mend(self) -> None:
        """All are connected again."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


class _Buses:
    def __init__(self) -> None:
        self.buses: list[Bus] = []

    def add(self, service: ServiceName, transport: Transport) -> Bus:
        self.buses.append(Bus(service, transport))
        return self.buses[-1]

    async def close(self) -> None:
        for bus in self.buses:
            await bus.close()


class MemoryWire:
    """The memory transport."""

    def __init__(self) -> None:
        """An own hub."""
        self._hub = MemoryHub()
        self._transports: list[MemoryTransport] = []
        self._buses = _Buses()

    async def bus(self, service: ServiceName) -> Bus:
        """A new connection of a service."""
        self._transports.append(MemoryTransport(self._hub))
        return self._buses.add(service, self._transports[-1])

    async def cut(self) -> None:
        """Nobody is connected any more."""
        for transport in self._transports:
            transport.disconnect()

    async def mend(self) -> None:
        """All are connected again."""
        for transport in self._transports:
            transport.reconnect()

    async def close(self) -> None:
        """Close all connections."""
        await self._buses.close()


class NatsWire:
    """A real nats-server, which is killed and started again."""

    def __init__(self, nats: Nats) -> None:
        """On a server of the test's own."""
        self._nats = nats
        self._buses = _Buses()

    async def bus(self, service: ServiceName) -> Bus:
        """A new connection of a service."""
        transport = await NatsTransport.open(self._nats.settings(service), service)
        return self._buses.add(service, transport)

    async def cut(self) -> None:
        """Nobody is connected any more."""
        self._nats.server.kill()
        await eventually(lambda: not any(bus.connected for bus in self._buses.buses))

    async def mend(self) -> None:
        """All are connected again."""
        await self._nats.server.start_async()
        await eventually(lambda: all(bus.connected for bus in self._buses.buses))

    async def close(self) -> None:
        """Close all connections."""
        await self._buses.close()
