"""What an administrator writes for a GraphQL integration, checked field by field."""

from executor_adapters.domain.endpoint import BEARER, check_placements, http_url, origin_of, wrong
from executor_shared.contracts.adapters import Discover
from executor_shared.contracts.vocabulary import AuthMethod, Target

_FIELDS = ("url", "schema")


def target_of(asked: Discover) -> Target:
    """Where the operations go.

    Raises:
        InvalidRequestError: names the field, what was expected and what to do.

    """
    for name in asked.config:
        if name not in _FIELDS:
            known = ", ".join(_FIELDS)
            raise wrong(f"graphql.{name}", f"{name!r} is not a field of 'graphql'. Known: {known}.")
    url = http_url(asked.config.get("url"), "graphql.url")
    return Target(
        tenant=asked.tenant,
        integration=asked.integration,
        kind="graphql",
        origin=origin_of(url),
        config={"url": url.geturl()},
        network=asked.network,
    )


def auth_of(asked: Discover) -> tuple[AuthMethod, ...]:
    """The administrator's methods, checked, or a bearer token; a connection without one is possible too."""
    check_placements(asked.auth)
    return asked.auth or (BEARER,)
