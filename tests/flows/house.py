"""The running house as tests see it: its doors, its servers, and what it said."""

import asyncio
import json
import os
import selectors
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import msgspec
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult, TextContent

from executor_cli.client import Server, open_api
from executor_cli.commands.documents import body_of
from executor_cli.local.home import Home
from executor_shared.contracts.base import ServiceName
from executor_shared.settings import DatabaseSettings
from executor_shared.testing.bus_fixtures import Nats
from tests.flows.serve import Task
from tests.upstreams import ROOT

ERAS = ("legacy", "2026-07-28")
_START_SECONDS = 60.0
_STOP_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Answer:
    """A tool's result as an agent sees it."""

    text: str
    structured: Any
    facts: dict[str, Any]
    whole: CallToolResult

    @property
    def outcome(self) -> str:
        """How the call ended."""
        return str(self.facts.get("outcome"))

    @property
    def code(self) -> str | None:
        """The code of a call that is not `ok`."""
        return self.facts.get("code")


@dataclass(frozen=True, slots=True)
class Agent:
    """A connected MCP client of the official SDK."""

    client: Client

    async def tools(self) -> list[str]:
        """Names of all tools, over all pages."""
        names: list[str] = []
        cursor: str | None = None
        while True:
            page = await self.client.list_tools(cursor=cursor)
            names += [tool.name for tool in page.tools]
            cursor = page.next_cursor
            if cursor is None:
                return names

    async def call(self, tool: str, arguments: Mapping[str, Any] | None = None) -> Answer:
        """Call one tool."""
        result = await self.client.call_tool(tool, dict(arguments or {}))
        text = "\n".join(block.text for block in result.content if isinstance(block, TextContent))
        facts: dict[str, Any] = dict((result.meta or {}).get("executor/call") or {})
        return Answer(text, result.structured_content, facts, result)


@dataclass(frozen=True, slots=True)
class Rest:
    """The REST API as one principal."""

    http: httpx2.AsyncClient

    async def send(self, method: str, path: str, body: object = None) -> httpx2.Response:
        """The response, whatever its status."""
        options: dict[str, Any] = {} if body is None else {"json": body}
        return await self.http.request(method, f"/api/v1/{path}", **options)

    async def get(self, path: str) -> Any:
        """The JSON of a GET that must succeed."""
        response = await self.send("GET", path)
        assert response.status_code == 200, response.text
        return response.json()

    async def config(self) -> str:
        """The exported configuration."""
        response = await self.send("GET", "config")
        assert response.status_code == 200, response.text
        return response.text

    async def decide(self, approval: str, decision: str = "approve") -> dict[str, Any]:
        """Decide an approval, which must succeed."""
        response = await self.send("POST", f"approvals/{approval}/decision", {"decision": decision})
        assert response.status_code == 200, response.text
        return response.json()


@dataclass
class House:
    """Five services, running."""

    url: str
    home: Home
    nats: Nats
    database: DatabaseSettings
    log: Path
    folder: Path
    keys: dict[str, str] = field(default_factory=dict[str, str])
    _documents: int = 0

    def key(self, who: str) -> str:
        """The API key of a principal."""
        return self.home.admin_token() if who == "admin" else self.keys[who]

    @asynccontextmanager
    async def rest(self, who: str = "admin") -> AsyncGenerator[Rest]:
        """The REST API as `who`."""
        headers = {"authorization": f"Bearer {self.key(who)}"}
        async with httpx2.AsyncClient(
            base_url=self.url, headers=headers, trust_env=False, timeout=150
        ) as http:
            yield Rest(http)

    @asynccontextmanager
    async def agent(self, who: str = "alice", era: str = "auto", path: str = "/mcp") -> AsyncGenerator[Agent]:
        """An MCP client as `who`."""
        headers = {"authorization": f"Bearer {self.key(who)}"}
        async with httpx2.AsyncClient(headers=headers, trust_env=False, timeout=60) as http:
            transport = streamable_http_client(f"{self.url}{path}", http_client=http)
            async with Client(transport, mode=era) as client:
                yield Agent(client)

    def principal(self, who: str) -> str:
        """The key of a principal to be, as an environment variable's name for documents."""
        self.keys.setdefault(who, f"key-of-{who}-{os.urandom(12).hex()}")
        name = f"FLOWS_{who.upper()}_KEY"
        os.environ[name] = self.keys[who]
        return name

    async def apply(self, text: str, **secrets: str) -> httpx2.Response:
        """Apply a document as `executor apply` does; `secrets` are what its `{env: …}` name."""
        self._documents += 1
        path = self.folder / f"{self._documents}.yaml"
        path.write_text(f"apiVersion: executor/v1\n{text}")
        os.environ.update(secrets)
        async with open_api(Server(self.url, self.key("admin"))) as api:
            body = await body_of(api, [path])
        async with self.rest() as rest:
            return await rest.send("POST", "config/apply", body)

    async def applied(self, text: str, **secrets: str) -> dict[str, Any]:
        """Apply a document that must be taken."""
        response = await self.apply(text, **secrets)
        assert response.status_code == 200, response.text
        return response.json()

    async def record(self, call: str, who: str = "alice") -> dict[str, Any]:
        """What stands in the record about one call, once it is closed."""
        async with self.rest(who) as rest, asyncio.timeout(10):
            while True:
                found = await rest.get(f"calls/{call}")
                if found["state"] == "finished":
                    return found


@contextmanager
def serving(
    folder: Path, nats: Nats, database: DatabaseSettings, env: Mapping[str, str] | None = None
) -> Generator[House]:
    """The five services in a child process for the block."""
    home = Home(folder / "home")
    task = Task(
        home=str(home.directory),
        database=database.url.get_secret_value(),
        bus_url=nats.server.url,
        bus_passwords={name: _password(nats, name) for name in ServiceName},
    )
    log = folder / "house.log"
    with log.open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.flows.serve"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            env={**os.environ, "EXECUTOR_TELEMETRY__LOG_LEVEL": "debug", **(env or {})},
        )
        try:
            url = _announced(process, task, log)
            yield House(url, home, nats, database, log, folder)
        finally:
            _stop(process)


def _password(nats: Nats, name: ServiceName) -> str:
    password = nats.settings(name).password
    assert password is not None
    return password.get_secret_value()


def _announced(process: subprocess.Popen[bytes], task: Task, log: Path) -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(msgspec.json.encode(task) + b"\n")
    process.stdin.flush()
    with selectors.DefaultSelector() as ready:
        ready.register(process.stdout, selectors.EVENT_READ)
        line = process.stdout.readline() if ready.select(_START_SECONDS) else b""
    if not line:
        raise RuntimeError(f"the house did not start:\n{log.read_text()[-4000:]}")
    return str(json.loads(line)["url"])


def _stop(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise
    finally:
        process.stdout.close()


def eventually(condition: Any, seconds: float = 10.0) -> None:
    """Wait until `condition()` holds; it is asked of other processes, which tell nobody.

    Raises:
        TimeoutError: it does not in `seconds`.

    """
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError
        time.sleep(0.02)
