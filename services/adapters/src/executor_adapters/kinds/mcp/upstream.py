"""What the rest of the kind sees of an MCP server, whatever its transport and protocol era."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from executor_adapters.kinds.mcp.wire import Answer

Era = Literal["modern", "legacy"]

CLIENT_INFO: dict[str, object] = {"name": "executor", "version": "0.1.0"}
"""How we introduce ourselves; servers use it for their logs."""

_PREFIX = "io.modelcontextprotocol/"


@dataclass(frozen=True, slots=True)
class About:
    """What a server said of itself when the conversation began."""

    era: Era
    version: str
    name: str = ""
    title: str = ""
    instructions: str = ""
    capabilities: Mapping[str, object] = field(default_factory=dict[str, object])


class HttpRefusedError(Exception):
    """The upstream answered with an HTTP status that is not success and no JSON-RPC answer.

    Args:
        status: the HTTP status.

    """

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status


class Upstream(Protocol):
    """A conversation with one MCP server. Every wait ends at the current context's deadline."""

    @property
    def about(self) -> About:
        """What the server said of itself."""
        ...

    async def ask(
        self,
        method: str,
        params: Mapping[str, object],
        *,
        headers: Mapping[str, str],
        max_bytes: int,
    ) -> Answer:
        """Send one request and wait for its answer.

        Args:
            method: the JSON-RPC method.
            params: without `_meta`, which the era decides.
            headers: `Mcp-Param-*` headers, sent where the era has them.
            max_bytes: bound of the answer.

        Raises:
            HttpRefusedError: an HTTP status without a JSON-RPC answer.
            UpstreamError: no answer, or none that can be understood.

        """
        ...

    async def close(self) -> None:
        """End the conversation, quietly and in bounded time."""
        ...


def with_envelope(params: Mapping[str, object], version: str) -> dict[str, object]:
    """Parameters with the `_meta` that every modern request must carry; no capability is declared."""
    meta: dict[str, object] = {
        f"{_PREFIX}protocolVersion": version,
        f"{_PREFIX}clientInfo": CLIENT_INFO,
        f"{_PREFIX}clientCapabilities": {},
    }
    return {**params, "_meta": meta}


def about_from(result: Mapping[str, object], era: Era, version: str) -> About:
    """What a `DiscoverResult` or `InitializeResult` says, with texts bounded."""
    info = _object(result.get("serverInfo")) or _object(
        _object(result.get("_meta")).get(f"{_PREFIX}serverInfo")
    )
    return About(
        era=era,
        version=version,
        name=_text(info.get("name"), 200),
        title=_text(info.get("title"), 200),
        instructions=_text(result.get("instructions"), 2048),
        capabilities=_object(result.get("capabilities")),
    )


def _object(value: object) -> dict[str, object]:
    return {str(key): item for key, item in value.items()} if isinstance(value, dict) else {}


def _text(value: object, bound: int) -> str:
    return value[:bound] if isinstance(value, str) else ""
