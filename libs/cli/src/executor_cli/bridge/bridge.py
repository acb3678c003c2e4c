"""The bridge itself: reads the host's messages, keeps one task per request, writes what comes back."""

import asyncio
import contextlib
import json
import sys
from http import HTTPStatus
from typing import Any, Protocol

import aiohttp

from executor_cli.bridge.eras import LegacySession, ModernHeaders, is_modern
from executor_cli.bridge.remote import Message, Refused, Remote

_MAX_LINE = 16 * 1024 * 1024
_NOT_FOUND = 404
_INTERNAL = -32603
_PARSE = -32700


class Host(Protocol):
    """The program that launched us."""

    async def read(self) -> bytes:
        """The next line; empty at the end."""
        ...

    def write(self, message: Message) -> None:
        """One message, on a line of its own."""
        ...


class StdioHost:
    """The host over this process's stdin and stdout."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader

    @classmethod
    async def open(cls) -> "StdioHost":
        """Take over stdin."""
        reader = asyncio.StreamReader(limit=_MAX_LINE)
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
        )
        return cls(reader)

    async def read(self) -> bytes:
        """The next line; empty at the end."""
        return await self._reader.readline()

    def write(self, message: Message) -> None:
        """One message, on a line of its own."""
        sys.stdout.write(json.dumps(message, separators=(",", ":"), ensure_ascii=False) + "\n")
        sys.stdout.flush()


class Bridge:
    """One host, one endpoint."""

    def __init__(self, host: Host, remote: Remote) -> None:
        """Bridge `host` to `remote`."""
        self._host = host
        self._remote = remote
        self._modern: bool | None = None
        self._mirror = ModernHeaders()
        self._legacy = LegacySession()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._listening: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Until the host closes its end."""
        while line := await self._host.read():
            if line.strip():
                await self._take(line)
        await self._end()

    async def _take(self, line: bytes) -> None:
        try:
            message = json.loads(line)
        except ValueError:
            self._fail(None, _PARSE, "Parse error")
            return
        if not isinstance(message, dict):
            self._fail(None, -32600, "One JSON-RPC message per line is expected")
            return
        if self._modern is None:
            self._modern = is_modern(message)
        if message.get("method") == "notifications/cancelled":
            await self._cancel(message)
        elif message.get("method") == "initialize":
            await self._forward(message)  # nothing may overtake the handshake
        else:
            self._spawn(message)

    def _spawn(self, message: Message) -> None:
        key = json.dumps(message.get("id", object.__repr__(message)))
        task = asyncio.create_task(self._forward(message))
        self._running[key] = task
        task.add_done_callback(lambda _: self._running.pop(key, None))

    async def _cancel(self, message: Message) -> None:
        """Modern: closing the stream cancels. Legacy: the endpoint is told."""
        params: dict[str, Any] = message.get("params") or {}
        if self._modern:
            if task := self._running.get(json.dumps(params.get("requestId"))):
                task.cancel()
        else:
            self._spawn(message)

    async def _forward(self, message: Message) -> None:
        try:
            await (self._forward_modern(message) if self._modern else self._forward_legacy(message))
        except Refused as error:
            self._fail(message.get("id"), _INTERNAL, _explain(error))
        except (aiohttp.ClientError, TimeoutError, ValueError):
            self._fail(
                message.get("id"),
                _INTERNAL,
                "Executor did not answer. Whether the request ran is not known; see `executor calls`.",
            )

    async def _forward_modern(self, message: Message) -> None:
        async for answer in self._remote.post(message, self._mirror.of(message)):
            self._mirror.remember(answer)
            self._host.write(answer)

    async def _forward_legacy(self, message: Message, *, again: bool = True) -> None:
        starting = message.get("method") == "initialize"
        seen: dict[str, str] = {}
        try:
            async for answer in self._remote.post(message, {} if starting else self._legacy.headers(), seen):
                if starting and "result" in answer:
                    self._legacy.begun(message, answer, seen)
                self._host.write(answer)
        except Refused as error:
            if error.status != _NOT_FOUND or not again or starting or not await self._begin_again():
                raise
            await self._forward_legacy(message, again=False)
        if message.get("method") == "notifications/initialized":
            self._listening = asyncio.create_task(self._listen())

    async def _begin_again(self) -> bool:
        """Make a new session with the host's own `initialize`, unseen by the host."""
        first = self._legacy.initialize
        if first is None:
            return False
        seen: dict[str, str] = {}
        async for answer in self._remote.post(first, {}, seen):
            self._legacy.begun(first, answer, seen)
        async for _ in self._remote.post(
            {"jsonrpc": "2.0", "method": "notifications/initialized"}, self._legacy.headers()
        ):
            pass
        return self._legacy.session is not None

    async def _listen(self) -> None:
        with contextlib.suppress(aiohttp.ClientError, Refused):
            async for message in self._remote.listen(self._legacy.headers()):
                self._host.write(message)

    def _fail(self, request: object, code: int, text: str) -> None:
        if request is not None or code == _PARSE:
            error = {"code": code, "message": text}
            self._host.write({"jsonrpc": "2.0", "id": request, "error": error})

    async def _end(self) -> None:
        tasks = [*self._running.values(), *([self._listening] if self._listening else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._legacy.session:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                async with asyncio.timeout(2):
                    await self._remote.delete(self._legacy.headers())


def _explain(error: Refused) -> str:
    if error.status in {401, 403}:
        return (
            "Executor refused the token. Check EXECUTOR_TOKEN, or the agent-token file of the data directory."
        )
    if error.status == HTTPStatus.NOT_FOUND:
        return "Executor has no such MCP endpoint. Is the toolkit spelt right?"
    return f"Executor answered with HTTP {error.status}. {error.text}".strip()


async def bridge(url: str, token: str) -> None:
    """Bridge this process's stdin and stdout to the MCP endpoint at `url`."""
    async with aiohttp.ClientSession(trust_env=False) as session:
        await Bridge(await StdioHost.open(), Remote(session, url, token)).run()
