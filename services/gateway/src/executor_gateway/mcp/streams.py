"""Long-lived streams that tell a client when its list of tools changed."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

from executor_gateway.domain.identify import Identify, Identity
from executor_gateway.domain.list_tools import ListTools
from executor_gateway.mcp.calls import Caller
from executor_gateway.mcp.exchange import Exchange, RefusedError, event
from executor_shared.errors import ExecutorError, NotAuthenticatedError


@dataclass(slots=True)
class Changes:
    """Wakes the open streams of this process; counts them."""

    most: int = 1_000
    most_of_one: int = 8
    _woken: dict[asyncio.Event, tuple[str, str]] = field(default_factory=dict[asyncio.Event, tuple[str, str]])
    _by_session: dict[str, asyncio.Event] = field(default_factory=dict[str, asyncio.Event])
    closing: bool = False

    def changed(self) -> None:
        """Tools, rules or sessions may be different now."""
        for woken in self._woken:
            woken.set()

    def close(self) -> None:
        """End all streams."""
        self.closing = True
        self.changed()

    def end(self, session: str) -> None:
        """End the stream of a session that is over."""
        if woken := self._by_session.pop(session, None):
            woken.set()

    def holds(self, woken: asyncio.Event, session: str | None) -> bool:
        """Whether this stream is still the one of its session: a newer one takes its place."""
        return session is None or self._by_session.get(session) is woken

    @contextmanager
    def joined(self, identity: Identity, session: str | None) -> Generator[asyncio.Event]:
        """A place among the streams.

        Raises:
            RefusedError: there is none.

        """
        who = (identity.principal.tenant, identity.principal.subject)
        too_many = Counter(self._woken.values())[who] >= self.most_of_one or len(self._woken) >= self.most
        replaced = self._by_session.get(session) if session else None
        if self.closing or (too_many and replaced is None):
            raise RefusedError(503, "busy", "Too many streams are open.", ((b"retry-after", b"30"),))
        woken = asyncio.Event()
        self._woken[woken] = who
        if session:
            self._by_session[session] = woken
        if replaced:
            replaced.set()
        try:
            yield woken
        finally:
            del self._woken[woken]
            if session and self._by_session.get(session) is woken:
                del self._by_session[session]


@dataclass(frozen=True, slots=True)
class Streams:
    """Serves such streams.

    Attributes:
        keep_alive: seconds between comments.
        gather: seconds within which several changes become one message.
        longest: seconds after which a stream ends, give or take a tenth; clients open a new one.

    """

    changes: Changes
    list_tools: ListTools
    identify: Identify
    keep_alive: float = 15.0
    gather: float = 1.0
    longest: float = 3600.0

    async def serve(
        self,
        exchange: Exchange,
        caller: Caller,
        token: str,
        said: bytes,
        *,
        first: bytes = b": open\n\n",
        session: str | None = None,
    ) -> None:
        """Send `first`, then `said` whenever the caller's list is another, until client or stream ends.

        Args:
            exchange: the request, not yet answered.
            caller: whose list is watched.
            token: looked at again on every change, so that a revoked key ends the stream.
            said: the notification; empty: nothing is ever said.
            first: the first piece of the stream.
            session: of the legacy era; a newer stream of the same session ends this one.

        """
        with self.changes.joined(caller.identity, session) as woken:
            await exchange.start_stream()
            await exchange.send(first)
            watcher = asyncio.create_task(exchange.gone())
            try:
                await self._follow(exchange, caller, token, said, woken, watcher, session)
            finally:
                watcher.cancel()

    async def _follow(
        self,
        exchange: Exchange,
        caller: Caller,
        token: str,
        said: bytes,
        woken: asyncio.Event,
        watcher: "asyncio.Task[None]",
        session: str | None,
    ) -> None:
        known = await self._fingerprint(caller)
        ends = time.monotonic() + self.longest * random.uniform(0.9, 1.1)  # noqa: S311 - spreads load
        while not watcher.done() and time.monotonic() < ends:
            if not await self._woken(woken, watcher, self.keep_alive):
                if not watcher.done():
                    await exchange.send(b": keep-alive\n\n")
                continue
            if not self.changes.closing and self.changes.holds(woken, session):
                await asyncio.wait((watcher,), timeout=self.gather)
            woken.clear()
            over = self.changes.closing or not self.changes.holds(woken, session)
            if over or watcher.done() or not await self._still(token):
                return
            now = await self._fingerprint(caller)
            if said and (now != known or now is None):
                known = now
                await exchange.send(event(said))

    @staticmethod
    async def _woken(woken: asyncio.Event, watcher: "asyncio.Task[None]", seconds: float) -> bool:
        waiting = asyncio.create_task(woken.wait())
        try:
            await asyncio.wait((waiting, watcher), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        return woken.is_set()

    async def _fingerprint(self, caller: Caller) -> bytes | None:
        endpoints, principal = self.list_tools.endpoints, caller.identity.principal
        served = endpoints.serve(principal, caller.served.endpoint)
        try:
            return (await self.list_tools.visible(caller.identity, served)).fingerprint if served else b""
        except ExecutorError:
            return None

    async def _still(self, token: str) -> bool:
        try:
            await self.identify(token)
        except NotAuthenticatedError:
            return False
        except ExecutorError:
            return True
        return True
