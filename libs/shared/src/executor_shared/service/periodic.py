"""Work that is done again and again in the background."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import structlog

_log: structlog.stdlib.BoundLogger = structlog.get_logger("executor.service")


@asynccontextmanager
async def repeated(
    work: Callable[[], Awaitable[None]], *, every: float, within: float, name: str
) -> AsyncGenerator[None]:
    """Do `work` every so many seconds for the time of the block; a failure waits for the next turn."""

    async def go_on() -> None:
        while True:
            await asyncio.sleep(every)
            try:
                async with asyncio.timeout(within):
                    await work()
            except Exception as error:  # noqa: BLE001 - the next turn may do better
                _log.warning("work.failed", work=name, error=type(error).__name__)

    task = asyncio.create_task(go_on())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
