"""What a hostile configuration, description or upstream tries, and what reaches the wire of it."""

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executor_shared.context import deadline_in
from executor_shared.egress import guarded
from executor_shared.egress.addresses import Guard
from executor_shared.egress.form import checked_host
from executor_shared.egress.guarded import GuardedEgress
from executor_shared.egress.types import Incoming, Outgoing
from executor_shared.errors import Code, ExecutorError, InvalidRequestError, UpstreamError


class Wire:
    """A listener that keeps every byte it gets and answers with `answer`, then `drip` again and again."""

    def __init__(self) -> None:
        self.port = 0
        self.heard: list[bytes] = []
        self.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
        self.drip = b""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                self.heard.append(await reader.readuntil(b"\r\n\r\n"))
                writer.write(self.answer)
                while self.drip:
                    writer.write(self.drip)
                    await writer.drain()
                    await asyncio.sleep(0.01)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    found = Wire()
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    yield found
    server.close()


@asynccontextmanager
async def egress() -> AsyncGenerator[GuardedEgress]:
    client = GuardedEgress(Guard(allow_loopback=True))
    try:
        yield client
    finally:
        await client.close()


async def get(client: GuardedEgress, wire: Wire, outgoing: Outgoing | None = None) -> Incoming:
    request = outgoing or Outgoing("GET", f"http://127.0.0.1:{wire.port}/x")
    return await client.send(request, network=(f"127.0.0.1:{wire.port}",), max_bytes=4096)


@pytest.mark.parametrize(
    "path",
    ["/a b", "/a\r\nX-Evil: 1\r\n\r\n", "/a\nb", "/\x00", "/é", "/\t", "/x?a=b c", "/x#a b", "/\u2028"],
)
async def test_a_url_that_would_break_the_request_line_is_not_sent(path: str, wire: Wire) -> None:
    async with egress() as client:
        with pytest.raises(UpstreamError) as caught:
            await get(client, wire, Outgoing("GET", f"http://127.0.0.1:{wire.port}{path}"))
    assert (caught.value.code, caught.value.sent, wire.heard) == (Code.EGRESS_REFUSED, False, [])


@pytest.mark.parametrize(
    "url",
    [
        "http://[::1", "http://127.0.0.1:99999/", "http://h:x/", "http://h:0/", "http://h\\@evil/", "HTTP://h@/",
        "http://%31%32%37.0.0.1/", "http:///x", "http:/x", "http:x", "https://", "ftp://h/", "javascript://h/",
        "http://" + "a" * 40_000,
    ],
)  # fmt: skip
async def test_an_address_that_cannot_be_read_is_refused_in_our_words(url: str) -> None:
    async with egress() as client:
        with pytest.raises(UpstreamError) as caught:
            await client.send(Outgoing("GET", url), network=(), max_bytes=10)
    assert (caught.value.code, caught.value.sent) == (Code.EGRESS_REFUSED, False)


@pytest.mark.parametrize("method", ["", "G ET", "GET\r\nX: y", "GÉT"])
async def test_only_methods_of_http_are_sent(method: str, wire: Wire) -> None:
    async with egress() as client:
        with pytest.raises(InvalidRequestError):
            await get(client, wire, Outgoing(method, f"http://127.0.0.1:{wire.port}/"))
    assert wire.heard == []


@pytest.mark.parametrize("name", ["Accept-Encoding", "Host", "CONNECTION", "Transfer-Encoding", "Expect"])
async def test_headers_that_are_ours_cannot_be_given(name: str, wire: Wire) -> None:
    async with egress() as client:
        with pytest.raises(InvalidRequestError):
            await get(client, wire, Outgoing("GET", f"http://127.0.0.1:{wire.port}/", ((name, "x"),)))
    assert wire.heard == []


async def test_an_encoded_url_arrives_as_it_stands(wire: Wire) -> None:
    path = "/a/%2e%2e/b%2Fc/../d?x=%20+%C3%A9&y"
    async with egress() as client:
        await get(client, wire, Outgoing("GET", f"http://127.0.0.1:{wire.port}{path}"))
    assert wire.heard[0].startswith(f"GET {path} HTTP/1.1\r\n".encode())
    assert b"Accept-Encoding: identity\r\n" in wire.heard[0]


@given(st.text(max_size=60), st.text(max_size=20), st.text(max_size=20))
def test_no_text_in_a_request_breaks_out_of_its_place(tail: str, name: str, value: str) -> None:
    outgoing = Outgoing("GET", f"http://upstream.example/{tail}", ((name, value),))
    try:
        host = checked_host(outgoing)
    except ExecutorError:
        return
    assert host == "upstream.example"
    assert all(33 <= ord(letter) <= 126 for letter in outgoing.url + name)
    assert all(letter == "\t" or 32 <= ord(letter) <= 126 for letter in value)


