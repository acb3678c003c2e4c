"""Keeping a view current: pull the changes after what is there, on every hint and now and then without."""

import asyncio
import contextlib
from collections.abc import Callable

import structlog

from executor_shared.bus import Bus, Listener
from executor_shared.context import deadline_in
from executor_shared.contracts.catalog import CATALOG_CHANGED, GET_CHANGES, CatalogChanged, ChangesAsked
from executor_shared.errors import ExecutorError, UnavailableError
from executor_shared.views.catalog import CatalogView

_log: structlog.stdlib.BoundLogger = structlog.get_logger("executor.views")
_POLL_SECONDS = 30.0
_RETRY_SECONDS = 0.5


class Follower:
    """Follows the catalog into a view. One pull at a time.

    A lost event is found by the next one or by the poll.
    """

    def __init__(
        self,
        bus: Bus,
        view: CatalogView,
        *,
        facts_only: bool = False,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        """Follow into `view`; `changed` is called after each pull that brought something."""
        self._bus = bus
        self._view = view
        self._facts_only = facts_only
        self._changed = changed
        self._pulling = asyncio.Lock()
        self._hinted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def listener(self) -> Listener[CatalogChanged]:
        """The listener to give to the runner."""
        return Listener(CATALOG_CHANGED, self._hear)

    async def _hear(self, event: CatalogChanged) -> None:
        if event.revision > self._view.revision:
            self._hinted.set()

    async def start(self) -> None:
        """Fill the view, retrying while the catalog is not there yet, then follow in the background."""
        while True:
            try:
                await self._pull()
                break
            except ExecutorError as error:
                _log.info("catalog.awaited", reason=error.code)
                await asyncio.sleep(_RETRY_SECONDS)
        self._task = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        """Stop following."""
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def at_least(self, revision: int) -> None:
        """Return once the view is at `revision` or later.

        Raises:
            UnavailableError: the catalog cannot bring it there now.

        """
        if self._view.revision >= revision:
            return
        await self._pull()
        if self._view.revision < revision:
            raise UnavailableError("The catalog is behind; try again in a moment.")

    async def _follow(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._hinted.wait(), _POLL_SECONDS)
            self._hinted.clear()
            try:
                await self._pull()
            except ExecutorError as error:
                _log.warning("catalog.unreachable", reason=error.code)
                await asyncio.sleep(_RETRY_SECONDS)
                self._hinted.set()

    async def _pull(self) -> None:
        async with self._pulling:
            before = self._view.revision
            more = True
            while more:
                asked = ChangesAsked(after=self._view.revision, facts_only=self._facts_only)
                with deadline_in(GET_CHANGES.timeout):
                    page = await self._bus.request(GET_CHANGES, asked)
                self._view.apply(page)
                more = page.more
            if self._view.revision != before:
                self._changed()
