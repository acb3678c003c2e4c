"""The two transports that the suite holds to the same promises."""

from collections.abc import AsyncGenerator

import pytest

from executor_shared.testing.bus_fixtures import Nats
from executor_shared.testing.wires import MemoryWire, NatsWire, Wire


@pytest.fixture(params=["memory", pytest.param("nats", marks=pytest.mark.connected)])
async def wire(request: pytest.FixtureRequest) -> AsyncGenerator[Wire]:
    if request.param == "memory":
        opened: Wire = MemoryWire()
    else:
        own: Nats = request.getfixturevalue("own_nats")
        opened = NatsWire(own)
    yield opened
    await opened.close()
