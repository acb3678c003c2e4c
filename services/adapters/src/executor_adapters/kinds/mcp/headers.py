"""The HTTP headers that the modern protocol mirrors from the body, through the SDK's pure helpers.

The only module that imports `mcp.shared.inbound`: the codec and the walk over `x-mcp-header` are the
same source of truth that servers built on the SDK validate with.
"""

from collections.abc import Mapping, Sequence

from mcp.shared.inbound import (
    NAME_BEARING_METHODS,
    encode_header_value,
    find_invalid_x_mcp_header,
    mcp_param_headers,
    x_mcp_header_map,
)
from mcp_types.version import (
    HANDSHAKE_PROTOCOL_VERSIONS,
    LATEST_HANDSHAKE_VERSION,
    LATEST_MODERN_VERSION,
    MODERN_PROTOCOL_VERSIONS,
)

__all__ = [
    "LEGACY_VERSION",
    "LEGACY_VERSIONS",
    "MODERN_VERSION",
    "MODERN_VERSIONS",
    "annotated_parameters",
    "invalid_annotation",
    "modern_headers",
    "parameter_headers",
]

MODERN_VERSION = LATEST_MODERN_VERSION
MODERN_VERSIONS: Sequence[str] = MODERN_PROTOCOL_VERSIONS
LEGACY_VERSION = LATEST_HANDSHAKE_VERSION
LEGACY_VERSIONS: Sequence[str] = HANDSHAKE_PROTOCOL_VERSIONS


def modern_headers(version: str, method: str, params: Mapping[str, object]) -> dict[str, str]:
    """`MCP-Protocol-Version`, `Mcp-Method` and, where the method has one, `Mcp-Name`."""
    headers = {"MCP-Protocol-Version": version, "Mcp-Method": method}
    name = params.get(NAME_BEARING_METHODS.get(method, ""))
    if isinstance(name, str):
        headers["Mcp-Name"] = encode_header_value(name)
    return headers


def invalid_annotation(schema: object) -> str | None:
    """Why the `x-mcp-header` annotations of an input schema are not valid; None where they are."""
    return find_invalid_x_mcp_header(schema)


def annotated_parameters(schema: object) -> list[tuple[list[str], str]]:
    """Path and header token of each annotated argument, in a form that JSON keeps."""
    return sorted((list(path), token) for path, token in x_mcp_header_map(schema).items())


def parameter_headers(
    annotated: Sequence[tuple[Sequence[str], str]], arguments: Mapping[str, object]
) -> dict[str, str]:
    """The `Mcp-Param-*` headers of one call."""
    return mcp_param_headers({tuple(path): token for path, token in annotated}, arguments)
