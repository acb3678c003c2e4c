"""`tools/call` and `tools/list` as both eras share them: reading the request, waiting, limits."""

import asyncio
from collections import Counter
from collections.abc import Coroutine, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import msgspec

from executor_gateway.domain.call_tool import Asked, CallTool, Ended
from executor_gateway.domain.endpoint import Endpoints, Served
from executor_gateway.domain.identify import Identity
from executor_gateway.domain.list_tools import ListTools
from executor_gateway.mcp.exchange import Exchange, GoneError
from executor_gateway.mcp.jsonrpc import INVALID_PARAMS, PARSE_ERROR, TOO_MANY, Message, Object, RpcError
from executor_gateway.mcp.results import call_result, unknown_tool
from executor_gateway.mcp.trace import Traces
from executor_shared.errors import Code
from executor_shared.ids import new_call_id
from executor_shared.views.catalog import Routed

_KEY = "executor/idempotency-key"
_KEY_MAX = 256
_ALL = ("", "")


class _Params(msgspec.Struct):
    arguments: msgspec.Raw = msgspec.Raw(b"{}")


class _Body(msgspec.Struct):
    params: _Params


_bodies = msgspec.json.Decoder(_Body)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, at which endpoint, in which revision, calling itself what."""

    identity: Identity
    served: Served
    version: str
    client: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A `tools/call` that is understood: the tool, and what to do with it."""

    routed: Routed
    asked: Asked

    @property
    def reads(self) -> bool:
        """Whether it may be given up when nobody waits any more."""
        return self.routed.tool.effect == "read"


@dataclass(frozen=True, slots=True)
class Limits:
    """How many calls may be in hand in this process, in all and of one principal."""

    calls: int = 2_000
    calls_of_one: int = 128
    in_hand: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])

    @contextmanager
    def taken(self, identity: Identity) -> Generator[None]:
        """Take a place.

        Raises:
            RpcError: there is none; nothing was done.

        """
        who = (identity.principal.tenant, identity.principal.subject)
        if self.in_hand[who] >= self.calls_of_one or self.in_hand[_ALL] >= self.calls:
            raise RpcError(TOO_MANY, "Too many calls are under way; nothing was executed.", status=429)
        self.in_hand[who] += 1
        self.in_hand[_ALL] += 1
        try:
            yield
        finally:
            self.in_hand[_ALL] -= 1
            self.in_hand[who] -= 1
            if not self.in_hand[who]:
                del self.in_hand[who]


