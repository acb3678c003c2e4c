"""The HTTP leg of the bridge: one POST per message, JSON or an event stream back."""

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

Message = dict[str, Any]
_MAX_EVENT = 16 * 1024 * 1024
_CONNECT_SECONDS = 10


class Refused(Exception):  # noqa: N818 - an answer, not a fault of ours
    """The endpoint answered with an HTTP status and no JSON-RPC message."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.text = text


async def events(response: aiohttp.ClientResponse) -> AsyncIterator[Message]:
    """The JSON messages of an event stream; comments and other fields are skipped."""
    data: list[str] = []
    pending = b""
    async for chunk in response.content.iter_any():
        pending += chunk
        if len(pending) > _MAX_EVENT:
            raise Refused(502, "an event is larger than 16 MiB")
        *lines, pending = pending.split(b"\n")
        for raw in lines:
            line = raw.rstrip(b"\r").decode()
            if not line and data:
                yield json.loads("\n".join(data))
                data = []
            elif line.startswith("data:"):
                data.append(line[5:].removeprefix(" "))


class Remote:
    """One MCP endpoint."""

    def __init__(self, session: aiohttp.ClientSession, url: str, token: str) -> None:
        """Speak to `url` as the holder of `token`."""
        self._session = session
        self._url = url
        self._base = {
            "Authorization": f"Bearer {token}",
            "Accept": "application/json, text/event-stream",
        }

    @asynccontextmanager
    async def _open(
        self, method: str, headers: dict[str, str], message: Message | None
    ) -> AsyncGenerator[aiohttp.ClientResponse]:
        """Send; without a total time-out, since a call may take as long as its deadline."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS)
        async with self._session.request(
            method,
            self._url,
            json=message,
            headers={**self._base, **headers},
            timeout=timeout,
            allow_redirects=False,
        ) as response:
            yield response

    async def post(
        self, message: Message, headers: dict[str, str], seen: dict[str, str] | None = None
    ) -> AsyncIterator[Message]:
        """Send one message; yield what comes back for it.

        Raises:
            Refused: an HTTP error without a JSON-RPC body.
            aiohttp.ClientError: the endpoint cannot be reached, or the stream broke.

        """
        async with self._open("POST", headers, message) as response:
            if seen is not None:
                seen.update({name.lower(): value for name, value in response.headers.items()})
            if response.content_type == "text/event-stream":
                async for event in events(response):
                    yield event
                return
            body = await response.read()
            if response.status == 202 or not body:  # noqa: PLR2004 - accepted
                if response.status >= 400:  # noqa: PLR2004
                    raise Refused(response.status, "")
                return
            try:
                answer = json.loads(body)
            except ValueError as error:
                raise Refused(response.status, body[:200].decode(errors="replace")) from error
            if not isinstance(answer, dict) or "jsonrpc" not in answer:
                raise Refused(response.status, body[:200].decode(errors="replace"))
            yield answer

    async def listen(self, headers: dict[str, str]) -> AsyncIterator[Message]:
        """The stream on which a server speaks first (legacy era); ends at once where there is none."""
        async with self._open("GET", headers, None) as response:
            if response.status == 200 and response.content_type == "text/event-stream":  # noqa: PLR2004
                async for event in events(response):
                    yield event

    async def delete(self, headers: dict[str, str]) -> None:
        """End a session."""
        async with self._open("DELETE", headers, None):
            pass
