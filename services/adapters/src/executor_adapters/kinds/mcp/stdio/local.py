"""The conversation with a local server: newline-delimited JSON-RPC in either era."""

import asyncio
import contextlib
import itertools
from collections.abc import Mapping

from executor_adapters.kinds.mcp.headers import MODERN_VERSION
from executor_adapters.kinds.mcp.probe import DISCOVER, verdict
from executor_adapters.kinds.mcp.remote import greeted, hello
from executor_adapters.kinds.mcp.stdio.child import MAX_LINE, Child, Program
from executor_adapters.kinds.mcp.upstream import About, with_envelope
from executor_adapters.kinds.mcp.wire import Answer, Incoming, decode, encode, encode_reply, to_answer
from executor_shared.context import current
from executor_shared.errors import Code, UpstreamError

_SILENCE = 5.0
_WITHOUT_CONTEXT = 60.0
_MAX_UNANSWERED = 256


class _Line:
    """Requests and answers over one child process."""

    def __init__(self, child: Child) -> None:
        self.child = child
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[tuple[Answer, int]]] = {}
        self._replies: set[asyncio.Task[None]] = set()
        self._flooded = False
        self._reader = asyncio.get_running_loop().create_task(self._read())

    @property
    def alive(self) -> bool:
        return self.child.alive and not self._reader.done()

    async def ask(self, method: str, params: Mapping[str, object], max_bytes: int) -> Answer:
        """Send and wait until the context's deadline."""
        if not self.alive:
            raise UpstreamError("The local MCP server does not run.", sent=False)
        number = next(self._ids)
        waiting: asyncio.Future[tuple[Answer, int]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = waiting
        context = current()
        try:
            async with asyncio.timeout(context.left() if context else _WITHOUT_CONTEXT):
                await self._write(encode(method, params, number))
                answer, size = await waiting
        except (TimeoutError, asyncio.CancelledError) as error:
            if method != DISCOVER:  # an older server would not know what is meant
                self._soon(encode("notifications/cancelled", {"requestId": number}))
            if isinstance(error, asyncio.CancelledError):
                raise
            raise UpstreamError(
                "The local MCP server did not answer in time.", code=Code.UPSTREAM_TIMEOUT, sent=True
            ) from None
        finally:
            self._waiting.pop(number, None)
            if waiting.done() and not waiting.cancelled():
                waiting.exception()  # seen, also where the write failed first
        if size > max_bytes:
            raise _too_large(max_bytes)
        return answer

    async def tell(self, method: str) -> None:
        """Send a notification."""
        await self._write(encode(method, None))

    async def close(self) -> None:
        self._reader.cancel()
        for task in tuple(self._replies):
            task.cancel()
        await asyncio.gather(self._reader, *self._replies, return_exceptions=True)
        self._fail()
        await self.child.stop()

    async def _write(self, message: bytes) -> None:
        try:
            await self.child.write(message)
        except (ConnectionError, RuntimeError):
            raise self._ended() from None

    async def _read(self) -> None:
        try:
            while line := await self.child.read():
                self._take(line)
        except ValueError:
            self._flooded = True
        finally:
            self._fail()

    def _take(self, line: bytes) -> None:
        """One line of the server. What is no JSON-RPC (a stray print) is skipped, as others do."""
        with contextlib.suppress(UpstreamError):
            for message in decode(line):
                if message.asks():
                    self._soon(encode_reply(message))
                else:
                    self._settle(message, len(line))

    def _settle(self, message: Incoming, size: int) -> None:
        waiting = self._waiting.get(message.id) if isinstance(message.id, int) else None
        if waiting is None or waiting.done():
            return
        try:
            waiting.set_result((to_answer(message), size))
        except UpstreamError as error:
            waiting.set_exception(error)

    def _soon(self, message: bytes) -> None:
        """Write without making anyone wait; dropped where the server does not listen."""
        if len(self._replies) >= _MAX_UNANSWERED:
            return

        async def write() -> None:
            with contextlib.suppress(UpstreamError):
                await self._write(message)

        task = asyncio.get_running_loop().create_task(write())
        self._replies.add(task)
        task.add_done_callback(self._replies.discard)

    def _fail(self) -> None:
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(self._ended())

    def _ended(self) -> UpstreamError:
        """Why nothing will be answered any more; what had been written may have been carried out."""
        return (
            _too_large(MAX_LINE) if self._flooded else UpstreamError("The local MCP server ended.", sent=True)
        )


class LocalConversation:
    """A local server, ready to be asked. See `Upstream`."""

    def __init__(self, line: _Line, about: About) -> None:
        self._line = line
        self._about = about

    @property
    def about(self) -> About:
        """What the server said of itself."""
        return self._about

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._line.alive

    @property
    def pid(self) -> int:
        """The process id."""
        return self._line.child.pid

    async def ask(
        self, method: str, params: Mapping[str, object], *, headers: Mapping[str, str], max_bytes: int
    ) -> Answer:
        """See `Upstream.ask`; there are no headers on this transport."""
        del headers
        if self._about.era == "modern":
            params = with_envelope(params, self._about.version)
        return await self._line.ask(method, params, max_bytes)

    async def close(self) -> None:
        """Stop the process."""
        await self._line.close()


async def connect(program: Program) -> LocalConversation:
    """Start a local server and find out which era it speaks.

    A server that ends on a message it does not know is started once more and greeted the old way.

    Raises:
        UpstreamError: it cannot be started, or does not answer as an MCP server.

    """
    line = _Line(await Child.start(program))
    try:
        about = await _modern(line)
        if about is None:
            if not line.alive:
                await line.close()
                line = _Line(await Child.start(program))
            about = greeted(await line.ask("initialize", hello(), MAX_LINE))
            await line.tell("notifications/initialized")
    except BaseException:
        await line.close()
        raise
    return LocalConversation(line, about)


async def _modern(line: _Line) -> About | None:
    """The self-description of a modern server; None after any other answer, silence or death."""
    context = current()
    patience = min(_SILENCE, (context.left() if context else _WITHOUT_CONTEXT) / 2)
    try:
        async with asyncio.timeout(patience):
            return verdict(await line.ask(DISCOVER, with_envelope({}, MODERN_VERSION), MAX_LINE))
    except TimeoutError:
        return None
    except UpstreamError as error:
        if error.code is Code.UPSTREAM_TIMEOUT:
            raise
        return None


def _too_large(bound: int) -> UpstreamError:
    return UpstreamError(
        f"The local MCP server sent a message of more than {bound} bytes.",
        code=Code.UPSTREAM_RESPONSE_TOO_LARGE,
        sent=True,
    )
