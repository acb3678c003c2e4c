from collections.abc import AsyncIterator, Callable

import pytest
from services.adapters.tests.kinds.at_work import AtWork, leased, opened
from tests.upstreams import Running
from tests.upstreams.fixtures import GRAPH_TOKEN

from executor_adapters.kinds.graphql import KIND


@pytest.fixture
async def graphql() -> AsyncIterator[Callable[..., AtWork]]:
    async with opened(KIND) as make:
        yield make


@pytest.fixture
async def tasks(graphql: Callable[..., AtWork], graph_server: Running) -> AtWork:
    """The example API, discovered with its token."""
    work = graphql({"url": graph_server.url}, credential=leased(f"Bearer {GRAPH_TOKEN}"))
    await work.discover()
    return work
