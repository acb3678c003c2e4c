"""The guarded egress client: every request to an address that somebody outside named goes through here."""

import asyncio
import ipaddress
import socket
import ssl
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
from yarl import URL

from executor_shared import context
from executor_shared.egress.addresses import Guard, Rule, rule_of
from executor_shared.egress.form import checked_host
from executor_shared.egress.types import Incoming, IncomingStream, Outgoing
from executor_shared.errors import Code, UpstreamError

_CONNECT_SECONDS = 10.0
_DEFAULT_SECONDS = 30.0
_KEEP_SECONDS = 15.0
_MAX_POOLS = 256
_PER_HOST = 100
_MAX_FIELD = 16 * 1024


@dataclass(slots=True)
class _Attempt:
    """One request under way: where it may connect, and whether it has."""

    host: str
    named: tuple[Rule, ...]
    connected: bool = False
    refused: str | None = None


_attempt: ContextVar[_Attempt | None] = ContextVar("executor_egress_attempt", default=None)


@dataclass(slots=True)
class _Pool:
    """Kept connections, and how many requests use them now."""

    session: aiohttp.ClientSession
    users: int = 0


class _RefusedError(OSError):
    """A socket that may not be opened."""


@dataclass(slots=True)
class _Stream:
    """A response whose body is still arriving."""

    response: aiohttp.ClientResponse
    max_bytes: int

    @property
    def status(self) -> int:
        return self.response.status

    def header(self, name: str) -> str | None:
        return self.response.headers.get(name)

    async def chunks(self) -> AsyncIterator[bytes]:
        left = self.max_bytes
        async for chunk in self.response.content.iter_any():
            left -= len(chunk)
            if left < 0:
                raise too_large(self.max_bytes)
            yield chunk


def too_large(bound: int) -> UpstreamError:
    """The error of a response beyond its bound."""
    return UpstreamError(
        f"The upstream's answer is larger than {bound:,} bytes and was cut off.",
        code=Code.UPSTREAM_RESPONSE_TOO_LARGE,
        sent=True,
        details={"max_bytes": bound},
    )


