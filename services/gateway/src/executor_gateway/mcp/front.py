"""The first checks: which host was meant, which web page asks, and preflights."""

import re
from dataclasses import dataclass

from executor_gateway.mcp.exchange import Exchange, RefusedError

_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?::([0-9]{1,5}))?")
_ORIGIN = re.compile(r"(https?)://(\[[0-9a-f:.]+\]|[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)(?::([0-9]{1,5}))?")
_LOOPBACK = frozenset(("127.0.0.1", "localhost", "[::1]"))
_METHODS = b"POST, GET, DELETE"
_EXPOSED = b"Mcp-Session-Id, WWW-Authenticate"
_ALLOWED = (
    b"Authorization, Content-Type, Accept, MCP-Protocol-Version, Mcp-Session-Id, Mcp-Method, Mcp-Name, "
    b"Last-Event-ID, traceparent, tracestate, baggage"
)
_HEADER_LIST = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+(?:\s*,\s*[A-Za-z0-9!#$%&'*+.^_`|~-]+)*")
_LIST_MAX = 2_048


@dataclass(frozen=True, slots=True)
class Front:
    """What the front door lets in.

    Attributes:
        hosts: accepted names of ours; an entry without a port accepts any.
        origins: accepted web origins, exactly.
        loopback: the listener is on loopback, so pages of this machine are accepted too.

    """

    hosts: frozenset[str]
    origins: frozenset[str]
    loopback: bool = False

    def check_host(self, exchange: Exchange) -> None:
        """Refuse a request that was meant for another host (DNS rebinding).

        Raises:
            RefusedError: 421.

        """
        host = exchange.header(b"host") or ""
        found = _HOST.fullmatch(host)
        name = found[1].lower() if found else ""
        if found and not exchange.repeats(b"host") and self._known(name, found[2]):
            return
        raise RefusedError(421, "invalid_request", "This host name is not served here: see `allowed_hosts`.")

    def _known(self, name: str, port: str | None) -> bool:
        if self.loopback and name in _LOOPBACK:
            return True
        return name in self.hosts or (port is not None and f"{name}:{port}" in self.hosts)

    def check_origin(self, exchange: Exchange) -> None:
        """Refuse a web page that may not ask; other clients send no Origin.

        Raises:
            RefusedError: 403.

        """
        origin = exchange.header(b"origin")
        if origin is None:
            return
        if exchange.repeats(b"origin") or not self._page(origin):
            raise RefusedError(
                403, "not_permitted", "This web origin may not ask here: see `allowed_origins`."
            )
        exchange.extra = (
            (b"access-control-allow-origin", origin.encode("latin-1")),
            (b"access-control-expose-headers", _EXPOSED),
            (b"vary", b"Origin"),
        )

    def _page(self, origin: str) -> bool:
        if origin in self.origins:
            return True
        found = _ORIGIN.fullmatch(origin)
        return bool(found and self.loopback and found[2] in _LOOPBACK)

    @staticmethod
    def is_preflight(exchange: Exchange) -> bool:
        """Whether a browser asks what it may ask."""
        asks = exchange.header(b"access-control-request-method")
        return exchange.method == "OPTIONS" and bool(exchange.extra) and asks is not None

    @staticmethod
    async def preflight(exchange: Exchange) -> None:
        """Answer a preflight. Asked headers are echoed, since `Mcp-Param-*` is open-ended."""
        asked = exchange.header(b"access-control-request-headers") or ""
        usable = len(asked) <= _LIST_MAX and _HEADER_LIST.fullmatch(asked)
        allowed = asked.encode("latin-1") if usable else _ALLOWED
        await exchange.empty(
            204,
            (
                (b"access-control-allow-methods", _METHODS),
                (b"access-control-allow-headers", allowed),
                (b"access-control-max-age", b"600"),
            ),
        )
