"""Before everything else: who asks, how much they send, and by when it must be answered."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from executor_gateway.domain.identify import Identify, Identity
from executor_shared import context
from executor_shared.context import CallContext
from executor_shared.errors import (
    BusyError,
    ExecutorError,
    InvalidRequestError,
    NotAuthenticatedError,
    TooLargeError,
    UnavailableError,
)
from executor_shared.http.problems import problem_of, unexpected
from executor_shared.ids import new_call_id

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

IDENTITY = "executor.identity"
CONFIGURATION_BYTES = 64 * 1024 * 1024
_BYTES = 1024 * 1024
_CONFIGURATION_SECONDS = 280.0
_SECONDS = 20.0
_BODY_SECONDS = 60.0
_CONFIGURATIONS_AT_ONCE = 2
_OPEN = re.compile(r"/|/approvals/[A-Za-z0-9_-]{1,64}")
_LARGE = re.compile(r"/api/v1/(config/(plan|apply)|integrations(/[a-z0-9-]+/refresh)?|connections)")
_TOKEN = re.compile(rb"(?i:bearer) +([\x21-\x7e]{1,4096})")
_SAFE = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
)


def is_open(scope: Scope) -> bool:
    """Whether a request needs no token: reading the pages, which hold nothing but themselves."""
    return scope["method"] in {"GET", "HEAD"} and _OPEN.fullmatch(scope["path"]) is not None


class Guard:
    """ASGI middleware around all routes, known and unknown: nothing behind it runs without an identity.

    A body is read here, whole and bounded, after the caller is known and before any route is looked for.
    """

    def __init__(self, app: App, identify: Identify) -> None:
        """Stand before `app`."""
        self._app = app
        self._identify = identify
        self._large = asyncio.Semaphore(_CONFIGURATIONS_AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        send = _with_safe_headers(send)
        try:
            await self._admit(scope, receive, send)
        except ExecutorError as error:
            await problem_of(error)(scope, receive, send)
        except Exception as error:  # noqa: BLE001 - the one place where the unexpected becomes an id
            await unexpected(error)(scope, receive, send)

    async def _admit(self, scope: Scope, receive: Receive, send: Send) -> None:
        if is_open(scope):
            await self._app(scope, receive, send)
            return
        with context.opened(CallContext(new_call_id(), time.time() + _SECONDS)):
            identity = scope[IDENTITY] = await self._who(scope)
        large = _LARGE.fullmatch(scope["path"]) and scope["method"] == "POST"
        if large and identity.principal.admin:  # anybody else is refused there, and takes no place for that
            await self._pass_large(identity, scope, receive, send)
        else:
            await self._pass(identity, scope, receive, send, _BYTES, _SECONDS)

    async def _pass_large(self, identity: Identity, scope: Scope, receive: Receive, send: Send) -> None:
        if self._large.locked():
            raise BusyError(
                "As many configuration changes as this gateway takes are under way; nothing was done."
            )
        async with self._large:
            await self._pass(identity, scope, receive, send, CONFIGURATION_BYTES, _CONFIGURATION_SECONDS)

    async def _pass(
        self, identity: Identity, scope: Scope, receive: Receive, send: Send, size: int, seconds: float
    ) -> None:
        body = await _body(scope, receive, size)
        tenant = identity.principal.tenant
        with context.opened(CallContext(new_call_id(), time.time() + seconds, tenant)):
            await self._app(scope, _replay(body, receive), send)

    async def _who(self, scope: Scope) -> Identity:
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        found = _TOKEN.fullmatch(given[0].strip()) if len(given) == 1 else None
        if found is None:
            raise NotAuthenticatedError("Send an API key of yours: Authorization: Bearer …")
        return await self._identify(found[1].decode("ascii"))


def _with_safe_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *_SAFE]
        await send(message)

    return sending


async def _body(scope: Scope, receive: Receive, size: int) -> bytes:
    """The whole body.

    Raises:
        TooLargeError: longer than `size` bytes.
        UnavailableError: it did not come in time, or the client went away.

    """
    _check_length(scope, size)
    chunks: list[bytes] = []
    total = 0
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    raise UnavailableError("The client went away; nothing was done.")
                chunks.append(message.get("body", b""))
                total += len(chunks[-1])
                if total > size:
                    raise _too_large(size)
                if not message.get("more_body"):
                    return b"".join(chunks)
    except TimeoutError as error:
        raise UnavailableError("The body did not come in time; nothing was done.") from error


def _check_length(scope: Scope, size: int) -> None:
    for name, value in scope["headers"]:
        if name == b"content-length":
            if not value.isdigit():
                raise InvalidRequestError("Content-Length is not a number.")
            if len(value) > len(str(CONFIGURATION_BYTES)) or int(value) > size:
                raise _too_large(size)


def _too_large(size: int) -> TooLargeError:
    return TooLargeError(f"The body is larger than {size // 1024} KiB.", details={"limit": size})


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