@dataclass(slots=True)
class GuardedEgress:
    """Implements the adapters' `Egress`. One per process; `close` it at the end."""

    guard: Guard
    user_agent: str = "executor"
    _pools: "OrderedDict[tuple[str, ...], _Pool]" = field(default_factory=OrderedDict)
    _tls: ssl.SSLContext = field(default_factory=ssl.create_default_context)

    async def send(self, outgoing: Outgoing, *, network: tuple[str, ...], max_bytes: int) -> Incoming:
        """Send and read the whole response, within the deadline of the current call context."""
        async with self._exchange(outgoing, network) as response:
            length = response.content_length
            if length is not None and length > max_bytes:
                raise too_large(max_bytes)
            body = bytearray()
            async for chunk in _Stream(response, max_bytes).chunks():
                body += chunk
            headers = tuple((name.lower(), value) for name, value in response.headers.items())
            return Incoming(response.status, headers, bytes(body))

    @asynccontextmanager
    async def stream(
        self, outgoing: Outgoing, *, network: tuple[str, ...], max_bytes: int
    ) -> AsyncGenerator[IncomingStream]:
        """Send and read the response as it arrives; leaving the block closes it."""
        async with self._exchange(outgoing, network) as response:
            yield _Stream(response, max_bytes)

    async def close(self) -> None:
        """Close every pooled connection."""
        for pool in self._pools.values():
            await pool.session.close()
        self._pools.clear()

    @asynccontextmanager
    async def _exchange(
        self, outgoing: Outgoing, network: tuple[str, ...]
    ) -> AsyncGenerator[aiohttp.ClientResponse]:
        attempt = _Attempt(checked_host(outgoing), tuple(rule_of(text) for text in network))
        here = context.current()
        until = here.left() if here else _DEFAULT_SECONDS
        if until <= 0:
            raise UpstreamError(
                "The deadline passed before anything was sent.", code=Code.DEADLINE_EXCEEDED, sent=False
            )
        pool = await self._pool(network)
        token = _attempt.set(attempt)
        pool.users += 1
        started = time.monotonic()
        try:
            async with (
                asyncio.timeout(until),
                pool.session.request(
                    outgoing.method,
                    URL(outgoing.url, encoded=True),
                    headers=outgoing.headers,
                    data=outgoing.body,
                    allow_redirects=False,
                    trace_request_ctx=attempt,
                ) as response,
            ):
                _plain_encoding(response)
                yield response
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise _told(error, attempt, time.monotonic() - started) from error
        finally:
            pool.users -= 1
            _attempt.reset(token)

    async def _pool(self, network: tuple[str, ...]) -> _Pool:
        """One pool per set of allowed addresses: a connection is never lent to whom it was not allowed for."""
        pool = self._pools.get(network)
        if pool is None:
            pool = self._pools[network] = _Pool(self._new_session())
        self._pools.move_to_end(network)
        if len(self._pools) > _MAX_POOLS:
            idle = next(
                (key for key, each in self._pools.items() if not each.users and each is not pool), None
            )
            if idle is not None:
                await self._pools.pop(idle).session.close()
        return pool

    def _new_session(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            ssl=self._tls,
            limit=0,
            limit_per_host=_PER_HOST,
            keepalive_timeout=_KEEP_SECONDS,
            socket_factory=cast("Any", self._socket),
        )
        session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            headers={"User-Agent": self.user_agent, "Accept-Encoding": "identity"},
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS),
            max_line_size=_MAX_FIELD,
            max_field_size=_MAX_FIELD,
            trace_configs=[_watch()],
        )
        # aiohttp sends GET, PUT and DELETE a second time when a kept connection drops; no public switch.
        session._retry_connection = False  # noqa: SLF001
        return session

    def _socket(self, info: tuple[Any, ...]) -> socket.socket:
        """Open the socket for an address, if it may be connected to."""
        family, kind, protocol, _, where = info
        attempt = _attempt.get()
        if attempt is None:
            raise _RefusedError("no request is under way")
        address = ipaddress.ip_address(str(where[0]).partition("%")[0])
        refusal = self.guard.refusal(attempt.host, address, int(where[1]), attempt.named)
        if refusal:
            attempt.refused = f"{address}:{where[1]} may not be reached: {refusal}."
            raise _RefusedError(refusal)
        opened = socket.socket(family, kind, protocol)
        opened.setblocking(False)  # noqa: FBT003
        return opened


def _plain_encoding(response: aiohttp.ClientResponse) -> None:
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise UpstreamError(
            "The upstream answered in a content encoding that it was not asked for.",
            code=Code.UPSTREAM_INVALID_RESPONSE,
            sent=True,
        )


def _watch() -> aiohttp.TraceConfig:
    """Notes the moment from which bytes may have left."""

    async def connected(_session: aiohttp.ClientSession, seen: SimpleNamespace, _params: object) -> None:
        seen.trace_request_ctx.connected = True

    trace = aiohttp.TraceConfig()
    trace.on_connection_create_end.append(connected)
    trace.on_connection_reuseconn.append(connected)
    return trace


def _told(error: BaseException, attempt: _Attempt, seconds: float) -> UpstreamError:
    """What a failure means. The texts of libraries may hold URLs with keys and are not repeated."""
    sent = attempt.connected
    if attempt.refused and not sent:
        return UpstreamError(attempt.refused, code=Code.EGRESS_REFUSED, sent=False)
    if isinstance(error, TimeoutError):
        what = "did not answer" if sent else "could not be reached"
        return UpstreamError(
            f"{attempt.host} {what} within {seconds:.0f} s.", code=Code.UPSTREAM_TIMEOUT, sent=sent
        )
    if sent:
        return UpstreamError(
            f"The connection to {attempt.host} broke before its answer was complete.",
            code=Code.UPSTREAM_UNREACHABLE,
            sent=True,
        )
    why = (
        "its certificate or TLS is not accepted"
        if isinstance(error, aiohttp.ClientSSLError)
        else "no connection"
    )
    return UpstreamError(
        f"{attempt.host} cannot be reached: {why}.", code=Code.UPSTREAM_UNREACHABLE, sent=False
    )
