"""One JSON-RPC message over streamable HTTP: posted, and its answer read from JSON or from a stream."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from executor_adapters.domain.ports import Egress, Headers, IncomingStream, Outgoing
from executor_adapters.kinds.mcp.sse import EventParser
from executor_adapters.kinds.mcp.upstream import HttpRefusedError
from executor_adapters.kinds.mcp.wire import Answer, Incoming, RpcError, answer_in, decode, invalid
from executor_shared.errors import UpstreamError

_MAX_REQUESTS_OF_UPSTREAM = 32
_ACK_BYTES = 64 * 1024
_PIECE_BYTES = 16 * 1024
_SUCCESS = range(200, 300)
_STATUS_FIRST = frozenset({401, 403, 407, 429})
_SERVER_FAILURE = 500

OnRequest = Callable[[Incoming], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where and with what to post: the URL and headers already carry the credential."""

    egress: Egress
    url: str = field(repr=False)
    headers: Headers = field(repr=False)
    network: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Posted:
    """The answer, with the session id that a legacy server may have given."""

    answer: Answer
    session: str | None = None


async def post(
    endpoint: Endpoint,
    body: bytes,
    request: int,
    *,
    headers: Mapping[str, str],
    max_bytes: int,
    on_request: OnRequest | None = None,
) -> Posted:
    """Post a request and read until its answer.

    Raises:
        HttpRefusedError: an HTTP status that is not success, without a JSON-RPC answer.
        UpstreamError: no answer, or none that can be understood.

    """
    outgoing = _outgoing(endpoint, "POST", body, headers)
    async with endpoint.egress.stream(outgoing, network=endpoint.network, max_bytes=max_bytes) as response:
        session = response.header("mcp-session-id")
        kind = (response.header("content-type") or "").partition(";")[0].strip().lower()
        if kind == "text/event-stream" and response.status in _SUCCESS:
            return Posted(await _from_stream(response, request, max_bytes, on_request), session)
        whole = bytearray()
        async for chunk in response.chunks():
            whole += chunk
        return Posted(_from_body(response.status, bytes(whole), request), session)


async def notify(endpoint: Endpoint, body: bytes, *, headers: Mapping[str, str]) -> int:
    """Post a notification or an answer of ours; returns the HTTP status."""
    outgoing = _outgoing(endpoint, "POST", body, headers)
    response = await endpoint.egress.send(outgoing, network=endpoint.network, max_bytes=_ACK_BYTES)
    return response.status


async def end_session(endpoint: Endpoint, *, headers: Mapping[str, str]) -> None:
    """Tell a legacy server that its session is over."""
    outgoing = _outgoing(endpoint, "DELETE", None, headers)
    await endpoint.egress.send(outgoing, network=endpoint.network, max_bytes=_ACK_BYTES)


def _outgoing(endpoint: Endpoint, method: str, body: bytes | None, headers: Mapping[str, str]) -> Outgoing:
    ours = [("Accept", "application/json, text/event-stream")]
    if body is not None:
        ours.append(("Content-Type", "application/json"))
    return Outgoing(method, endpoint.url, (*ours, *headers.items(), *endpoint.headers), body)


def _from_body(status: int, body: bytes, request: int) -> Answer:
    """The answer in a whole body.

    A refusal of the caller or a failure of the server is told by its status, whatever the body says. Other
    error statuses may carry a JSON-RPC error without our id (the server could not read the request).
    """
    if status in _STATUS_FIRST or status >= _SERVER_FAILURE:
        raise HttpRefusedError(status)
    if status in _SUCCESS:
        if (answer := answer_in(decode(body), request, status)) is not None:
            return answer
        raise invalid("a message that answers something else")
    try:
        messages = decode(body)
    except UpstreamError:
        raise HttpRefusedError(status) from None
    for message in messages:
        if isinstance(message.error, RpcError):
            return Answer(error=message.error, status=status)
    raise HttpRefusedError(status)


async def _from_stream(
    response: IncomingStream, request: int, max_bytes: int, on_request: OnRequest | None
) -> Answer:
    parser, asked = EventParser(max_bytes), 0
    async for piece in _pieces(response):
        for event in parser.feed(piece):
            messages = decode(event)
            if (answer := answer_in(messages, request, response.status)) is not None:
                return answer
            for message in messages:
                if message.asks() and on_request is not None:
                    asked += 1
                    if asked > _MAX_REQUESTS_OF_UPSTREAM:
                        raise invalid("more requests of its own than a call may have")
                    await on_request(message)
    raise invalid("a stream that ended without the answer")


async def _pieces(response: IncomingStream) -> AsyncIterator[bytes]:
    """The body in small pieces: a large one of nothing but line breaks must not hold up other calls."""
    async for chunk in response.chunks():
        for start in range(0, len(chunk), _PIECE_BYTES):
            yield chunk[start : start + _PIECE_BYTES]
            await asyncio.sleep(0)
