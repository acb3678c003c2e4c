"""An HTTP server that keeps every request byte for byte and answers by script."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Arrived:
    """A request as it stood on the wire; `target` is what stood between method and version."""

    method: str
    target: str
    headers: Headers
    body: bytes

    def header(self, name: str) -> str | None:
        """The only value of a header."""
        found = [value for key, value in self.headers if key.lower() == name.lower()]
        assert len(found) < 2, f"{name} arrived {len(found)} times"
        return found[0] if found else None

    @property
    def names(self) -> set[str]:
        return {name.lower() for name, _ in self.headers}


@dataclass
class Recording:
    """A running server, what arrived, and what it answers."""

    port: int = 0
    arrived: list[Arrived] = field(default_factory=list[Arrived])
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    body: bytes = b'{"ok": true}'
    answering: bool = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def last(self) -> Arrived:
        return self.arrived[-1]

    def answer(self, body: bytes, kind: str = "application/json", status: int = 200, **more: str) -> None:
        """Answer so from now on."""
        self.body, self.status = body, status
        self.headers = {"Content-Type": kind, **{key.replace("_", "-"): value for key, value in more.items()}}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                start, *lines = head[:-4].split("\r\n")
                method, target, _version = start.split(" ")
                headers = tuple(
                    (name, value.strip()) for name, _, value in (line.partition(":") for line in lines)
                )
                length = next((int(value) for name, value in headers if name.lower() == "content-length"), 0)
                body = await reader.readexactly(length)
                self.arrived.append(Arrived(method, target, headers, body))
                if not self.answering:
                    await reader.read()
                    return
                shown = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
                sent = b"" if method == "HEAD" else self.body
                head = f"HTTP/1.1 {self.status} Said\r\n{shown}Content-Length: {len(sent)}\r\n\r\n"
                writer.write(head.encode("latin-1") + sent)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def recording() -> AsyncGenerator[Recording]:
    """Serve on a free port for the block."""
    found = Recording()
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        server.close()
