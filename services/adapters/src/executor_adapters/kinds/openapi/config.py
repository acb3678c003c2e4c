"""What an administrator writes for an OpenAPI integration, checked field by field."""

from dataclasses import dataclass
from typing import cast

from executor_adapters.domain import endpoint
from executor_adapters.domain.endpoint import http_url, origin_of
from executor_shared.errors import InvalidRequestError

_FIELDS = ("spec", "server", "variables")


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
    parts = http_url(value, f"openapi.{field}")
    if parts.query:
        raise wrong(field, "The address of an API has no query.")
    return f"{origin_of(parts)}{parts.path.rstrip('/')}"


def wrong(field: str, message: str) -> InvalidRequestError:
    """The error about a field of the block."""
    return endpoint.wrong(f"openapi.{field}", message)
