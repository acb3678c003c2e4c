"""The one vocabulary of errors: what went wrong, in a closed list that every edge translates."""

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar


class Code(StrEnum):
    """Every code that a caller can meet. The list grows; a code never changes its meaning."""

    # the request
    INVALID_REQUEST = "invalid_request"
    NOT_AUTHENTICATED = "not_authenticated"
    NOT_PERMITTED = "not_permitted"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    TOO_LARGE = "too_large"
    # the house
    BUSY = "busy"
    UNAVAILABLE = "unavailable"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    NOT_AVAILABLE_YET = "not_available_yet"
    INTERNAL = "internal"
    # tools and policy
    TOOL_NOT_FOUND = "tool_not_found"
    TOOL_BLOCKED = "tool_blocked"
    INVALID_TOOL_ARGUMENTS = "invalid_tool_arguments"
    DEFINITION_CHANGED = "definition_changed"
    APPROVAL_REQUIRED = "approval_required"
    APPROVAL_DENIED = "approval_denied"
    DUPLICATE_CALL = "duplicate_call"
    GRANT_REFUSED = "grant_refused"
    # credentials
    CREDENTIAL_UNAVAILABLE = "credential_unavailable"
    CONNECTION_REJECTED = "connection_rejected"
    CONNECTION_VALUE_MISSING = "connection_value_missing"
    OAUTH_REAUTH_REQUIRED = "oauth_reauth_required"
    # upstreams
    DESCRIPTION_INVALID = "description_invalid"
    EGRESS_REFUSED = "egress_refused"
    UPSTREAM_UNREACHABLE = "upstream_unreachable"
    UPSTREAM_TIMEOUT = "upstream_timeout"
    UPSTREAM_HTTP_ERROR = "upstream_http_error"
    UPSTREAM_INVALID_RESPONSE = "upstream_invalid_response"
    UPSTREAM_RESPONSE_TOO_LARGE = "upstream_response_too_large"
    MCP_TOOL_ERROR = "mcp_tool_error"
    MCP_TOOL_UNKNOWN = "mcp_tool_unknown"
    GRAPHQL_ERRORS = "graphql_errors"
    GRAPHQL_INVALID_SELECTION = "graphql_invalid_selection"


class ExecutorError(Exception):
    """An expected failure, told to the caller in plain words.

    Args:
        message: one or two sentences for a person: what happened and what to do. Never a credential,
            never the text of an unexpected exception.
        code: one of the closed list; a subclass fixes it.
        details: small JSON values for programs (a field name, accepted values, a status).

    """

    code: Code = Code.INTERNAL
    retryable: ClassVar[bool] = False

    def __init__(
        self, message: str, *, code: Code | None = None, details: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.details: dict[str, object] = dict(details or {})
        if code is not None:
            self.code = code


class InvalidRequestError(ExecutorError):
    """The request names something impossible; `details["field"]` says where."""

    code = Code.INVALID_REQUEST


class NotAuthenticatedError(ExecutorError):
    """No valid proof of who calls."""

    code = Code.NOT_AUTHENTICATED


class NotPermittedError(ExecutorError):
    """Known caller, but not allowed to do this."""

    code = Code.NOT_PERMITTED


class NotFoundError(ExecutorError):
    """Unknown, or another tenant's: the two are told alike."""

    code = Code.NOT_FOUND


class ConflictError(ExecutorError):
    """The state of the thing does not allow it."""

    code = Code.CONFLICT


class TooLargeError(ExecutorError):
    """A body or message beyond its bound."""

    code = Code.TOO_LARGE


class BusyError(ExecutorError):
    """The service has as many requests as it accepts; nothing was done."""

    code = Code.BUSY
    retryable = True


class UnavailableError(ExecutorError):
    """Nobody serves this, or the bus is down; nothing was done."""

    code = Code.UNAVAILABLE
    retryable = True


class DeadlineExceededError(ExecutorError):
    """The answer did not come before the deadline; whether it was done is not known here."""

    code = Code.DEADLINE_EXCEEDED


class InternalError(ExecutorError):
    """Something unexpected; the text carries only an id that stands in the log."""

    code = Code.INTERNAL


class NotAvailableYetError(ExecutorError):
    """A named feature that this version does not have."""

    code = Code.NOT_AVAILABLE_YET


class GrantRefusedError(ExecutorError):
    """A grant that is forged, altered, replayed, past its deadline, or made for something else."""

    code = Code.GRANT_REFUSED


class CredentialUnavailableError(ExecutorError):
    """The credential could not be had; nothing was sent upstream."""

    code = Code.CREDENTIAL_UNAVAILABLE


class DescriptionInvalidError(ExecutorError):
    """An upstream's description (OpenAPI, GraphQL, tools/list) that cannot be used; says where."""

    code = Code.DESCRIPTION_INVALID


class UpstreamError(ExecutorError):
    """An upstream did not do its part. `sent` says whether any byte of the request may have left.

    Args:
        sent: False only where it is certain that nothing was sent.

    """

    code = Code.UPSTREAM_UNREACHABLE

    def __init__(
        self,
        message: str,
        *,
        code: Code = Code.UPSTREAM_UNREACHABLE,
        sent: bool,
        details: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message, code=code, details={**(details or {}), "sent": sent})
        self.sent = sent


_BY_CODE: dict[Code, type[ExecutorError]] = {
    cls.code: cls for cls in ExecutorError.__subclasses__() if cls is not UpstreamError
}


def rebuild(code: Code, message: str, details: Mapping[str, object]) -> ExecutorError:
    """The error that another process raised, as its own class."""
    if "sent" in details:
        return UpstreamError(message, code=code, sent=bool(details["sent"]), details=details)
    return _BY_CODE.get(code, ExecutorError)(message, code=code, details=details)
