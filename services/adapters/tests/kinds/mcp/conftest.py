from collections.abc import AsyncIterator, Callable

import pytest
from services.adapters.tests.kinds.at_work import AtWork, opened

from executor_adapters.kinds.mcp import KIND


@pytest.fixture
async def mcp() -> AsyncIterator[Callable[..., AtWork]]:
    async with opened(KIND) as make:
        yield make
