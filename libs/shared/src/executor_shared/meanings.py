"""What every code means and what to do about it: the text of the error reference."""

from executor_shared.errors import Code

MEANINGS: dict[Code, tuple[str, str]] = {
    Code.INVALID_REQUEST: (
        "A field is missing, unknown or of the wrong kind.",
        "Correct the field that the text names.",
    ),
    Code.NOT_AUTHENTICATED: (
        "No valid token came with the request.",
        "Send `Authorization: Bearer <API key>`.",
    ),
    Code.NOT_PERMITTED: ("The token is valid but may not do this.", "Ask an administrator of the tenant."),
    Code.NOT_FOUND: ("Unknown, or another tenant's; the two are told alike.", "Check the id or slug."),
    Code.CONFLICT: ("The thing is not in a state that allows this.", "Read its present state and try again."),
    Code.TOO_LARGE: ("A body or message is beyond its bound.", "Send less; the text names the bound."),
    Code.BUSY: ("As many requests as are accepted are in hand; nothing was done.", "Try again in a moment."),
    Code.UNAVAILABLE: (
        "A part of Executor cannot be reached; nothing was done.",
        "Try again; see `/readyz`.",
    ),
    Code.DEADLINE_EXCEEDED: ("No answer came in time.", "Look at the call's record before repeating it."),
    Code.NOT_AVAILABLE_YET: ("A feature that this version does not have.", "Leave the named field out."),
    Code.INTERNAL: (
        "Something unexpected; the text carries an id.",
        "Look for the id in the logs and report it.",
    ),
    Code.TOOL_NOT_FOUND: ("No such tool, or not one that you may see.", "List the tools again."),
    Code.TOOL_BLOCKED: ("A policy blocks the call; nothing was sent.", "Ask whoever owns the named policy."),
    Code.INVALID_TOOL_ARGUMENTS: (
        "The arguments do not fit the tool's schema; nothing was sent.",
        "Correct the arguments that the text names.",
    ),
    Code.DEFINITION_CHANGED: (
        "The tool changed between decision and execution; nothing was sent.",
        "List the tools again and repeat the call.",
    ),
    Code.APPROVAL_REQUIRED: (
        "A person must decide first; nothing was sent.",
        "Open the link, then call again.",
    ),
    Code.APPROVAL_DENIED: ("A person said no; nothing was sent.", "Ask the person; a new call asks again."),
    Code.DUPLICATE_CALL: (
        "The idempotency key was used before; nothing was sent.",
        "Use the earlier call's record, or a new key.",
    ),
    Code.GRANT_REFUSED: ("The signed grant did not fit or was spent; nothing was sent.", "Repeat the call."),
    Code.CREDENTIAL_UNAVAILABLE: (
        "The credential could not be had from the store; nothing was sent.",
        "Try again; an administrator checks the credential store.",
    ),
    Code.CONNECTION_REJECTED: (
        "The upstream, or the binding of the credential to its origin, refused the credential.",
        "An administrator stores a fresh credential for the connection.",
    ),
    Code.CONNECTION_VALUE_MISSING: (
        "The connection needs a credential value that was not given.",
        "Give a value for the named input.",
    ),
    Code.OAUTH_REAUTH_REQUIRED: ("The account must be connected again.", "Open the link and sign in."),
    Code.DESCRIPTION_INVALID: (
        "The upstream's description cannot be used.",
        "Correct it at the place that the text names.",
    ),
    Code.EGRESS_REFUSED: (
        "The address may not be reached; nothing was sent.",
        "An administrator names it in the integration's `network.allow`.",
    ),
    Code.UPSTREAM_UNREACHABLE: (
        "The upstream cannot be reached.",
        "Check that it runs and its address is right.",
    ),
    Code.UPSTREAM_TIMEOUT: (
        "The upstream did not answer in time.",
        "If it writes, look before repeating it.",
    ),
    Code.UPSTREAM_HTTP_ERROR: (
        "The upstream answered with an HTTP error.",
        "The text carries its status and words.",
    ),
    Code.UPSTREAM_INVALID_RESPONSE: (
        "The upstream answered with something that is not valid.",
        "Report it to whoever runs the upstream.",
    ),
    Code.UPSTREAM_RESPONSE_TOO_LARGE: (
        "The answer is beyond the bound.",
        "Ask for less: a filter or a smaller page.",
    ),
    Code.MCP_TOOL_ERROR: ("The upstream MCP tool answered with an error.", "The text is the upstream's."),
    Code.MCP_TOOL_UNKNOWN: ("The upstream MCP server no longer has the tool.", "Refresh the connection."),
    Code.GRAPHQL_ERRORS: ("The GraphQL endpoint answered with errors.", "The text carries them."),
    Code.GRAPHQL_INVALID_SELECTION: (
        "`select` does not fit the GraphQL schema; nothing was sent.",
        "Correct the field that the text names, or leave `select` out.",
    ),
}
