"""Conversations over streamable HTTP: without a session (modern) and with one (legacy)."""

import asyncio
import contextlib
import itertools
from collections.abc import Mapping
from dataclasses import dataclass

from executor_adapters.kinds.mcp.headers import LEGACY_VERSION, LEGACY_VERSIONS, modern_headers
from executor_adapters.kinds.mcp.post import Endpoint, end_session, notify, post
from executor_adapters.kinds.mcp.upstream import (
    CLIENT_INFO,
    About,
    HttpRefusedError,
    about_from,
    with_envelope,
)
from executor_adapters.kinds.mcp.wire import Answer, Incoming, as_object, encode, encode_reply
from executor_shared.context import deadline_in
from executor_shared.errors import Code, ExecutorError, UpstreamError

_HANDSHAKE_BYTES = 1024 * 1024
_PARTING_SECONDS = 2.0
_NOT_FOUND = 404
_BAD_REQUEST = 400
_ERROR_STATUS = 400
_SESSION_IDS = range(1, 1025)


class ModernRemote:
    """A 2026-07-28 server: every request stands alone."""

    def __init__(self, endpoint: Endpoint, about: About) -> None:
        self._endpoint = endpoint
        self._about = about
        self._ids = itertools.count(1)

    @property
    def about(self) -> About:
        """What the server said of itself."""
        return self._about

    async def ask(
        self, method: str, params: Mapping[str, object], *, headers: Mapping[str, str], max_bytes: int
    ) -> Answer:
        """See `Upstream.ask`."""
        number = next(self._ids)
        posted = await post(
            self._endpoint,
            encode(method, with_envelope(params, self._about.version), number),
            number,
            headers={**modern_headers(self._about.version, method, params), **headers},
            max_bytes=max_bytes,
        )
        return posted.answer

    async def close(self) -> None:
        """Nothing to end: the server keeps nothing for us."""


@dataclass(frozen=True, slots=True)
class _Session:
    id: str | None
    about: About

    def headers(self) -> dict[str, str]:
        headers = {"MCP-Protocol-Version": self.about.version}
        if self.id is not None:
            headers["Mcp-Session-Id"] = self.id
        return headers


class LegacyRemote:
    """A server of the handshake era: one session, shared by calls with the same credential.

    A session that the server has forgotten is opened again once per call; the server refused the request
    before it looked at it, so sending it again is safe.
    """

    def __init__(self, endpoint: Endpoint, session: _Session) -> None:
        self._endpoint = endpoint
        self._session = session
        self._ids = itertools.count(2)
        self._opening = asyncio.Lock()
        self._partings: set[asyncio.Task[None]] = set()

    @classmethod
    async def opened(cls, endpoint: Endpoint) -> "LegacyRemote":
        """Shake hands and keep the session.

        Raises:
            HttpRefusedError: an HTTP status without a JSON-RPC answer.
            ExecutorError: the server refused, or speaks no version that we know.

        """
        return cls(endpoint, await _open(endpoint))

    @property
    def about(self) -> About:
        """What the server said of itself."""
        return self._session.about

    async def ask(
        self, method: str, params: Mapping[str, object], *, headers: Mapping[str, str], max_bytes: int
    ) -> Answer:
        """See `Upstream.ask`; parameter headers do not exist in this era."""
        del headers
        session = self._session
        try:
            return await self._once(session, method, params, max_bytes)
        except _SessionLostError:
            session = await self._reopened(session)
        try:
            return await self._once(session, method, params, max_bytes)
        except _SessionLostError as error:
            raise HttpRefusedError(error.status) from None

    async def close(self) -> None:
        """End the session; a server that cannot be reached forgets it by itself."""
        for task in tuple(self._partings):
            task.cancel()
        if self._session.id is None:
            return
        with deadline_in(_PARTING_SECONDS):
            try:
                await end_session(self._endpoint, headers=self._session.headers())
            except ExecutorError:
                return

    async def _once(
        self, session: _Session, method: str, params: Mapping[str, object], max_bytes: int
    ) -> Answer:
        number = next(self._ids)

        async def on_request(asked: Incoming) -> None:
            # That a reply of ours did not leave says nothing of the call, which is under way.
            with contextlib.suppress(ExecutorError):
                await notify(self._endpoint, encode_reply(asked), headers=session.headers())

        try:
            posted = await post(
                self._endpoint,
                encode(method, params, number),
                number,
                headers=session.headers(),
                max_bytes=max_bytes,
                on_request=on_request,
            )
        except HttpRefusedError as error:
            if error.status == _NOT_FOUND and session.id is not None:
                raise _SessionLostError(error.status) from None
            raise
        except (UpstreamError, asyncio.CancelledError) as error:
            if not isinstance(error, UpstreamError) or error.sent:
                self._cancel(session, number)
            raise
        if session.id is not None and _says_session_lost(posted.answer):
            raise _SessionLostError(posted.answer.status)
        return posted.answer

    async def _reopened(self, lost: _Session) -> _Session:
        async with self._opening:
            if self._session is lost:
                self._session = await _open(self._endpoint)
            return self._session

    def _cancel(self, session: _Session, number: int) -> None:
        """Tell the server, in the background, that nobody waits any more."""
        task = asyncio.get_running_loop().create_task(_say_cancelled(self._endpoint, session, number))
        self._partings.add(task)
        task.add_done_callback(self._partings.discard)


