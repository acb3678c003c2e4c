"""Fixtures of the adapters' tests."""

from collections.abc import AsyncIterator

import pytest
from services.adapters.tests.worker import Worker, working


@pytest.fixture
async def worker() -> AsyncIterator[Worker]:
    """A worker with a scripted kind and a scripted broker."""
    async with working() as found:
        yield found
