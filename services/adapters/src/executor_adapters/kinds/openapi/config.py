"""What an administrator writes for an OpenAPI integration, checked field by field."""

from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

from executor_shared.errors import InvalidRequestError

_FIELDS = ("spec", "server", "variables")
_PORTS = {"http": 80, "https": 443}
_MAX_URL = 2048


@dataclass(frozen=True, slots=True)
class Config:
    """The `openapi:` block.

    Attributes:
        spec: where the description is: a URL, or the name of the file whose text came along.
        server: overrides the description's servers.
        variables: values for the variables of the description's server.

    """

    spec: str
    server: str | None
    variables: dict[str, str]


def parse(config: dict[str, object]) -> Config:
    """Read the block.

    Raises:
        InvalidRequestError: names the field, what was expected and what to do.

    """
    for name in config:
        if name not in _FIELDS:
            raise wrong(name, f"{name!r} is not a field of 'openapi'. Known: {', '.join(_FIELDS)}.")
    spec, server, variables = config.get("spec"), config.get("server"), config.get("variables") or {}
    if not isinstance(spec, str) or not spec:
        raise wrong("spec", "Expected a URL, or a file beside the document.")
    if server is not None:
        server = base_of(server, "server")
    named = cast("dict[str, object]", variables) if isinstance(variables, dict) else {"": None}
    if not all(isinstance(value, str) for value in named.values()):
        raise wrong("variables", "Expected a map from variable to value.")
    return Config(spec, server, cast("dict[str, str]", named))


def base_of(value: object, field: str) -> str:
    """A base URL without a trailing slash.

    Raises:
        InvalidRequestError: it is not one, or carries what a base must not carry.

    """
    if not isinstance(value, str) or len(value) > _MAX_URL:
        raise wrong(field, "Expected a URL such as https://api.example.com/v1.")
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        raise wrong(field, f"{value!r} is not a URL.") from None
    if parts.scheme not in _PORTS or not parts.hostname:
        raise wrong(field, f"{value!r} is not an http:// or https:// URL with a host.")
    if parts.username is not None or parts.password is not None:
        raise wrong(field, "A URL must not carry a credential: store it as the connection's credential.")
    if (
        parts.query
        or parts.fragment
        or not value.isascii()
        or any(letter in value for letter in ' \\"<>^`{|}')
    ):
        raise wrong(field, f"{value!r} has a query, a fragment or characters that a base URL cannot have.")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}:{port or _PORTS[parts.scheme]}{parts.path.rstrip('/')}"


def origin_of(base: str) -> str:
    """`scheme://host:port` of a base URL made by `base_of`."""
    parts = urlsplit(base)
    return f"{parts.scheme}://{parts.netloc}"


def wrong(field: str, message: str) -> InvalidRequestError:
    """The error about a field of the block."""
    where = f"openapi.{field}"
    return InvalidRequestError(f"{where}: {message}", details={"field": where})
