"""From an upstream's answer to the one truthful outcome of a call."""

import re

import msgspec

from executor_adapters.kinds.mcp.definition import clean_text
from executor_adapters.kinds.mcp.wire import (
    HEADER_MISMATCH,
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    Answer,
    RpcError,
    as_object,
    invalid,
)
from executor_shared.contracts.adapters import Executed
from executor_shared.errors import Code, ExecutorError

_UNKNOWN_TOOL = re.compile(r"unknown tool|not found|no such tool|does not exist", re.IGNORECASE)
_MAX_MESSAGE = 2048
_GATEWAY_FAILURES = frozenset({502, 504})
_SLOW_DOWN = frozenset({429, 503})
_AUTHENTICATION = frozenset({401, 403, 407})


class _Result(msgspec.Struct, frozen=True, rename="camel"):
    content: list[msgspec.Raw] | msgspec.UnsetType = msgspec.UNSET
    structured_content: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    is_error: bool = False
    result_type: str = "complete"


class _Text(msgspec.Struct, frozen=True):
    text: str = ""


_result = msgspec.json.Decoder(_Result)


def executed(answer: Answer, tool: str) -> Executed:
    """What a `tools/call` answer means; the result object itself is passed on byte for byte.

    Raises:
        UpstreamError: the result is malformed; the tool may have run.
        ExecutorError: the tool has changed upstream; it did not run.

    """
    status = answer.status or None
    if answer.error is not None:
        return _of_error(answer.error, tool, status)
    raw = answer.result or msgspec.Raw(b"null")
    try:
        result = _result.decode(raw)
    except (msgspec.DecodeError, RecursionError) as error:
        raise invalid("a result that is not a tool result") from error
    if result.result_type != "complete":
        return _unfinished(result.result_type, status)
    if result.content is msgspec.UNSET:
        if result.structured_content is msgspec.UNSET:
            raise invalid("a result without content")
        raw = msgspec.Raw(msgspec.json.encode({"content": [], **as_object(raw)}))
    if result.is_error:
        code = Code.MCP_TOOL_UNKNOWN if _says_unknown(result, tool) else Code.MCP_TOOL_ERROR
        return Executed(outcome="tool_error", result=raw, code=code, status=status)
    return Executed(outcome="ok", result=raw, status=status)


def refused(status: int) -> Executed:
    """What an HTTP status without an answer means for a call that was sent."""
    if status in _AUTHENTICATION:
        return Executed(
            outcome="tool_error", code=Code.CONNECTION_REJECTED, message=rejected_text(status), status=status
        )
    outcome = "unknown" if status in _GATEWAY_FAILURES else "tool_error"
    return Executed(
        outcome=outcome, code=Code.UPSTREAM_HTTP_ERROR, message=status_text(status), status=status
    )


def rejected_text(status: int) -> str:
    """What to say where the upstream refuses the credential."""
    return (
        f"The MCP server refused the connection's credential (HTTP {status})."
        " Check or replace the credential of this connection."
    )


def status_text(status: int) -> str:
    """What to say of any other HTTP status."""
    if status in _GATEWAY_FAILURES:
        return f"A gateway before the MCP server failed (HTTP {status}); the tool may have run."
    if status in _SLOW_DOWN:
        return f"The MCP server is busy or limits calls (HTTP {status}); try again later."
    return f"The MCP server answered with HTTP {status}."


def _of_error(error: RpcError, tool: str, status: int | None) -> Executed:
    if error.code == HEADER_MISMATCH:
        raise ExecutorError(
            "The MCP server no longer accepts this tool as it was listed; refresh the integration.",
            code=Code.DEFINITION_CHANGED,
        )
    code = Code.MCP_TOOL_UNKNOWN if _unknown_tool(error, tool) else Code.MCP_TOOL_ERROR
    said = clean_text(error.message or "")[:_MAX_MESSAGE]
    text = (
        f"The MCP server answered with error {error.code}: {said}"
        if said
        else (f"The MCP server answered with error {error.code}.")
    )
    return Executed(outcome="tool_error", result=_error_result(text), code=code, message=text, status=status)


def _unknown_tool(error: RpcError, tool: str) -> bool:
    if error.code == METHOD_NOT_FOUND:
        return True
    said = error.message or ""
    return error.code == INVALID_PARAMS and tool in said and bool(_UNKNOWN_TOOL.search(said))


def _says_unknown(result: _Result, tool: str) -> bool:
    """Whether an error result is the sentence with which servers say that they have no such tool."""
    if result.content is msgspec.UNSET or len(result.content) != 1:
        return False
    try:
        text = msgspec.json.decode(result.content[0], type=_Text).text
    except (msgspec.DecodeError, RecursionError):
        return False
    name = f"['\"]?{re.escape(tool)}['\"]?"
    sentence = rf"(?:MCP error -?\d+: )?(?:Unknown tool:? {name}|Tool {name} not found)\.?"
    return re.fullmatch(sentence, text, re.IGNORECASE) is not None


def _unfinished(kind: str, status: int | None) -> Executed:
    """The server wants something that we said we do not offer."""
    if kind not in {"input_required", "task"}:
        raise invalid("a result of a kind that the protocol does not know")
    text = (
        "The MCP server asks for more input before it finishes this call, which cannot be passed on yet."
        if kind == "input_required"
        else "The MCP server answered with a task, although no support for tasks was declared."
    )
    return Executed(
        outcome="tool_error",
        result=_error_result(text),
        code=Code.NOT_AVAILABLE_YET,
        message=text,
        status=status,
    )


def _error_result(text: str) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode({"content": [{"type": "text", "text": text}], "isError": True}))
