"""RFC 9728: what an OAuth client needs to know about each endpoint, and how a 401 points there."""

from dataclasses import dataclass

import msgspec

from executor_gateway.domain.endpoint import Endpoint, endpoint_of
from executor_gateway.mcp.exchange import Exchange, RefusedError

WELL_KNOWN = "/.well-known/oauth-protected-resource"
_SCOPE = "mcp"
_NAME = "Executor"
_OPEN = ((b"access-control-allow-origin", b"*"),)
_HEADERS = (
    (b"content-type", b"application/json"),
    (b"cache-control", b"public, max-age=300"),
    *_OPEN,
)


@dataclass(frozen=True, slots=True)
class Metadata:
    """Writes the metadata of an endpoint.

    Attributes:
        public_url: as configured, without a trailing slash.
        issuers: authorisation servers, exactly as configured; clients compare them letter by letter.

    """

    public_url: str
    issuers: tuple[str, ...] = ()

    async def serve(self, exchange: Exchange) -> None:
        """Answer a GET; it tells nothing of which endpoints exist.

        Raises:
            RefusedError: 404 for a path that no endpoint could have, 405 for another method.

        """
        endpoint = endpoint_of(exchange.path[len(WELL_KNOWN) :] or "/mcp")
        if endpoint is None:
            raise RefusedError(404, "not_found", "No MCP endpoint has this path.")
        if exchange.method == "OPTIONS":
            await exchange.empty(204, (*_OPEN, (b"access-control-allow-methods", b"GET")))
            return
        if exchange.method not in ("GET", "HEAD"):
            raise RefusedError(405, "invalid_request", "Only GET is served here.", ((b"allow", b"GET"),))
        exchange.extra = ()
        body = self.document(endpoint) if exchange.method == "GET" else b""
        await exchange.reply(200, body, headers=_HEADERS)

    def document(self, endpoint: Endpoint) -> bytes:
        """The metadata document of an endpoint."""
        fields: dict[str, object] = {"resource": self.public_url + endpoint.path}
        if self.issuers:
            fields["authorization_servers"] = self.issuers
        fields["scopes_supported"] = [_SCOPE]
        fields["bearer_methods_supported"] = ["header"]
        fields["resource_name"] = _NAME
        return msgspec.json.encode(fields)

    def challenge(self, path: str, error: str | None = None) -> bytes:
        """The `WWW-Authenticate` value of a 401; `error` only where a token was sent."""
        endpoint = endpoint_of(path) or Endpoint("/mcp")
        value = f'Bearer resource_metadata="{self.public_url}{WELL_KNOWN}{endpoint.path}", scope="{_SCOPE}"'
        if error:
            value += f', error="invalid_token", error_description="{error}"'
        return value.encode()
