"""The main function of a deployable: from the environment to a clean end."""

import asyncio
import signal
import sys
from collections.abc import Sequence
from typing import Any

import structlog

from executor_shared.errors import ExecutorError
from executor_shared.service.environment import check_environment, settings_of
from executor_shared.service.house import House, Part, running
from executor_shared.service.logs import configure_logs
from executor_shared.service.service import Definition
from executor_shared.settings import ServiceSettings

try:
    import uvloop
except ImportError:  # where it does not exist (Windows), the standard loop serves
    uvloop = None

__all__ = ["House", "Part", "loop_factory", "run", "running"]

_log: structlog.stdlib.BoundLogger = structlog.get_logger("executor.service")

loop_factory = uvloop.new_event_loop if uvloop else asyncio.new_event_loop
"""For `asyncio.Runner`: uvloop where there is one."""


def run(*definitions: Definition[Any], known: Sequence[type[ServiceSettings]] = ()) -> None:
    """Run services until SIGTERM or SIGINT, then drain them. Ends the process: 0 after a clean drain.

    Args:
        definitions: one in a deployable; all of them is the same code.
        known: further settings whose names may stand in this environment.

    """
    try:
        check_environment([*(definition.settings for definition in definitions), *known])
        parts = [(definition, settings_of(definition.settings)) for definition in definitions]
    except ExecutorError as error:
        sys.exit(f"{error.message}\nThe settings are described in docs/reference/settings.md.")
    configure_logs(parts[0][1].telemetry, str(definitions[0].name) if len(definitions) == 1 else "executor")
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        code = runner.run(_until_told(parts))
    sys.exit(code)


async def _until_told(parts: Sequence[Part]) -> int:
    """The exit code: 0 after a clean drain, 1 where a service could not start."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        _on_signal(number, stop)
    ready = asyncio.Event()
    work = asyncio.create_task(_hold(parts, ready, stop))
    told = asyncio.create_task(stop.wait())
    await asyncio.wait({work, told}, return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    if not ready.is_set():
        work.cancel()  # told to stop before it ran
    try:
        await work
    except asyncio.CancelledError:
        return 0
    except ExecutorError as error:
        _log.error("service.failed", reason=error.message, code=str(error.code))
        return 1
    except Exception:  # noqa: BLE001 - the last place; it stands in the log
        _log.exception("service.failed")
        return 1
    return 0


async def _hold(parts: Sequence[Part], ready: asyncio.Event, stop: asyncio.Event) -> None:
    async with running(parts):
        ready.set()
        _log.info("house.ready")
        await stop.wait()
        _log.info("house.draining")
    _log.info("house.stopped")


def _on_signal(number: signal.Signals, stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    try:
        loop.add_signal_handler(number, stop.set)
    except NotImplementedError:  # Windows

        def tell(_number: int, _frame: object) -> None:
            loop.call_soon_threadsafe(stop.set)

        signal.signal(number, tell)
