"""The sentences that agents read: what happened, whether anything ran, what to do next."""

from datetime import UTC, datetime

from executor_shared.contracts.policy import ApprovalNeeded
from executor_shared.contracts.vocabulary import Outcome
from executor_shared.errors import Code

_AGAIN = "Try again in a moment."
_CHANGE = "Correct the request, then call again."
_ADMIN = "Ask an administrator of Executor."
_RECONNECT = "Ask the owner of the connection to connect it again."
_UPSTREAM = "Try again later, or tell whoever runs the upstream."

NEXT: dict[Code, str] = {
    Code.INVALID_REQUEST: _CHANGE,
    Code.NOT_AUTHENTICATED: "Authenticate again.",
    Code.NOT_PERMITTED: _ADMIN,
    Code.NOT_FOUND: "List the tools again.",
    Code.CONFLICT: "Look at the present state, then decide again.",
    Code.TOO_LARGE: "Ask for less at once.",
    Code.BUSY: _AGAIN,
    Code.UNAVAILABLE: _AGAIN,
    Code.DEADLINE_EXCEEDED: _AGAIN,
    Code.NOT_AVAILABLE_YET: "Use another way.",
    Code.INTERNAL: "Give the call id to an administrator of Executor.",
    Code.TOOL_NOT_FOUND: "List the tools again.",
    Code.TOOL_BLOCKED: "Use another tool, or ask an administrator to change the policy.",
    Code.INVALID_TOOL_ARGUMENTS: "Correct the arguments, then call again.",
    Code.DEFINITION_CHANGED: "List the tools again, then call again.",
    Code.APPROVAL_REQUIRED: "Call this tool again with the same arguments after approval.",
    Code.APPROVAL_DENIED: "Do not repeat the call; ask the person who denied it.",
    Code.DUPLICATE_CALL: "Use a new idempotency key if the call shall run once more.",
    Code.GRANT_REFUSED: "Call again; if it stays so, ask an administrator of Executor.",
    Code.CREDENTIAL_UNAVAILABLE: _RECONNECT,
    Code.CONNECTION_REJECTED: _RECONNECT,
    Code.CONNECTION_VALUE_MISSING: _RECONNECT,
    Code.OAUTH_REAUTH_REQUIRED: _RECONNECT,
    Code.DESCRIPTION_INVALID: _ADMIN,
    Code.EGRESS_REFUSED: _ADMIN,
    Code.UPSTREAM_UNREACHABLE: _UPSTREAM,
    Code.UPSTREAM_TIMEOUT: _UPSTREAM,
    Code.UPSTREAM_HTTP_ERROR: "Read the upstream's answer, then decide.",
    Code.UPSTREAM_INVALID_RESPONSE: _UPSTREAM,
    Code.UPSTREAM_RESPONSE_TOO_LARGE: "Ask for less at once.",
    Code.MCP_TOOL_ERROR: "Read the upstream's answer, then decide.",
    Code.MCP_TOOL_UNKNOWN: "List the tools again.",
    Code.GRAPHQL_ERRORS: "Read the upstream's answer, then decide.",
    Code.GRAPHQL_INVALID_SELECTION: "Correct `select`, then call again.",
}
"""What to do next, for every code."""

_RAN: dict[Outcome, str] = {
    "ok": "The call ran.",
    "tool_error": "The upstream answered with an error.",
    "blocked": "Nothing was executed.",
    "approval_required": "Nothing was executed yet.",
    "not_executed": "Nothing was executed.",
    "unknown": "The call may have happened: check before you repeat it.",
}


def _sentence(text: str) -> str:
    text = text.strip()
    return text if not text or text[-1] in ".!?" else f"{text}."


def told(outcome: Outcome, code: str | None, message: str) -> str:
    """What happened, whether anything ran, and what to do next."""
    known = code in Code.__members__.values()
    step = NEXT[Code(code)] if code and known and outcome != "unknown" else ""
    what = _sentence(message).replace("; nothing was done.", ".").replace("; nothing was started.", ".")
    return " ".join(part for part in (what, _RAN[outcome], step) if part)


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def approval_text(needed: ApprovalNeeded, tool: str, url: str) -> str:
    """What an agent is told of a call that waits for a person, or waited in vain."""
    reason = f" Reason: {_sentence(needed.reason)}" if needed.reason else ""
    match needed.state:
        case "pending":
            who = ", ".join(needed.approvers) or "administrators"
            return (
                f"{tool} needs an approval, which {who} may give, and has not run: {url} "
                f"(until {_when(needed.expires_at)})."
                f"{reason} Call this tool again with the same arguments after approval."
            )
        case "denied":
            return f"A person denied this call of {tool}; nothing was executed.{reason} Do not repeat it."
        case "expired":
            return f"Nobody approved this call of {tool} in time; nothing was executed. Call it again to ask anew."
        case "withdrawn":
            return f"The request to approve this call of {tool} was withdrawn; nothing was executed."
