"""The translation of errors to HTTP: RFC 9457 problems."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from executor_shared.errors import Code, ExecutorError
from executor_shared.ids import new_id

STATUS: Final[Mapping[Code, int]] = {
    Code.INVALID_REQUEST: 400,
    Code.NOT_AUTHENTICATED: 401,
    Code.NOT_PERMITTED: 403,
    Code.NOT_FOUND: 404,
    Code.CONFLICT: 409,
    Code.TOO_LARGE: 413,
    Code.BUSY: 503,
    Code.UNAVAILABLE: 503,
    Code.DEADLINE_EXCEEDED: 504,
    Code.NOT_AVAILABLE_YET: 501,
    Code.INTERNAL: 500,
    Code.TOOL_NOT_FOUND: 404,
    Code.TOOL_BLOCKED: 403,
    Code.INVALID_TOOL_ARGUMENTS: 422,
    Code.DEFINITION_CHANGED: 409,
    Code.APPROVAL_REQUIRED: 403,
    Code.APPROVAL_DENIED: 409,
    Code.DUPLICATE_CALL: 409,
    Code.GRANT_REFUSED: 403,
    Code.CREDENTIAL_UNAVAILABLE: 502,
    Code.CONNECTION_REJECTED: 502,
    Code.CONNECTION_VALUE_MISSING: 409,
    Code.OAUTH_REAUTH_REQUIRED: 409,
    Code.DESCRIPTION_INVALID: 422,
    Code.EGRESS_REFUSED: 422,
    Code.UPSTREAM_UNREACHABLE: 502,
    Code.UPSTREAM_TIMEOUT: 504,
    Code.UPSTREAM_HTTP_ERROR: 502,
    Code.UPSTREAM_INVALID_RESPONSE: 502,
    Code.UPSTREAM_RESPONSE_TOO_LARGE: 502,
    Code.MCP_TOOL_ERROR: 502,
    Code.MCP_TOOL_UNKNOWN: 502,
    Code.GRAPHQL_ERRORS: 502,
    Code.GRAPHQL_INVALID_SELECTION: 400,
}
"""HTTP status of every code."""

_BY_STATUS: Final[Mapping[int, Code]] = {
    401: Code.NOT_AUTHENTICATED,
    403: Code.NOT_PERMITTED,
    404: Code.NOT_FOUND,
    409: Code.CONFLICT,
    413: Code.TOO_LARGE,
    503: Code.UNAVAILABLE,
}
_MEDIA_TYPE: Final = "application/problem+json"
_MAX_FIELDS: Final = 20

_log: structlog.stdlib.BoundLogger = structlog.get_logger("executor.http")


def problem(
    code: Code,
    detail: str,
    details: Mapping[str, object] | None = None,
    *,
    status: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A problem response.

    Args:
        code: of the closed list; also in the body.
        detail: what happened and what to do, for a person.
        details: for programs.
        status: where it is another than the code's.
        headers: further ones.

    """
    chosen = status or STATUS[code]
    body = {
        "type": "about:blank",
        "title": HTTPStatus(chosen).phrase,
        "status": chosen,
        "code": str(code),
        "detail": detail,
        "details": dict(details or {}),
    }
    more = {"Cache-Control": "no-store", **(headers or {})}
    if chosen == HTTPStatus.UNAUTHORIZED:
        more.setdefault("WWW-Authenticate", "Bearer")
    if chosen == HTTPStatus.SERVICE_UNAVAILABLE:
        more.setdefault("Retry-After", "1")
    return Response(msgspec.json.encode(body, enc_hook=str), chosen, more, _MEDIA_TYPE)


def problem_of(error: ExecutorError) -> Response:
    """The problem that an error is."""
    return problem(error.code, error.message, error.details)


def unexpected(error: BaseException) -> Response:
    """A 500 that carries only an id; the traceback stands in the log under it."""
    mark = new_id("err")
    _log.error("request.failed", error_id=mark, exc_info=error)
    return problem(Code.INTERNAL, f"Something unexpected happened ({mark}).", {"error_id": mark})


def _place(parts: Iterable[object]) -> str:
    return ".".join(str(part) for part in parts if part not in {"body", "query", "path"}) or "body"


def invalid(errors: list[Any]) -> Response:
    """The problem of a body or parameter that does not fit; names the fields, never their values."""
    fields = [{"field": _place(one["loc"]), "problem": str(one["msg"])} for one in errors[:_MAX_FIELDS]]
    text = "; ".join(f"{one['field']}: {one['problem']}" for one in fields)
    first = fields[0]["field"] if fields else ""
    return problem(Code.INVALID_REQUEST, f"{text}.", {"field": first, "fields": fields})


def install(app: FastAPI) -> None:
    """Make every error of `app` a problem."""

    async def expected(_request: Request, error: Exception) -> Response:
        return problem_of(error) if isinstance(error, ExecutorError) else unexpected(error)

    async def unfit(_request: Request, error: Exception) -> Response:
        return (
            invalid(list(error.errors())) if isinstance(error, RequestValidationError) else unexpected(error)
        )

    async def plain(_request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            return unexpected(error)
        fallback = (
            Code.INTERNAL if error.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR else Code.INVALID_REQUEST
        )
        code = _BY_STATUS.get(error.status_code, fallback)
        return problem(code, f"{error.detail}.", status=error.status_code, headers=error.headers)

    async def failed(_request: Request, error: Exception) -> Response:
        return unexpected(error)

    app.add_exception_handler(ExecutorError, expected)
    app.add_exception_handler(RequestValidationError, unfit)
    app.add_exception_handler(HTTPException, plain)
    app.add_exception_handler(Exception, failed)
