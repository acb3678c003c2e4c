"""Our replies to what a server asks in the middle of a call never decide what is told of that call."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from aiohttp import web
from services.adapters.tests.kinds.at_work import AtWork
from services.adapters.tests.kinds.mcp.servers import ECHO, OK, legacy, stream
from services.adapters.tests.kinds.scripted import Arrived, Message, scripted

from executor_adapters.domain.kind import KindOptions
from executor_adapters.domain.ports import Egress, Incoming, IncomingStream, Outgoing
from executor_adapters.kinds.mcp import KIND
from executor_shared.egress.addresses import Guard
from executor_shared.egress.guarded import GuardedEgress
from executor_shared.errors import UpstreamError

PING: Message = {"jsonrpc": "2.0", "id": "p", "method": "ping"}


@dataclass
class NoRepliesLeave:
    """The real egress, but for replies to the server's own requests: for those there is no connection."""

    real: GuardedEgress

    async def send(self, outgoing: Outgoing, *, network: tuple[str, ...], max_bytes: int) -> Incoming:
        if b'"id":"p"' in (outgoing.body or b""):
            raise UpstreamError("No connection.", sent=False)
        return await self.real.send(outgoing, network=network, max_bytes=max_bytes)

    @asynccontextmanager
    async def stream(
        self, outgoing: Outgoing, *, network: tuple[str, ...], max_bytes: int
    ) -> AsyncGenerator[IncomingStream]:
        async with self.real.stream(outgoing, network=network, max_bytes=max_bytes) as response:
            yield response


@asynccontextmanager
async def mute(url: str) -> AsyncGenerator[AtWork]:
    real = GuardedEgress(Guard(allow_loopback=True))
    egress: Egress = NoRepliesLeave(real)
    try:
        async with KIND.open(egress, KindOptions()) as adapter:
            yield AtWork(adapter, KIND.name, {"url": url})
    finally:
        await real.close()


@pytest.mark.parametrize("answers", [True, False])
async def test_a_reply_that_cannot_be_sent_does_not_make_the_call_unsent(answers: bool):
    async def tools(arrived: Arrived) -> web.StreamResponse:
        if arrived.method == "tools/list":
            return arrived.result({"tools": [ECHO]})
        answer: Message = {"jsonrpc": "2.0", "id": arrived.message["id"], "result": OK}
        return await stream(arrived, PING, *([answer] if answers else []))

    async with scripted(legacy(tools)) as server, mute(server.url) as work:
        if answers:
            assert (await work.call("echo")).outcome == "ok"
            return
        with pytest.raises(UpstreamError) as raised:
            await work.call("echo")
        assert raised.value.sent is True
