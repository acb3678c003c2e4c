"""How a call's end is written for a client of each revision, and how errors become JSON-RPC errors."""

from datetime import UTC, datetime
from typing import cast

import msgspec

from executor_gateway.domain.call_tool import Ended
from executor_gateway.mcp.inbound import MODERN
from executor_gateway.mcp.jsonrpc import INTERNAL_ERROR, INVALID_PARAMS, Object, RpcError
from executor_shared.errors import Code, ExecutorError

Raw = msgspec.Raw
_OLDEST = "2025-03-26"
_SERVER_KEY = "io.modelcontextprotocol/serverInfo"
_CALL_KEY = "executor/call"
_TRUE = Raw(b"true")
_COMPLETE = Raw(b'"complete"')
_MODERN_ONLY = ("resultType", "ttlMs", "cacheScope")

RPC_CODES: dict[Code, int] = {
    **dict.fromkeys(Code, INTERNAL_ERROR),
    Code.INVALID_REQUEST: INVALID_PARAMS,
    Code.NOT_FOUND: INVALID_PARAMS,
    Code.TOOL_NOT_FOUND: INVALID_PARAMS,
    Code.INVALID_TOOL_ARGUMENTS: INVALID_PARAMS,
}
"""The JSON-RPC code of an error that is not the end of a call."""


class _Approval(msgspec.Struct):
    id: str
    url: str
    expires_at: str


class _Call(msgspec.Struct, omit_defaults=True):
    id: str
    outcome: str
    code: str | None
    approval: _Approval | None = None


def rpc_error(error: ExecutorError) -> RpcError:
    """An expected error as a JSON-RPC error; its text is ours and safe to show."""
    return RpcError(RPC_CODES[error.code], error.message, data={"code": str(error.code)})


def unknown_tool(name: str) -> RpcError:
    """A tool that is not there, or not there for this principal: the two are told alike."""
    return RpcError(INVALID_PARAMS, f"Unknown tool: {name[:128]}")


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _call(ended: Ended) -> Raw:
    shown = ended.approval and _Approval(
        ended.approval.id, ended.approval.url, _time(ended.approval.expires_at)
    )
    return Raw(msgspec.json.encode(_Call(ended.call, ended.outcome, ended.code, shown)))


def _fields(ended: Ended) -> dict[str, Raw]:
    if ended.result is not None:
        fields = msgspec.json.decode(ended.result, type=dict[str, Raw])
    else:
        text = msgspec.json.encode([{"type": "text", "text": ended.text}])
        fields = {"content": Raw(text)}
    if ended.outcome != "ok":
        fields["isError"] = _TRUE
    fields.setdefault("content", Raw(b"[]"))
    return fields


def _meta(fields: dict[str, Raw]) -> dict[str, Raw]:
    try:
        return msgspec.json.decode(fields.get("_meta", b"{}"), type=dict[str, Raw])
    except msgspec.ValidationError:
        return {}


def call_result(ended: Ended, version: str, server: bytes) -> bytes:
    """The CallToolResult for a client of `version`.

    What the upstream sent stays as it came, byte for byte, but for fields that the revision does not have.

    Args:
        ended: the call.
        version: the client's protocol revision.
        server: JSON of our `serverInfo`.

    """
    fields = _fields(ended)
    meta = _meta(fields)
    meta[_CALL_KEY] = _call(ended)
    if version == MODERN:
        fields["resultType"] = _COMPLETE
        meta[_SERVER_KEY] = Raw(server)
    else:
        meta.pop(_SERVER_KEY, None)
        _strip(fields, version)
    fields["_meta"] = Raw(msgspec.json.encode(meta))
    return msgspec.json.encode(fields)


def _strip(fields: dict[str, Raw], version: str) -> None:
    for name in _MODERN_ONLY:
        fields.pop(name, None)
    structured = fields.get("structuredContent")
    if structured is not None and (version == _OLDEST or not bytes(structured).lstrip().startswith(b"{")):
        del fields["structuredContent"]
    if version == _OLDEST and b"resource_link" in bytes(fields["content"]):
        fields["content"] = Raw(_without_links(bytes(fields["content"])))


def _without_links(content: bytes) -> bytes:
    blocks = msgspec.json.decode(content, type=list[Raw])
    return msgspec.json.encode([_as_text(block) for block in blocks])


def _as_text(block: Raw) -> Raw:
    found: object = msgspec.json.decode(block)
    if not isinstance(found, dict):
        return block
    link = cast("Object", found)
    if link.get("type") != "resource_link":
        return block
    text = f"{link.get('name', '')} {link.get('uri', '')}".strip()
    return Raw(msgspec.json.encode({"type": "text", "text": text}))