async def test_a_name_that_turns_to_loopback_after_a_check_opens_no_socket(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D9: there is no check before the connection that a later answer of the name server could undo."""
    asked: list[object] = []

    def rebound(host: object, port: int, *_: object, **__: object) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebound)
    url = f"http://rebound.example:{wire.port}/"
    async with egress() as client:
        with pytest.raises(UpstreamError) as caught:
            await client.send(Outgoing("GET", url), network=(), max_bytes=10)
        assert (caught.value.code, wire.heard) == (Code.EGRESS_REFUSED, [])
        named = (f"rebound.example:{wire.port}",)
        assert (await client.send(Outgoing("GET", url), network=named, max_bytes=10)).status == 200
    assert asked


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_takes_no_header_to_another_host(status: int, wire: Wire) -> None:
    """D8: keys in headers of their own names survive redirects in the usual clients."""
    other = Wire()
    server = await asyncio.start_server(other.serve, "127.0.0.1", 0)
    other.port = server.sockets[0].getsockname()[1]
    there = f"http://127.0.0.1:{other.port}/"
    wire.answer = f"HTTP/1.1 {status} Moved\r\nLocation: {there}\r\nRefresh: 0; url={there}\r\n".encode()
    wire.answer += b"Content-Length: 0\r\n\r\n"
    async with egress() as client:
        request = Outgoing("GET", f"http://127.0.0.1:{wire.port}/", (("X-Api-Key", "secret"),))
        answer = await client.send(request, network=("127.0.0.0/8:*",), max_bytes=10)
    server.close()
    assert (answer.status, len(wire.heard), other.heard) == (status, 1, [])


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"]
)
async def test_a_dripping_upstream_ends_with_the_deadline(answer: bytes, wire: Wire) -> None:
    wire.answer = answer
    wire.drip = b"X-A: b\r\n" if b"\r\n\r\n" not in answer else b"1\r\nx\r\n"
    async with egress() as client:
        with deadline_in(0.3), pytest.raises(UpstreamError) as caught:
            await get(client, wire)
    assert caught.value.sent is True


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 20_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: b\r\n" % n for n in range(1000)) + b"\r\n",
        b"HTTP/1.1 " + b"a" * 20_000,
        b"not http at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFFF\r\n",
    ],
    ids=["long header", "many headers", "long status", "garbage", "negative", "huge", "huge chunk"],
)
async def test_an_answer_out_of_bounds_is_an_error_in_our_words(answer: bytes, wire: Wire) -> None:
    wire.answer = answer
    async with egress() as client:
        with deadline_in(5), pytest.raises(UpstreamError) as caught:
            await get(client, wire)
    assert caught.value.sent is True
    assert "127.0.0.1" in caught.value.message or "larger" in caught.value.message


async def test_a_server_that_speaks_no_tls_was_sent_nothing(wire: Wire) -> None:
    async with egress() as client:
        with deadline_in(2), pytest.raises(UpstreamError) as caught:
            await get(client, wire, Outgoing("GET", f"https://127.0.0.1:{wire.port}/"))
    assert caught.value.sent is False


async def test_a_request_past_its_deadline_leaves_nothing_behind(wire: Wire) -> None:
    async with egress() as client:
        with deadline_in(-1), pytest.raises(UpstreamError):
            await get(client, wire)
    assert guarded._attempt.get() is None


async def test_a_full_house_of_pools_does_not_cut_a_request_under_way(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guarded, "_MAX_POOLS", 2)
    wire.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nok"
    allowed = f"127.0.0.1:{wire.port}"
    request = Outgoing("GET", f"http://127.0.0.1:{wire.port}/")
    other = Wire()
    server = await asyncio.start_server(other.serve, "127.0.0.1", 0)
    other.port = server.sockets[0].getsockname()[1]
    async with egress() as client:
        async with client.stream(request, network=(allowed,), max_bytes=10) as held:
            for number in range(5):
                named = (f"127.0.0.1:{other.port}", f"10.0.0.{number}:1")
                answer = await client.send(
                    Outgoing("GET", f"http://127.0.0.1:{other.port}/"), network=named, max_bytes=10
                )
                assert answer.body == b"ok"
            assert held.status == 200
            assert [chunk async for chunk in _first(held.chunks())] == [b"ok"]
        assert len(client._pools) == 2
    server.close()


async def _first(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for chunk in chunks:
        yield chunk
        return
