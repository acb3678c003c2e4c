"""What an administrator writes for a GraphQL integration, checked field by field."""

import re

import msgspec
from yarl import URL

from executor_shared.canonical import canonical
from executor_shared.contracts.adapters import Discover
from executor_shared.contracts.vocabulary import AuthMethod, Placement, Target
from executor_shared.errors import InvalidRequestError

BEARER = AuthMethod(
    name="bearer",
    type="bearer",
    placements=(Placement(carrier="header", name="Authorization", prefix="Bearer "),),
)
_FIELDS = ("url", "schema")
_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_OURS = frozenset({"accept", "connection", "content-length", "content-type", "host", "transfer-encoding"})
_MAX_URL = 2048


def target_of(asked: Discover) -> Target:
    """Where the operations go.

    Raises:
        InvalidRequestError: names the field, what was expected and what to do.

    """
    for name in asked.config:
        if name not in _FIELDS:
            raise _wrong(name, f"{name!r} is not a field of 'graphql'. Known: {', '.join(_FIELDS)}.")
    url = _url(asked.config.get("url"))
    return Target(
        tenant=asked.tenant,
        integration=asked.integration,
        kind="graphql",
        origin=f"{url.scheme}://{url.host_subcomponent}:{url.port}",
        config={"url": str(url)},
        network=asked.network,
    )


def raw_target(target: Target) -> msgspec.Raw:
    """Canonical JSON of a target, as it enters the definition hash."""
    return msgspec.Raw(canonical(msgspec.to_builtins(target)))


def auth_of(asked: Discover) -> tuple[AuthMethod, ...]:
    """The administrator's methods, checked, or a bearer token; a connection without one is possible too."""
    for position, method in enumerate(asked.auth):
        for index, placement in enumerate(method.placements):
            field = f"auth[{position}].placements[{index}]"
            if placement.carrier == "env":
                raise _wrong(f"{field}.carrier", "Expected 'header', 'query' or 'cookie'.")
            name = placement.name.lower()
            if placement.carrier == "header" and (not _HEADER_NAME.fullmatch(name) or name in _OURS):
                raise _wrong(f"{field}.name", f"{placement.name!r} cannot be a header of a credential.")
    return asked.auth or (BEARER,)


def _url(value: object) -> URL:
    if not isinstance(value, str) or len(value) > _MAX_URL:
        raise _wrong("url", "Expected a URL such as https://api.example.com/graphql.")
    try:
        url = URL(value)
        usable = url.scheme in {"http", "https"} and bool(url.host) and bool(url.port)
    except ValueError:
        raise _wrong("url", f"{value!r} is not a URL.") from None
    if not usable:
        raise _wrong("url", "Expected an http:// or https:// URL with a host.")
    if url.user is not None or url.password is not None:
        raise _wrong("url", "A URL must not carry a credential: store it as the connection's credential.")
    if url.fragment:
        raise _wrong("url", "A URL of an API has no '#' part.")
    return url


def _wrong(field: str, message: str) -> InvalidRequestError:
    where = f"graphql.{field}" if not field.startswith("auth") else field
    return InvalidRequestError(f"{where}: {message}", details={"field": where})
