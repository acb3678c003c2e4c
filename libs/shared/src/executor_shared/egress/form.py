"""The form of a request: what may be written to an upstream's socket at all."""

import re
from urllib.parse import urlsplit

from executor_shared.egress.types import Outgoing
from executor_shared.errors import Code, InvalidRequestError, UpstreamError

_MAX_VALUE = 16 * 1024
_MAX_URL = 32 * 1024
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}")
_VALUE = re.compile(r"[\x21-\x7e]([\x20-\x7e\t]*[\x21-\x7e])?|")
# The rest of a URL is written as it stands: a space would end the request line, a line break begin a header.
_VISIBLE = re.compile(r"[\x21-\x7e]+")
_SCHEMES = frozenset(("http", "https"))
_OURS = frozenset((
    "accept-encoding", "connection", "content-length", "expect", "host", "keep-alive", "proxy-authorization",
    "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
))  # fmt: skip


def checked_host(outgoing: Outgoing) -> str:
    """The host of a request whose form is in order.

    Raises:
        UpstreamError: the address is not one that is reached; nothing was sent.
        InvalidRequestError: the method or a header cannot be sent; nothing was sent.

    """
    host = _host(outgoing.url)
    if not _TOKEN.fullmatch(outgoing.method):
        raise InvalidRequestError("The method is not one of HTTP.", details={"field": "method"})
    for name, value in outgoing.headers:
        if not _TOKEN.fullmatch(name) or name.lower() in _OURS:
            raise InvalidRequestError(
                f"{name[:64]!r} is not a header that may be sent.", details={"field": name[:64]}
            )
        if len(value) > _MAX_VALUE or not _VALUE.fullmatch(value):
            raise InvalidRequestError(
                f"The value of the header {name} has characters that headers cannot carry, or is too long.",
                details={"field": name},
            )
    return host


def _host(url: str) -> str:
    """The host, as the library that connects will read it: an address that two could read differently is refused."""
    scheme, _, rest = url.partition("://")
    if len(url) > _MAX_URL or not rest or not _VISIBLE.fullmatch(rest.partition("/")[2] or "/"):
        raise _refused("The address has characters that must be encoded, or is too long.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise _refused("The address cannot be read.") from error
    if scheme not in _SCHEMES or not host or port == 0 or any(mark in parts.netloc for mark in "@\\%"):
        raise _refused("Only http and https addresses without user information are reached.")
    return host


def _refused(message: str) -> UpstreamError:
    return UpstreamError(message, code=Code.EGRESS_REFUSED, sent=False)
