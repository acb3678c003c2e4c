"""The REST API of a running Executor, for the commands."""

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

import aiohttp

from executor_cli.errors import CommandError
from executor_cli.local.home import Home, data_dir

_TOTAL_SECONDS = 300
_CONNECT_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Server:
    """Where Executor is, and who we are to it."""

    url: str
    token: str


def find_server(*, agent: bool = False) -> Server:
    """The server named by `EXECUTOR_URL` and `EXECUTOR_TOKEN`, else the one of the data directory.

    Args:
        agent: act as the machine's agent instead of its administrator.

    Raises:
        CommandError: nothing is named and nothing runs; says both ways.

    """
    url, token = os.environ.get("EXECUTOR_URL"), os.environ.get("EXECUTOR_TOKEN")
    home = Home(data_dir(None))
    running = home.running()
    if url is None and running is None:
        raise CommandError(
            f"No Executor runs from {home.directory}. Start one with `executor up`, or name another with "
            "EXECUTOR_URL=https://… EXECUTOR_TOKEN=…"
        )
    if token is None and url is None:
        token = home.agent_token() if agent else home.admin_token()
    if token is None:
        raise CommandError("EXECUTOR_URL is set: set EXECUTOR_TOKEN too, to an API key of yours.")
    return Server((url or (running.url if running else "")).rstrip("/"), token)


class Api:
    """One session with the REST API."""

    def __init__(self, session: aiohttp.ClientSession, server: Server) -> None:
        """Use `open_api`."""
        self._session = session
        self.server = server

    async def get(self, path: str, **query: str | int | None) -> dict[str, Any]:
        """GET `/api/v1/<path>`."""
        asked = {key: str(value) for key, value in query.items() if value is not None}
        return await self._send("GET", path, params=asked)

    async def text(self, path: str) -> str:
        """GET `/api/v1/<path>` as text."""
        async with self._request("GET", path) as response:
            return await response.text()

    async def post(self, path: str, body: object) -> dict[str, Any]:
        """POST JSON to `/api/v1/<path>`."""
        return await self._send("POST", path, json=body)

    async def _send(self, method: str, path: str, **options: Any) -> dict[str, Any]:  # noqa: ANN401 - aiohttp's
        async with self._request(method, path, **options) as response:
            return cast("dict[str, Any]", await response.json()) if response.content_length != 0 else {}

    @asynccontextmanager
    async def _request(
        self,
        method: str,
        path: str,
        **options: Any,  # noqa: ANN401 - aiohttp's
    ) -> AsyncGenerator[aiohttp.ClientResponse]:
        url = f"{self.server.url}/api/v1/{path}"
        try:
            async with self._session.request(method, url, allow_redirects=False, **options) as response:
                if response.status >= 400:  # noqa: PLR2004 - HTTP errors
                    raise CommandError(await _problem(response))
                yield response
        except aiohttp.ClientConnectionError as error:
            raise CommandError(f"Executor at {self.server.url} cannot be reached. Is it running?") from error
        except TimeoutError as error:
            raise CommandError(f"Executor at {self.server.url} did not answer in time.") from error


async def _problem(response: aiohttp.ClientResponse) -> str:
    """An RFC 9457 problem in plain words."""
    try:
        problem: dict[str, Any] = await response.json(content_type=None)
        text = str(problem.get("detail") or problem.get("title"))
    except ValueError:
        return f"Executor answered with HTTP {response.status}."
    errors: list[Any] = (problem.get("details") or {}).get("errors") or []
    return "\n".join([text, *(f"  {error}" for error in errors)])


@asynccontextmanager
async def open_api(server: Server | None = None) -> AsyncGenerator[Api]:
    """The API of the found (or given) server."""
    found = server or find_server()
    timeout = aiohttp.ClientTimeout(total=_TOTAL_SECONDS, sock_connect=_CONNECT_SECONDS)
    headers = {"Authorization": f"Bearer {found.token}"}
    async with aiohttp.ClientSession(timeout=timeout, headers=headers, trust_env=False) as session:
        yield Api(session, found)
