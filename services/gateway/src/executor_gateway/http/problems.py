"""Errors as RFC 9457 problems, with a `code` from the closed list."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, cast

import msgspec
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from executor_shared.errors import Code, ExecutorError, InternalError, InvalidRequestError, NotFoundError
from executor_shared.ids import new_id

_log: structlog.stdlib.BoundLogger = structlog.get_logger("executor.http")
_STATUS: dict[Code, int] = {
    Code.INVALID_REQUEST: 400,
    Code.NOT_AUTHENTICATED: 401,
    Code.NOT_PERMITTED: 403,
    Code.NOT_FOUND: 404,
    Code.TOOL_NOT_FOUND: 404,
    Code.CONFLICT: 409,
    Code.APPROVAL_DENIED: 409,
    Code.DUPLICATE_CALL: 409,
    Code.TOO_LARGE: 413,
    Code.INVALID_TOOL_ARGUMENTS: 422,
    Code.DESCRIPTION_INVALID: 422,
    Code.EGRESS_REFUSED: 422,
    Code.INTERNAL: 500,
    Code.NOT_AVAILABLE_YET: 501,
    Code.UPSTREAM_UNREACHABLE: 502,
    Code.UPSTREAM_HTTP_ERROR: 502,
    Code.UPSTREAM_INVALID_RESPONSE: 502,
    Code.UPSTREAM_RESPONSE_TOO_LARGE: 502,
    Code.MCP_TOOL_ERROR: 502,
    Code.GRAPHQL_ERRORS: 502,
    Code.CREDENTIAL_UNAVAILABLE: 502,
    Code.CONNECTION_REJECTED: 502,
    Code.BUSY: 503,
    Code.UNAVAILABLE: 503,
    Code.DEADLINE_EXCEEDED: 504,
    Code.UPSTREAM_TIMEOUT: 504,
}


def problem(error: ExecutorError, headers: Mapping[str, str] | None = None) -> Response:
    """The response that tells an error."""
    status = _STATUS.get(error.code, 400)
    more = {"Cache-Control": "no-store", **(headers or {})}
    if status == HTTPStatus.UNAUTHORIZED:
        more["WWW-Authenticate"] = "Bearer"
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        more["Retry-After"] = "1"
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": str(error.code),
        "detail": error.message,
        "details": error.details,
    }
    return Response(msgspec.json.encode(body), status, more, media_type="application/problem+json")


def unexpected(error: BaseException) -> ExecutorError:
    """An error that nobody foresaw: the log has it, the caller an id."""
    mark = new_id("err")
    _log.error("request.failed", error_id=mark, exc_info=error)
    return InternalError(f"Something unexpected happened ({mark}).")


def from_validation(errors: Sequence[Any]) -> InvalidRequestError:
    """What is wrong with a body or query, by field; values are not repeated."""
    lines: list[str] = []
    for error in errors:
        found = cast("dict[str, Any]", error)
        place = ".".join(str(part) for part in found.get("loc", ()) if part not in {"body", "query", "path"})
        lines.append(f"{place or 'the body'}: {found.get('msg', 'is not valid')}")
    first = lines[0] if lines else "the body is not valid"
    return InvalidRequestError(f"{first}.", details={"errors": lines})


def install(app: FastAPI) -> None:
    """Tell every error of the application's routes as a problem."""

    @app.exception_handler(ExecutorError)
    async def expected(_: Request, error: ExecutorError) -> Response:
        return problem(error)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        return problem(from_validation(error.errors()))

    @app.exception_handler(HTTPException)
    async def http(_: Request, error: HTTPException) -> Response:
        if error.status_code == HTTPStatus.NOT_FOUND:
            return problem(NotFoundError("There is nothing at this path."))
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            answer = problem(InvalidRequestError("This path does not take that method."), error.headers)
            answer.status_code = HTTPStatus.METHOD_NOT_ALLOWED
            return answer
        return problem(InvalidRequestError("The request cannot be read."))
