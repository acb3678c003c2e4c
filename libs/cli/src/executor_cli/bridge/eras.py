"""What each protocol era adds to a message on its way to HTTP."""

from typing import Any

from mcp.shared.inbound import encode_header_value, mcp_param_headers, x_mcp_header_map

from executor_cli.bridge.remote import Message

_META = "io.modelcontextprotocol/protocolVersion"
_NAMED = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
_TASKS = {"tasks/get", "tasks/update", "tasks/cancel"}


def is_modern(message: Message) -> bool:
    """Whether the host speaks the stateless revision: the first message decides for the process."""
    if message.get("method") == "server/discover":
        return True
    params = message.get("params")
    return isinstance(params, dict) and _META in (params.get("_meta") or {})


class ModernHeaders:
    """Headers mirrored from the body (2026-07-28, streamable HTTP), with the listed tools' schemas."""

    def __init__(self) -> None:
        self._schemas: dict[str, dict[str, Any]] = {}

    def remember(self, answer: Message) -> None:
        """Keep the schemas of a `tools/list` answer, for `Mcp-Param-*`."""
        result = answer.get("result")
        tools = result.get("tools") if isinstance(result, dict) else None
        for tool in tools if isinstance(tools, list) else ():
            if isinstance(tool, dict) and isinstance(tool.get("inputSchema"), dict):
                self._schemas[str(tool.get("name"))] = tool["inputSchema"]

    def of(self, message: Message) -> dict[str, str]:
        """The headers of one message."""
        method = str(message.get("method", ""))
        params: dict[str, Any] = message.get("params") or {}
        meta: dict[str, Any] = params.get("_meta") or {}
        headers = {"MCP-Protocol-Version": str(meta.get(_META, "2026-07-28")), "Mcp-Method": method}
        key = "taskId" if method in _TASKS else _NAMED.get(method)
        name = params.get(key) if key else None
        if isinstance(name, str):
            headers["Mcp-Name"] = encode_header_value(name)
        if method == "tools/call" and (schema := self._schemas.get(str(name))):
            headers |= mcp_param_headers(x_mcp_header_map(schema), params.get("arguments") or {})
        return headers


class LegacySession:
    """The session of the handshake revisions: what `initialize` answered, to be repeated on every message."""

    def __init__(self) -> None:
        self.session: str | None = None
        self.version: str | None = None
        self.initialize: Message | None = None

    def headers(self) -> dict[str, str]:
        """Headers of the next message."""
        found: dict[str, str] = {}
        if self.session:
            found["Mcp-Session-Id"] = self.session
        if self.version:
            found["MCP-Protocol-Version"] = self.version
        return found

    def begun(self, message: Message, answer: Message, seen: dict[str, str]) -> None:
        """Take over what the endpoint answered to `initialize`."""
        self.initialize = message
        self.session = seen.get("mcp-session-id")
        self.version = str((answer.get("result") or {}).get("protocolVersion") or "") or None
