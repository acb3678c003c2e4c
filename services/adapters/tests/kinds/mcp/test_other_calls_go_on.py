"""What a server sends, however much it is to read, holds up nobody else on the worker."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import msgspec

from executor_adapters.domain.ports import Incoming, IncomingStream, Outgoing
from executor_adapters.kinds.mcp.discovery import find_tools
from executor_adapters.kinds.mcp.post import Endpoint, post
from executor_adapters.kinds.mcp.upstream import About
from executor_adapters.kinds.mcp.wire import Answer

LISTED = msgspec.json.encode(
    {"tools": [{"name": f"t{n}", "inputSchema": {"type": "object"}} for n in range(50)]}
)
LINES = b"\n" * 256 * 1024 + b'data: {"jsonrpc":"2.0","id":1,"result":{}}\n\n'


@dataclass
class Listing:
    """A server that has its list ready."""

    about: About = field(default_factory=lambda: About("modern", "2026-07-28"))

    async def ask(
        self, method: str, params: Mapping[str, object], *, headers: Mapping[str, str], max_bytes: int
    ) -> Answer:
        del method, params, headers, max_bytes
        return Answer(result=msgspec.Raw(LISTED))

    async def close(self) -> None:
        """Nothing."""


@dataclass
class AllAtOnce:
    """An answer that arrives in one piece."""

    body: bytes
    status: int = 200

    def header(self, name: str) -> str | None:
        return "text/event-stream" if name == "content-type" else None

    async def chunks(self) -> AsyncIterator[bytes]:
        yield self.body


@dataclass
class Ready:
    """An egress whose answer is there already."""

    body: bytes

    async def send(self, outgoing: Outgoing, *, network: tuple[str, ...], max_bytes: int) -> Incoming:
        raise NotImplementedError

    @asynccontextmanager
    async def stream(
        self, outgoing: Outgoing, *, network: tuple[str, ...], max_bytes: int
    ) -> AsyncGenerator[IncomingStream]:
        del outgoing, network, max_bytes
        yield AllAtOnce(self.body)


async def test_many_tools_are_checked_beside_the_loop():
    finding = asyncio.create_task(find_tools(Listing(), 1024 * 1024))
    await asyncio.sleep(0)
    assert not finding.done()
    assert len((await finding).tools) == 50


async def test_a_flood_of_empty_lines_is_read_in_turns():
    posting = asyncio.create_task(
        post(Endpoint(Ready(LINES), "http://x", (), ()), b"", 1, headers={}, max_bytes=1024 * 1024)
    )
    turns = 0
    while not posting.done():
        await asyncio.sleep(0)
        turns += 1
    assert (await posting).answer.error is None
    assert turns > 10