@dataclass(frozen=True, slots=True)
class Calls:
    """Performs what both eras have in common.

    Attributes:
        server: JSON of our `serverInfo`.
        keep_alive: seconds after which a silent answer becomes a stream, and between its comments.
        running: calls under way; they are finished even where their client went away.
        reading: those of them that may be given up, since they only read.

    """

    endpoints: Endpoints
    list_tools: ListTools
    call_tool: CallTool
    limits: Limits
    traces: Traces
    server: bytes
    keep_alive: float = 15.0
    running: set[asyncio.Task[bytes]] = field(default_factory=set[asyncio.Task[bytes]])
    reading: set[asyncio.Task[Any]] = field(default_factory=set[asyncio.Task[Any]])

    def wanted(self, caller: Caller, message: Message, exchange: Exchange) -> Wanted:
        """Understand a `tools/call`.

        Raises:
            RpcError: its parameters do not hold, or the tool is not there for this principal.

        """
        name, arguments = message.params.get("name"), message.params.get("arguments", {})
        if not isinstance(name, str) or not name:
            raise RpcError(INVALID_PARAMS, "params.name must be the name of a tool.")
        if not isinstance(arguments, dict):
            raise RpcError(INVALID_PARAMS, "params.arguments must be an object.")
        routed = self.endpoints.find(caller.identity.principal, caller.served, name)
        if routed is None:
            raise unknown_tool(name)
        meta = _meta(message.params)
        asked = Asked(
            raw=_raw(message.body) if "arguments" in message.params else b"{}",
            arguments=cast("Object", arguments),
            idempotency_key=_idempotency_key(meta),
            client=caller.client,
            traceparent=self.traces.of(meta, exchange),
        )
        return Wanted(routed, asked)

    async def perform(self, caller: Caller, wanted: Wanted) -> bytes:
        """Make the call and write its result for the caller's revision."""
        here = asyncio.current_task()
        if here and wanted.reads:
            self.reading.add(here)
        try:
            with self.limits.taken(caller.identity):
                ended = await self.call_tool(caller.identity, caller.served, wanted.routed, wanted.asked)
        finally:
            if here:
                self.reading.discard(here)
        if ended is None:
            raise unknown_tool(caller.served.name_of(wanted.routed.tool))
        return call_result(ended, caller.version, self.server)

    def start(self, work: Coroutine[Any, Any, bytes]) -> asyncio.Task[bytes]:
        """Begin work that outlives its client."""
        task = asyncio.create_task(work)
        self.running.add(task)
        task.add_done_callback(self._over)
        return task

    def _over(self, task: asyncio.Task[bytes]) -> None:
        self.running.discard(task)
        if not task.cancelled():
            task.exception()  # nobody may be left to look at it

    async def drain(self) -> None:
        """Return when no call is under way."""
        while self.running:
            await asyncio.wait(set(self.running))

    def refused(self, caller: Caller, error: RpcError) -> bytes:
        """A refusal for want of room, as the result of a call."""
        ended = Ended(new_call_id(), "not_executed", Code.BUSY, f"{error.message} Try again in a moment.")
        return call_result(ended, caller.version, self.server)


async def wait_for(
    exchange: Exchange, task: asyncio.Task[bytes], *, gone_ends: bool, keep_alive: float
) -> bytes:
    """Wait for a call while its client is there; after a while begin a stream, so that nobody closes it.

    Args:
        exchange: the request that waits.
        task: the call.
        gone_ends: a client that goes away cancels the call; else it runs on by itself.
        keep_alive: seconds after which the stream begins, and between its comments.

    Raises:
        GoneError: the client went away.

    """
    watcher = asyncio.create_task(exchange.gone())
    try:
        while True:
            done, _ = await asyncio.wait(
                (task, watcher), timeout=keep_alive, return_when=asyncio.FIRST_COMPLETED
            )
            if task in done:
                return task.result()
            if watcher in done:
                if gone_ends:
                    task.cancel()
                raise GoneError
            if exchange.accepts("text/event-stream"):
                await exchange.start_stream()
                await exchange.send(b": still working\n\n")
    finally:
        watcher.cancel()


def _raw(body: bytes) -> bytes:
    try:
        return bytes(_bodies.decode(body).params.arguments)
    except msgspec.MsgspecError as error:
        raise RpcError(PARSE_ERROR, "The body holds text that is not valid Unicode.", status=400) from error


def _meta(params: Object) -> Mapping[str, object]:
    meta = params.get("_meta")
    return cast("Object", meta) if isinstance(meta, dict) else {}


def _idempotency_key(meta: Mapping[str, object]) -> str | None:
    key = meta.get(_KEY)
    if key is None:
        return None
    if not isinstance(key, str) or not 0 < len(key) <= _KEY_MAX:
        raise RpcError(INVALID_PARAMS, f"_meta[{_KEY!r}] must be a text of 1 to {_KEY_MAX} characters.")
    return key


def cursor_of(params: Object) -> str | None:
    """The cursor of a list request.

    Raises:
        RpcError: it is no text.

    """
    cursor = params.get("cursor", "")
    if not isinstance(cursor, str):
        raise RpcError(INVALID_PARAMS, "params.cursor must be a text that was given as nextCursor.")
    return cursor or None


def client_name(info: object) -> str:
    """The name that a client gave itself, made fit for a record."""
    name: object = cast("Object", info).get("name") if isinstance(info, dict) else None
    return "".join(c for c in name if c.isprintable())[:100] if isinstance(name, str) else ""
