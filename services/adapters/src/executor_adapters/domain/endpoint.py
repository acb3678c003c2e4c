"""What every kind says of an upstream behind a URL: its address, its origin, and how a credential is sent."""

import re
from collections.abc import Iterable
from urllib.parse import SplitResult, urlsplit

import msgspec

from executor_shared.canonical import canonical
from executor_shared.contracts.vocabulary import AuthMethod, Placement, Target
from executor_shared.errors import InvalidRequestError

BEARER = AuthMethod(
    name="bearer",
    type="bearer",
    placements=(Placement(carrier="header", name="Authorization", prefix="Bearer "),),
)
"""What an upstream that does not say how it authenticates is offered."""

_PORTS = {"http": 80, "https": 443}
_MAX_URL = 2048
_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_OURS = frozenset({"accept", "connection", "content-length", "content-type", "host", "transfer-encoding"})
_NEVER_IN_URLS = frozenset(' \\"<>^`{|}')


def wrong(where: str, message: str) -> InvalidRequestError:
    """The error about one field of an integration, e.g. `mcp.url`."""
    return InvalidRequestError(f"{where}: {message}", details={"field": where})


def http_url(value: object, where: str) -> SplitResult:
    """A URL of an upstream: http or https, a host, nothing that hides a credential or ends early.

    Raises:
        InvalidRequestError: names `where` and what was expected.

    """
    if not isinstance(value, str) or len(value) > _MAX_URL:
        raise wrong(where, "Expected a URL such as https://api.example.com/v1.")
    try:
        parts = urlsplit(value)
        usable = parts.scheme in _PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise wrong(where, f"{value!r} is not a URL.") from None
    if not usable:
        raise wrong(where, "Expected an http:// or https:// URL with a host.")
    if parts.username is not None or parts.password is not None:
        raise wrong(where, "A URL must not carry a credential: store it as the connection's credential.")
    if "#" in value or not value.isascii() or not _NEVER_IN_URLS.isdisjoint(value):
        raise wrong(where, "Expected a URL without a '#' part, spaces or letters beyond ASCII (encode them).")
    return parts


def origin_of(parts: SplitResult) -> str:
    """`scheme://host:port`, the port always written."""
    host = parts.hostname or ""
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}:{parts.port or _PORTS[parts.scheme]}"


def raw_target(target: Target) -> msgspec.Raw:
    """Canonical JSON of a target, as it enters the definition hash."""
    return msgspec.Raw(canonical(msgspec.to_builtins(target)))


def check_placements(methods: Iterable[AuthMethod], *, reserved: str | None = None) -> None:
    """Refuse methods that an HTTP request cannot carry.

    Args:
        methods: as the administrator wrote them.
        reserved: a beginning of header names that the kind keeps for itself, in lower case.

    Raises:
        InvalidRequestError: names the placement.

    """
    for position, method in enumerate(methods):
        for index, placement in enumerate(method.placements):
            where = f"auth[{position}].placements[{index}]"
            if placement.carrier == "env":
                raise wrong(f"{where}.carrier", "Expected 'header', 'query' or 'cookie'.")
            name = placement.name.lower()
            ours = name in _OURS or (reserved is not None and name.startswith(reserved))
            if placement.carrier == "header" and (ours or not _HEADER_NAME.fullmatch(name)):
                raise wrong(f"{where}.name", f"{placement.name!r} cannot be a header of a credential.")
