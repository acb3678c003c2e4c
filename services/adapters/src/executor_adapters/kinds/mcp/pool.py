"""Conversations kept between calls: one per server, connection and credential."""

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field

from executor_adapters.kinds.mcp.upstream import Upstream
from executor_shared.errors import BusyError

Key = tuple[str, str, str]
"""Digest of the target, id of the connection, digest of the credential."""

IDLE_SECONDS = 300.0
"""For how long an unused conversation is kept."""

MAX_KEPT = 512
_SWEEP_SECONDS = 30.0


@dataclass(slots=True)
class _Kept:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    upstream: Upstream | None = None
    users: int = 0
    used_at: float = 0.0

    def alive(self) -> bool:
        return self.upstream is not None and bool(getattr(self.upstream, "alive", True))


class Pool:
    """Opens a conversation when it is first needed and ends it when nobody needs it any more."""

    def __init__(self, max_kept: int = MAX_KEPT) -> None:
        self._kept: OrderedDict[Key, _Kept] = OrderedDict()
        self._max = max_kept
        self._endings: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def borrowed(self, key: Key, open_: Callable[[], Awaitable[Upstream]]) -> AsyncGenerator[Upstream]:
        """The conversation of this key, shared with others that use it now.

        Raises:
            BusyError: too many conversations are in use.

        """
        kept = self._entry(key)
        kept.users += 1
        try:
            async with kept.lock:
                if not kept.alive():
                    if kept.upstream is not None:
                        await kept.upstream.close()
                        kept.upstream = None
                    kept.upstream = await open_()
                upstream = kept.upstream
            if upstream is None:  # closed between the two lines is not possible; the type does not know it
                raise BusyError("The MCP worker is stopping.")
            yield upstream
        finally:
            kept.users -= 1
            kept.used_at = time.monotonic()
            if kept.upstream is None and not kept.users:
                self._remove(key, kept)

    def forget(self, key: Key, upstream: Upstream) -> None:
        """Open anew next time: the server no longer behaves as it did when asked for its era."""
        kept = self._kept.get(key)
        if kept is not None and kept.upstream is upstream:
            self._remove(key, kept)
            self._end_later(upstream)

    async def sweep(self, before: float) -> None:
        """End the conversations that were last used before that moment of the monotonic clock."""
        for key, kept in list(self._kept.items()):
            if not kept.users and kept.used_at < before:
                self._remove(key, kept)
                if kept.upstream is not None:
                    await kept.upstream.close()

    async def sweep_for_ever(self) -> None:
        """Sweep now and then, until cancelled."""
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            await self.sweep(time.monotonic() - IDLE_SECONDS)

    async def close(self) -> None:
        """End all conversations, at the same time."""
        ending = [kept.upstream.close() for kept in self._kept.values() if kept.upstream is not None]
        self._kept.clear()
        await asyncio.gather(*ending, *self._endings, return_exceptions=True)

    def _entry(self, key: Key) -> _Kept:
        kept = self._kept.get(key)
        if kept is None:
            self._make_room()
            kept = self._kept[key] = _Kept(used_at=time.monotonic())
        self._kept.move_to_end(key)
        return kept

    def _make_room(self) -> None:
        if len(self._kept) < self._max:
            return
        idle = next(((key, kept) for key, kept in self._kept.items() if not kept.users), None)
        if idle is None:
            raise BusyError("Too many conversations with MCP servers are in use; try again later.")
        self._remove(*idle)
        if idle[1].upstream is not None:
            self._end_later(idle[1].upstream)

    def _remove(self, key: Key, kept: _Kept) -> None:
        if self._kept.get(key) is kept:
            del self._kept[key]

    def _end_later(self, upstream: Upstream) -> None:
        task = asyncio.get_running_loop().create_task(upstream.close())
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)
