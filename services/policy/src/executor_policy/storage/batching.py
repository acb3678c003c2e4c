"""Records that may wait up to a second, written many at a time."""

import asyncio
import contextlib

import structlog

from executor_policy.domain.call import Call, Ending
from executor_policy.domain.ports import Calls
from executor_shared.errors import BusyError, ExecutorError

_log: structlog.stdlib.BoundLogger = structlog.get_logger("executor.policy")
_EVERY_SECONDS = 0.25
_RETRY_SECONDS = 0.5
_BATCH = 500


class BatchingRecorder:
    """The recorder: bounded; while it cannot be written and is full, what would be recorded is refused."""

    def __init__(self, calls: Calls, *, most: int = 20_000) -> None:
        """Write into `calls`, keeping at most `most` waiting."""
        self._calls = calls
        self._most = most
        self._waiting: list[Call] = []
        self._endings: list[Ending] = []
        self._some = asyncio.Event()
        self._writing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def note(self, call: Call) -> None:
        """Take one; see `Recorder`."""
        if len(self._waiting) >= self._most:
            raise BusyError("The record of calls cannot be written at the moment; nothing was started.")
        self._waiting.append(call)
        self._some.set()

    def end(self, ending: Ending) -> None:
        """Take how a call ended; see `Recorder`."""
        if len(self._endings) >= self._most:
            _log.error("outcome.lost", call_id=ending.call, said=ending.outcome)
            return
        self._endings.append(ending)
        self._some.set()

    async def start(self) -> None:
        """Begin to write."""
        self._task = asyncio.create_task(self._write())

    async def stop(self) -> None:
        """Write what is left and stop."""
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        try:
            await self.flush()
        except ExecutorError as error:
            _log.error("record.lost", lost=len(self._waiting), reason=error.code)

    async def flush(self) -> None:
        """Write everything that waits now; several askers share the work."""
        async with self._writing:
            await self._flush()

    async def _flush(self) -> None:
        while self._waiting:
            batch = self._waiting[:_BATCH]
            try:
                await self._calls.note(batch)
            except ExecutorError:
                raise
            except Exception:  # noqa: BLE001 - one record that cannot be stored must not hold up the others
                _log.exception("record.batch_failed", size=len(batch))
                await self._one_by_one(batch)
            del self._waiting[: len(batch)]
        while self._endings:
            said = self._endings[:_BATCH]
            await self._calls.finish(said)
            del self._endings[: len(said)]

    async def _one_by_one(self, batch: list[Call]) -> None:
        for call in batch:
            try:
                await self._calls.note([call])
            except ExecutorError:
                raise
            except Exception:  # noqa: BLE001 - as above
                _log.exception("record.refused", call_id=call.id)

    async def _write(self) -> None:
        while True:
            await self._some.wait()
            await asyncio.sleep(_EVERY_SECONDS)
            self._some.clear()
            try:
                await self.flush()
            except ExecutorError as error:
                _log.warning("record.waiting", waiting=len(self._waiting), reason=error.code)
                self._some.set()
                await asyncio.sleep(_RETRY_SECONDS)
