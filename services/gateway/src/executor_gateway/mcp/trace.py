"""Continuing the trace of whoever calls."""

import re
from collections.abc import Mapping

from executor_gateway.mcp.exchange import Exchange

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def traceparent_of(meta: Mapping[str, object], exchange: Exchange) -> str | None:
    """The W3C `traceparent` of `params._meta`, or of the HTTP header; None where neither holds one."""
    for value in (meta.get("traceparent"), exchange.header(b"traceparent")):
        if isinstance(value, str) and _TRACEPARENT.fullmatch(value):
            return value
    return None
