"""The egress client connects only where it may, sends once, and says truthfully whether anything was sent."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from executor_shared.context import deadline_in
from executor_shared.egress.addresses import Guard, rule_of
from executor_shared.egress.guarded import GuardedEgress
from executor_shared.egress.types import Outgoing
from executor_shared.errors import Code, InvalidRequestError, UpstreamError

MAX = 64 * 1024


@dataclass
class Canary:
    """A listener that counts connections and answers by script."""

    port: int = 0
    connections: int = 0
    requests: list[bytes] = field(default_factory=list[bytes])
    answer: bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    after: str = "keep"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.requests.append(head)
                if self.after == "drop":
                    break
                if self.after == "hang":
                    await reader.read()
                    break
                writer.write(self.answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@pytest.fixture
async def canary() -> AsyncIterator[Canary]:
    found = Canary()
    first = await asyncio.start_server(found.serve, "127.0.0.1", 0)
    found.port = first.sockets[0].getsockname()[1]
    second = await asyncio.start_server(found.serve, "::1", found.port)
    yield found
    first.close()
    second.close()


@asynccontextmanager
async def egress(
    *, allow_loopback: bool = True, forbidden: str | None = None
) -> AsyncGenerator[GuardedEgress]:
    client = GuardedEgress(Guard(allow_loopback, (rule_of(forbidden),) if forbidden else ()))
    try:
        yield client
    finally:
        await client.close()


def to(port: int, host: str = "127.0.0.1", method: str = "GET") -> Outgoing:
    return Outgoing(method, f"http://{host}:{port}/x")


SPELLINGS = [
    "127.0.0.1", "localhost", "127.1", "0177.0.0.1", "2130706433", "0x7f000001", "0x7f.1", "127.0.0.1.", "0",
    "0.0.0.0", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:0:0:1]", "127.255.255.254",
    "localhost.", "ip6-localhost", "①②⑦.⓪.⓪.①", "127。0。0。1",
]  # fmt: skip


@pytest.mark.parametrize("host", SPELLINGS)
async def test_no_spelling_of_loopback_opens_a_socket(host: str, canary: Canary) -> None:
    async with egress(allow_loopback=False) as client:
        with pytest.raises(UpstreamError) as caught:
            await client.send(
                to(canary.port, host), network=(f"{host.strip('[]')}:{canary.port}",), max_bytes=MAX
            )
    assert caught.value.sent is False
    assert canary.connections == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
async def test_the_same_spellings_reach_the_canary_where_they_are_allowed(host: str, canary: Canary) -> None:
    async with egress() as client:
        answer = await client.send(
            to(canary.port, host),
            network=(f"127.0.0.0/8:{canary.port}", f"[::1]:{canary.port}"),
            max_bytes=MAX,
        )
    assert (answer.status, answer.body, canary.connections) == (200, b"ok", 1)


async def test_a_kept_connection_is_not_lent_to_who_may_not_reach_it(canary: Canary) -> None:
    async with egress() as client:
        await client.send(to(canary.port), network=(f"127.0.0.1:{canary.port}",), max_bytes=MAX)
        with pytest.raises(UpstreamError) as caught:
            await client.send(to(canary.port), network=(), max_bytes=MAX)
    assert caught.value.code is Code.EGRESS_REFUSED
    assert len(canary.requests) == 1


async def test_our_own_ports_are_refused(canary: Canary) -> None:
    async with egress(forbidden=f"127.0.0.0/8:{canary.port}") as client:
        with pytest.raises(UpstreamError, match="belongs to this installation"):
            await client.send(to(canary.port), network=(f"127.0.0.1:{canary.port}",), max_bytes=MAX)
    assert canary.connections == 0


async def test_redirects_are_answers_and_not_followed(canary: Canary) -> None:
    canary.answer = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    async with egress() as client:
        answer = await client.send(to(canary.port), network=(f"127.0.0.1:{canary.port}",), max_bytes=MAX)
    assert (answer.status, len(canary.requests)) == (302, 1)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST"])
async def test_a_request_on_a_connection_that_drops_is_sent_once(method: str, canary: Canary) -> None:
    network = (f"127.0.0.1:{canary.port}",)
    async with egress() as client:
        await client.send(to(canary.port), network=network, max_bytes=MAX)
        canary.after = "drop"
        with pytest.raises(UpstreamError) as caught:
            await client.send(to(canary.port, method=method), network=network, max_bytes=MAX)
    assert caught.value.sent is True
    assert len(canary.requests) == 2


async def test_the_deadline_is_of_the_whole_request(canary: Canary) -> None:
    canary.after = "hang"
    async with egress() as client:
        with deadline_in(0.2), pytest.raises(UpstreamError) as caught:
            await client.send(to(canary.port), network=(f"127.0.0.1:{canary.port}",), max_bytes=MAX)
    assert (caught.value.code, caught.value.sent) == (Code.UPSTREAM_TIMEOUT, True)


async def test_nothing_is_sent_after_the_deadline(canary: Canary) -> None:
    async with egress() as client:
        with deadline_in(-1), pytest.raises(UpstreamError) as caught:
            await client.send(to(canary.port), network=(f"127.0.0.1:{canary.port}",), max_bytes=MAX)
    assert caught.value.sent is False
    assert canary.connections == 0


async def test_nobody_listening_means_nothing_was_sent(canary: Canary) -> None:
    async with egress() as client:
        with pytest.raises(UpstreamError) as caught:
            await client.send(to(1), network=("127.0.0.1:1",), max_bytes=MAX)
    assert (caught.value.code, caught.value.sent) == (Code.UPSTREAM_UNREACHABLE, False)


async def test_an_answer_beyond_its_bound_is_cut_off(canary: Canary) -> None:
    canary.answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + 40 * (
        b"1000\r\n" + 4096 * b"x" + b"\r\n"
    )
    async with egress() as client:
        with pytest.raises(UpstreamError) as caught:
            await client.send(to(canary.port), network=(f"127.0.0.1:{canary.port}",), max_bytes=MAX)
    assert caught.value.code is Code.UPSTREAM_RESPONSE_TOO_LARGE


async def test_an_answer_in_an_encoding_that_was_not_asked_for_is_refused(canary: Canary) -> None:
    canary.answer = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nok"
    async with egress() as client:
        with pytest.raises(UpstreamError) as caught:
            await client.send(to(canary.port), network=(f"127.0.0.1:{canary.port}",), max_bytes=MAX)
    assert caught.value.code is Code.UPSTREAM_INVALID_RESPONSE


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-A", "a\r\nX-B: b"),
        ("X-A", "\x00"),
        ("X-A", " lead"),
        ("X-A", "é"),
        ("X A", "b"),
        ("Host", "evil"),
        ("", "b"),
    ],
)
async def test_headers_that_could_smuggle_are_refused(name: str, value: str, canary: Canary) -> None:
    async with egress() as client:
        outgoing = Outgoing("GET", f"http://127.0.0.1:{canary.port}/", headers=((name, value),))
        with pytest.raises(InvalidRequestError) as caught:
            await client.send(outgoing, network=(f"127.0.0.1:{canary.port}",), max_bytes=MAX)
    assert "evil" not in json.dumps(caught.value.message)
    assert canary.connections == 0


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "gopher://127.0.0.1/", "http://user:pw@127.0.0.1/", "//x", "http:///"]
)
async def test_other_schemes_and_user_information_are_refused(url: str) -> None:
    async with egress() as client:
        with pytest.raises(UpstreamError) as caught:
            await client.send(Outgoing("GET", url), network=(), max_bytes=MAX)
    assert caught.value.code is Code.EGRESS_REFUSED


async def test_proxy_settings_of_the_environment_are_ignored(
    canary: Canary, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{canary.port}")
    async with egress() as client:
        with pytest.raises(UpstreamError):
            await client.send(to(1), network=("127.0.0.1:1",), max_bytes=MAX)
    assert canary.connections == 0
