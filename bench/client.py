"""The load client: keep-alive HTTP/1.1 over raw streams, the same for every target."""

import asyncio
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_LIMIT = 64 * 1024 * 1024


@dataclass(slots=True)
class Window:
    """What one window of load saw."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list[float])
    errors: int = 0

    @property
    def calls(self) -> int:
        """How many were answered as expected."""
        return len(self.latencies)

    def percentile(self, share: float) -> float:
        """A latency in milliseconds."""
        ordered = sorted(self.latencies)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


class Connection:
    """One connection, one request at a time."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        lines = [f"POST {parts.path} HTTP/1.1", f"Host: {parts.netloc}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self._head = "\r\n".join(lines).encode() + b"\r\nContent-Length: "

    async def open(self) -> "Connection":
        """Connect."""
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port, limit=_LIMIT)
        return self

    async def post(self, body: bytes) -> tuple[int, bytes]:
        """Status and body of one exchange."""
        self._writer.write(self._head + str(len(body)).encode() + b"\r\n\r\n" + body)
        head = await self._reader.readuntil(b"\r\n\r\n")
        lower = head.lower()
        if b"transfer-encoding: chunked" in lower:
            return int(head[9:12]), await self._chunked()
        start = lower.find(b"content-length:")
        length = int(lower[start + 15 : lower.index(b"\r\n", start)]) if start >= 0 else 0
        return int(head[9:12]), await self._reader.readexactly(length)

    async def _chunked(self) -> bytes:
        parts: list[bytes] = []
        while size := int((await self._reader.readline()).strip() or b"0", 16):
            parts.append(await self._reader.readexactly(size))
            await self._reader.readexactly(2)
        await self._reader.readexactly(2)
        return b"".join(parts)

    def close(self) -> None:
        """Disconnect."""
        self._writer.close()


async def load(
    url: str, headers: dict[str, str], body: bytes, *, expect: bytes, concurrency: int, seconds: float
) -> Window:
    """Send `body` over `concurrency` connections for `seconds`; an answer without `expect` is an error."""
    window = Window()
    connections = [await Connection(url, headers).open() for _ in range(concurrency)]
    started = time.perf_counter()
    until = started + seconds

    async def drive(connection: Connection) -> None:
        while (before := time.perf_counter()) < until:
            status, answer = await connection.post(body)
            if status == 200 and expect in answer:
                window.latencies.append(time.perf_counter() - before)
            else:
                window.errors += 1

    await asyncio.gather(*(drive(connection) for connection in connections))
    window.seconds = time.perf_counter() - started
    for connection in connections:
        connection.close()
    return window
