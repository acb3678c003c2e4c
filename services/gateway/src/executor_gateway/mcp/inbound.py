"""The official SDK's pure helpers for the 2026-07-28 headers, behind our own names.

Only functions over dictionaries and strings come from there; no SDK object is made.
"""

from collections.abc import Mapping

from mcp.shared.inbound import (
    InboundLadderRejection,
    classify_inbound_request,
    find_duplicated_routing_header,
    validate_mcp_param_headers,
)

from executor_gateway.mcp.exchange import Exchange
from executor_gateway.mcp.jsonrpc import (
    HEADER_MISMATCH,
    INVALID_PARAMS,
    UNSUPPORTED_VERSION,
    Message,
    Object,
    RpcError,
)

MODERN = "2026-07-28"
LEGACY = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
SUPPORTED = (MODERN, *reversed(LEGACY))
VERSION_KEY = "io.modelcontextprotocol/protocolVersion"
CLIENT_KEY = "io.modelcontextprotocol/clientInfo"
LEVEL_KEY = "io.modelcontextprotocol/logLevel"


def _routing(exchange: Exchange) -> dict[str, str]:
    names = ((b"mcp-protocol-version",), (b"mcp-method",), (b"mcp-name",))
    found = ((name.decode(), exchange.header(name)) for (name,) in names)
    return {name: value for name, value in found if value is not None}


def _refusal(rejection: InboundLadderRejection) -> RpcError:
    data: object = rejection.data
    if rejection.code == UNSUPPORTED_VERSION and isinstance(data, dict):
        data = {**data, "supported": list(SUPPORTED)}
    return RpcError(rejection.code, rejection.message, status=400, data=data)


def check_envelope(exchange: Exchange, message: Message) -> None:
    """The first rungs of the ladder: envelope, headers (also repeated ones), version.

    Raises:
        RpcError: the first rung that does not hold, at HTTP 400.

    """
    body: Object = {"method": message.method, "params": message.params}
    rejection = classify_inbound_request(
        body, headers=_routing(exchange), supported_modern_versions=(MODERN,)
    )
    if isinstance(rejection, InboundLadderRejection) and rejection.code == INVALID_PARAMS:
        raise _refusal(rejection)
    if exchange.repeats_any and (name := find_duplicated_routing_header(exchange.all_headers())):
        raise RpcError(HEADER_MISMATCH, f"{name} header appears more than once", status=400)
    if isinstance(rejection, InboundLadderRejection):
        raise _refusal(rejection)


def check_parameters(exchange: Exchange, schema: Mapping[str, object], arguments: Object) -> None:
    """Whether the `Mcp-Param-*` headers say what the arguments say.

    Raises:
        RpcError: at HTTP 400.

    """
    lines = [(name, value) for name, value in exchange.all_headers() if name.startswith("mcp-param-")]
    headers: dict[str, str] = {}
    for name, value in lines:
        # A second copy keeps its own spelling, so that the helper sees that there are two.
        headers[name.upper() if name in headers else name] = value
    if rejection := validate_mcp_param_headers(schema, arguments, headers):
        raise _refusal(rejection)
