"""Finding a secret in whatever form it was written down, and everything in which one could stand."""

import asyncio
import base64
import gzip
import http.server
import json
import math
import threading
import zlib
from collections.abc import AsyncGenerator, Generator, Iterable
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, quote_plus

import asyncpg
import nats
from nats.aio.msg import Msg
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from executor_shared.settings import BusSettings, DatabaseSettings


def _base64_cores(secret: bytes) -> Iterable[bytes]:
    """What base64 of any text with the secret inside contains, wherever the secret begins in it."""
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + secret)
        yield whole[math.ceil(before * 8 / 6) : (before + len(secret)) * 8 // 6]


def forms(secret: str) -> tuple[bytes, ...]:
    """The secret raw, JSON-escaped, URL-encoded, in hexadecimal and in both alphabets of base64."""
    raw = secret.encode()
    cores = list(_base64_cores(raw))
    found = {
        raw,
        json.dumps(secret)[1:-1].encode(),
        json.dumps(secret, ensure_ascii=False)[1:-1].encode(),
        quote(secret, safe="").encode(),
        quote(secret).encode(),
        quote_plus(secret).encode(),
        raw.hex().encode(),
        raw.hex().upper().encode(),
        *cores,
        *(core.translate(bytes.maketrans(b"+/", b"-_")) for core in cores),
    }
    return tuple(sorted(found))


def traces_of(secret: str, where: bytes) -> list[bytes]:
    """The forms in which the secret stands in these bytes."""
    return [form for form in forms(secret) if form in where]


@dataclass
class Tap:
    """Everything that crossed the bus."""

    heard: list[bytes] = field(default_factory=list[bytes])
    subjects: list[str] = field(default_factory=list[str])

    async def take(self, message: Msg) -> None:
        """Keep a message as it was and, where it was compressed, as it is."""
        self.subjects.append(message.subject)
        head = json.dumps(message.headers or {}).encode()
        self.heard += [message.subject.encode(), head, message.data]
        if (message.headers or {}).get("Executor-Encoding") == "deflate":
            self.heard.append(zlib.decompress(message.data))

    def all(self) -> bytes:
        """In one piece."""
        return b"\n".join(self.heard)


@asynccontextmanager
async def tapped(settings: BusSettings) -> AsyncGenerator[Tap]:
    """Hear everything on the bus during the block."""
    assert settings.password is not None
    tap = Tap()
    client = await nats.connect(
        settings.url, user=settings.user, password=settings.password.get_secret_value(), connect_timeout=10
    )
    await client.subscribe(">", cb=tap.take)
    await client.flush()
    try:
        yield tap
    finally:
        await client.drain()


def _flat(value: object) -> bytes:
    return bytes(value) if isinstance(value, bytes | memoryview | bytearray) else str(value).encode()


async def rows(settings: DatabaseSettings, query: str) -> list[str]:
    """What a query finds, in order."""
    connection = await _connected(settings)
    try:
        return sorted(str(tuple(row)) for row in await connection.fetch(query))
    finally:
        await connection.close()


async def _connected(settings: DatabaseSettings) -> Any:
    return await asyncpg.connect(settings.url.get_secret_value().replace("+asyncpg", ""), timeout=10)


async def dump(settings: DatabaseSettings, only: tuple[str, ...] = ("",)) -> bytes:
    """Every row of every table, bytes as they are; `only` those whose `schema.table` begins so."""
    connection = await _connected(settings)
    parts: list[bytes] = []
    try:
        tables = await connection.fetch(
            "SELECT table_schema, table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE' "
            "AND table_schema NOT IN ('pg_catalog', 'information_schema')"
        )
        for schema, table in tables:
            if not f"{schema}.{table}".startswith(only):
                continue
            parts.append(f"{schema}.{table}".encode())
            found: list[Any] = await connection.fetch(f'SELECT * FROM "{schema}"."{table}"')
            parts += sorted(b" | ".join(map(_flat, row.values())) for row in found)
    finally:
        await connection.close()
    return b"\n".join(parts)


@dataclass
class Spans:
    """A receiver of traces over OTLP/HTTP."""

    url: str = ""
    bodies: list[bytes] = field(default_factory=list[bytes])

    def all(self) -> bytes:
        """In one piece, as protobuf keeps texts."""
        return b"\n".join(self.bodies)

    def services(self) -> set[str]:
        """Which services sent some."""
        found: set[str] = set()
        for body in list(self.bodies):
            for part in ExportTraceServiceRequest.FromString(body).resource_spans:
                found |= {
                    attribute.value.string_value
                    for attribute in part.resource.attributes
                    if attribute.key == "service.name"
                }
        return found


@contextmanager
def receiving_spans() -> Generator[Spans]:
    """The receiver, for the block."""
    spans = Spans()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            packed = self.headers.get("Content-Encoding") == "gzip"
            spans.bodies.append(gzip.decompress(body) if packed else body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        spans.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield spans
        server.shutdown()
        thread.join(10)


async def until(condition: Any, seconds: float = 10.0) -> None:
    """Wait until `condition()` holds."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - other processes change it
            await asyncio.sleep(0.02)
