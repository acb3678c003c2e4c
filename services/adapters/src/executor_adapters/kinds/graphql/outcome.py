"""From a GraphQL response to the one truthful outcome of a call."""

import msgspec
from msgspec import UNSET, Raw, UnsetType

from executor_adapters.domain.ports import Incoming
from executor_shared.contracts.adapters import Executed
from executor_shared.errors import Code, UpstreamError

_AUTHENTICATION = frozenset({401, 403, 407})
_GATEWAY_FAILURES = frozenset({502, 504})
_SLOW_DOWN = frozenset({429, 503})
_SERVER_FAILURE = 500
_SUCCESS = range(200, 300)
_MAX_MESSAGE = 2048


class _Response(msgspec.Struct, frozen=True):
    data: dict[str, Raw] | UnsetType | None = UNSET
    errors: list[Raw] | UnsetType | None = UNSET


class _Error(msgspec.Struct, frozen=True):
    message: str = ""


def executed(incoming: Incoming, field: str) -> Executed:
    """What a response means. Refusals of the caller are told first, whatever the body says.

    Raises:
        UpstreamError: a response that cannot be understood; the operation may have run.

    """
    status = incoming.status
    if status in _AUTHENTICATION or status == 429 or status >= _SERVER_FAILURE:  # noqa: PLR2004
        return refused(status)
    response = _decoded(incoming.body)
    if response is None or (not response.errors and response.data in (UNSET, None)):
        if status not in _SUCCESS:
            return refused(status)
        raise UpstreamError(
            "The API sent something that is not a GraphQL response.",
            code=Code.UPSTREAM_INVALID_RESPONSE,
            sent=True,
            details={"status": status},
        )
    return _of_response(response, field, status)


def _of_response(response: _Response, field: str, status: int) -> Executed:
    data = response.data if isinstance(response.data, dict) else None
    errors = response.errors if isinstance(response.errors, list) else []
    structured: dict[str, object] = {"data": data}
    if errors:
        structured["errors"] = errors
    has_data = data is not None and bytes(data.get(field, Raw(b"null"))).strip() != b"null"
    failed = bool(errors) and not has_data
    text = msgspec.json.encode(structured).decode()
    result: dict[str, object] = {"content": [{"type": "text", "text": text}], "structuredContent": structured}
    if not failed:
        return Executed(outcome="ok", result=Raw(msgspec.json.encode(result)), status=status)
    result["isError"] = True
    return Executed(
        outcome="tool_error",
        result=Raw(msgspec.json.encode(result)),
        code=Code.GRAPHQL_ERRORS,
        message=_said(errors),
        status=status,
    )


def refused(status: int) -> Executed:
    """What an HTTP status without a GraphQL response means for an operation that was sent."""
    if status in _AUTHENTICATION:
        return Executed(
            outcome="tool_error", code=Code.CONNECTION_REJECTED, message=rejected_text(status), status=status
        )
    if status in _GATEWAY_FAILURES:
        text = f"A gateway before the API failed (HTTP {status}); the operation may have run."
        return Executed(outcome="unknown", code=Code.UPSTREAM_HTTP_ERROR, message=text, status=status)
    text = (
        f"The API is busy or limits calls (HTTP {status}); try again later."
        if status in _SLOW_DOWN
        else f"The API answered with HTTP {status}."
    )
    return Executed(outcome="tool_error", code=Code.UPSTREAM_HTTP_ERROR, message=text, status=status)


def rejected_text(status: int) -> str:
    """What to say where the upstream refuses the credential."""
    return (
        f"The API refused the connection's credential (HTTP {status})."
        " Check or replace the credential of this connection."
    )


def _decoded(body: bytes) -> _Response | None:
    try:
        str(body, "utf-8")  # parts are passed on unread, so their bytes are checked here
        return msgspec.json.decode(body, type=_Response)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _said(errors: list[Raw]) -> str:
    try:
        first = msgspec.json.decode(errors[0], type=_Error).message
    except (msgspec.DecodeError, RecursionError):
        first = ""
    shown = "".join(each for each in first if each.isprintable() or each in "\n\t")[:_MAX_MESSAGE]
    return f"The API answered with an error: {shown}" if shown else "The API answered with an error."
