"""Continuing the trace of whoever calls, or beginning one."""

import random
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from executor_gateway.mcp.exchange import Exchange

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


@dataclass(frozen=True, slots=True)
class Traces:
    """Gives every call one trace.

    Attributes:
        ratio: share of calls without a trace of their own that are recorded; 0: nothing is exported.

    """

    ratio: float = 0.0

    def of(self, meta: Mapping[str, object], exchange: Exchange) -> str | None:
        """The W3C `traceparent` of `params._meta`, or of the HTTP header; else a new one, or None."""
        for value in (meta.get("traceparent"), exchange.header(b"traceparent")):
            if isinstance(value, str) and _TRACEPARENT.fullmatch(value):
                return value
        if not self.ratio:
            return None
        flags = "01" if random.random() < self.ratio else "00"  # noqa: S311 - a sample, no secret
        return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-{flags}"