class _SessionLostError(Exception):
    def __init__(self, status: int) -> None:
        super().__init__()
        self.status = status


def _says_session_lost(answer: Answer) -> bool:
    """Servers are told to answer 404; many of them answer 400 with a text about the session."""
    if answer.error is None or answer.status < _ERROR_STATUS:
        return False
    return answer.status == _NOT_FOUND or (
        answer.status == _BAD_REQUEST and "session" in (answer.error.message or "").lower()
    )


async def _open(endpoint: Endpoint) -> _Session:
    posted = await post(endpoint, encode("initialize", hello(), 1), 1, headers={}, max_bytes=_HANDSHAKE_BYTES)
    about = greeted(posted.answer)
    if posted.session is not None and not _session_id(posted.session):
        raise UpstreamError(
            "The MCP server gave a session id that cannot be sent back.",
            code=Code.UPSTREAM_INVALID_RESPONSE,
            sent=True,
        )
    session = _Session(posted.session, about)
    status = await notify(endpoint, encode("notifications/initialized", None), headers=session.headers())
    if status >= _ERROR_STATUS:
        raise HttpRefusedError(status)
    return session


def hello() -> dict[str, object]:
    """Parameters of `initialize`; no capability is declared, so the server may ask us nothing."""
    return {"protocolVersion": LEGACY_VERSION, "capabilities": {}, "clientInfo": CLIENT_INFO}


def greeted(answer: Answer) -> About:
    """What an `initialize` answer says.

    Raises:
        UpstreamError: it was refused, or the version is none that we speak.

    """
    result = as_object(answer.result)
    version = result.get("protocolVersion")
    if answer.error is not None:
        problem = f"refused to begin (error {answer.error.code})"
    elif version not in LEGACY_VERSIONS:
        problem = "speaks no protocol version that we know"
    else:
        return about_from(result, "legacy", str(version))
    raise UpstreamError(f"The MCP server {problem}.", code=Code.UPSTREAM_INVALID_RESPONSE, sent=True)


def _session_id(value: str) -> bool:
    return len(value) in _SESSION_IDS and value.isascii() and value.isprintable() and " " not in value


async def _say_cancelled(endpoint: Endpoint, session: _Session, number: int) -> None:
    body = encode("notifications/cancelled", {"requestId": number, "reason": "No longer waited for."})
    with deadline_in(_PARTING_SECONDS):
        try:
            await notify(endpoint, body, headers=session.headers())
        except ExecutorError:
            return
