"""The agent of the demonstration: an ordinary MCP client of the official SDK. It knows one address and one key."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client


@dataclass(frozen=True, slots=True)
class Answer:
    """A tool's result as the agent sees it."""

    text: str
    structured: Any
    facts: dict[str, Any]

    @property
    def outcome(self) -> str:
        """How the call ended."""
        return str(self.facts.get("outcome"))


class Agent:
    """One connected client."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.protocol = str(client.protocol_version)

    async def tools(self) -> list[str]:
        """The names of all tools."""
        return [tool.name for tool in (await self._client.list_tools()).tools]

    async def call(self, tool: str, **arguments: Any) -> Answer:
        """Call one tool."""
        result = await self._client.call_tool(tool, arguments)
        shown = "\n".join(block.text for block in result.content if block.type == "text")
        facts = (result.meta or {}).get("executor/call") or {}
        return Answer(shown, result.structured_content, dict(facts))


@asynccontextmanager
async def connected(url: str, key: str) -> AsyncGenerator[Agent]:
    """A client connected to the one endpoint."""
    headers = {"Authorization": f"Bearer {key}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=60) as http,
        Client(streamable_http_client(f"{url}/mcp", http_client=http)) as client,
    ):
        yield Agent(client)
