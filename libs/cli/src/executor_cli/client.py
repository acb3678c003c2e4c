"""The REST API of a running Executor, for the commands."""

import os
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

import aiohttp

from executor_cli.errors import CommandError
from executor_cli.local.home import Home, data_dir

_TOTAL_SECONDS = 300
_CONNECT_SECONDS = 5


_OWN_NAMES = frozenset({"EXECUTOR_DATA_DIR", "EXECUTOR_URL", "EXECUTOR_TOKEN"})


@dataclass(frozen=True, slots=True)
class Server:
    """Where Executor is, and who we are to it.

    Attributes:
        hint: what to do when the token is refused.

    """

    url: str
    token: str
    hint: str = ""


def find_server(*, agent: bool = False) -> Server:
    """The server named by `EXECUTOR_URL` and `EXECUTOR_TOKEN`, else the one of the data directory.

    Args:
        agent: act as the machine's agent instead of its administrator.

    Raises:
        CommandError: nothing is named and nothing runs; says both ways. Or a name is misspelt, or no URL.

    """
    _check_names()
    url, token = _named_url(), os.environ.get("EXECUTOR_TOKEN")
    home = Home(data_dir(None))
    running = home.running()
    if url is None and running is None:
        raise CommandError(
            f"No Executor runs from {home.directory}. Start one with `executor up`, or name another with "
            "EXECUTOR_URL=https://… EXECUTOR_TOKEN=…"
        )
    hint = "Check EXECUTOR_TOKEN."
    if token is None and url is None:
        token = home.agent_token() if agent else home.admin_token()
        hint = _agent_hint(home) if agent else f"It is the one in {home.token_file}; start Executor again."
    if token is None:
        raise CommandError("EXECUTOR_URL is set: set EXECUTOR_TOKEN too, to an API key of yours.")
    return Server((url or (running.url if running else "")).rstrip("/"), token, hint)


def _check_names() -> None:
    """Settings of services may stand in the same environment; a misspelt name of ours may not."""
    for name in os.environ:
        if name.startswith("EXECUTOR_") and "__" not in name and name not in _OWN_NAMES:
            raise CommandError(f"{name} is not a setting. Commands know {', '.join(sorted(_OWN_NAMES))}.")


def _named_url() -> str | None:
    url = os.environ.get("EXECUTOR_URL")
    if url is not None and not re.match(r"https?://[^/]", url):
        raise CommandError(f"EXECUTOR_URL: expected an address such as http://127.0.0.1:8484, not {url!r}.")
    return url


def _agent_hint(home: Home) -> str:
    entry = f"{{subject: agent, key: {{file: {home.agent_token_file}}}}}"
    return (
        f"It is the one in {home.agent_token_file}: its principal was removed or got another key. To let it in "
        f"again, apply a document with\n  principals: [{entry}]"
    )


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
                    hint = f" {self.server.hint}" if response.status == 401 else ""  # noqa: PLR2004
                    raise CommandError(await _problem(response) + hint)
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
