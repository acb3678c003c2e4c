"""One HTTP request and its answer over ASGI: headers, a bounded body, plain or streamed replies."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

import msgspec

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = Iterable[tuple[bytes, bytes]]

_JSON = ((b"content-type", b"application/json"), (b"cache-control", b"no-store"))
_SSE = (
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
)
_BODY_SECONDS = 15.0


class RefusedError(Exception):
    """The request is answered at once, before any message is looked at."""

    def __init__(self, status: int, code: str, message: str, headers: Headers = ()) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = tuple(headers)


class GoneError(Exception):
    """The client closed the connection."""


def event(data: bytes) -> bytes:
    """A server-sent event; a line break inside JSON becomes a further data line."""
    if b"\n" in data or b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\ndata: ")
    return b"event: message\ndata: " + data + b"\n\n"


class Exchange:
    """One request in hand."""

    __slots__ = ("_headers", "_receive", "_send", "extra", "method", "path", "scope", "started", "streaming")

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self._headers: dict[bytes, bytes] = dict(scope["headers"])
        self._receive = receive
        self._send = send
        self.extra: tuple[tuple[bytes, bytes], ...] = ()
        """Headers that every answer gets (CORS)."""
        self.started = False
        """Whether a status line was sent."""
        self.streaming = False

    def header(self, name: bytes) -> str | None:
        """A header's value without the white space around it, by its name in lower case."""
        value = self._headers.get(name)
        return None if value is None else value.decode("latin-1").strip(" \t")

    def all_headers(self) -> list[tuple[str, str]]:
        """Every header line, also repeated ones."""
        return [(k.decode("latin-1"), v.decode("latin-1").strip(" \t")) for k, v in self.scope["headers"]]

    def repeats(self, name: bytes) -> bool:
        """Whether a header came more than once."""
        lines = self.scope["headers"]
        return len(lines) != len(self._headers) and sum(line[0] == name for line in lines) > 1

    @property
    def repeats_any(self) -> bool:
        """Whether any header came more than once."""
        return len(self.scope["headers"]) != len(self._headers)

    def accepts(self, kind: str) -> bool:
        """Whether the client takes `application/json` or `text/event-stream`; it is not asked strictly."""
        accept = self.header(b"accept")
        if not accept:
            return True
        wide = f"{kind.partition('/')[0]}/*"
        return any(
            part.partition(";")[0].strip().lower() in (kind, wide, "*/*") for part in accept.split(",")
        )

    async def body(self, limit: int) -> bytes:
        """The whole body.

        Raises:
            RefusedError: larger than `limit` bytes, or too slow.
            GoneError: the client went away meanwhile.

        """
        too_large = RefusedError(413, "too_large", f"The body is larger than {limit} bytes.")
        length = self.header(b"content-length")
        if length and (not length.isdecimal() or int(length[:20]) > limit):
            raise too_large
        try:
            async with asyncio.timeout(_BODY_SECONDS):
                return await self._read(limit, too_large)
        except TimeoutError as error:
            message = f"The body did not come within {_BODY_SECONDS:.0f} seconds."
            raise RefusedError(408, "deadline_exceeded", message) from error

    async def _read(self, limit: int, too_large: RefusedError) -> bytes:
        parts: list[bytes] = []
        size = 0
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise GoneError
            part: bytes = message.get("body", b"")
            size += len(part)
            if size > limit:
                raise too_large
            parts.append(part)
            more = message.get("more_body", False)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def gone(self) -> None:
        """Return when the client closes the connection."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def reply(self, status: int, *parts: bytes, headers: Headers = _JSON) -> None:
        """Answer with a body, in parts that need not be joined."""
        size = str(sum(map(len, parts))).encode()
        lines = [*headers, (b"content-length", size), *self.extra]
        await self._start(status, lines)
        for part in parts[:-1]:
            await self._send({"type": "http.response.body", "body": part, "more_body": True})
        await self._send({"type": "http.response.body", "body": parts[-1] if parts else b""})

    async def refuse(self, error: RefusedError) -> None:
        """Answer a refusal in JSON, without any JSON-RPC id."""
        body = msgspec.json.encode({"code": error.code, "message": error.message})
        await self.reply(error.status, body, headers=(*_JSON, *error.headers))

    async def _start(self, status: int, lines: list[tuple[bytes, bytes]]) -> None:
        self.started = True
        await self._send({"type": "http.response.start", "status": status, "headers": lines})

    async def empty(self, status: int, headers: Headers = ()) -> None:
        """Answer without a body."""
        lines = [*headers, (b"content-length", b"0"), *self.extra]
        if status == 204:  # noqa: PLR2004 - No Content has no length
            lines = [*headers, *self.extra]
        await self._start(status, lines)
        await self._send({"type": "http.response.body", "body": b""})

    async def answer(self, status: int, *parts: bytes, headers: Headers = ()) -> None:
        """Answer a JSON-RPC request: as JSON, or as an event where streaming began or only that is taken."""
        if self.streaming or not self.accepts("application/json"):
            await self.start_stream(headers)
            await self.send(event(b"".join(parts)), last=True)
            return
        await self.reply(status, *parts, headers=(*_JSON, *headers))

    async def start_stream(self, headers: Headers = ()) -> None:
        """Begin a stream of events, once."""
        if self.streaming:
            return
        self.streaming = True
        lines = [*_SSE, *headers, *self.extra]
        await self._start(200, lines)

    async def send(self, data: bytes, *, last: bool = False) -> None:
        """Send a piece of the stream."""
        await self._send({"type": "http.response.body", "body": data, "more_body": not last})
