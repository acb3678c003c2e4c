"""Where an API is: the administrator's server, else the description's first one. Never the agent's choice."""

from typing import Any, cast
from urllib.parse import urljoin

from executor_adapters.kinds.openapi.config import Config, base_of, wrong
from executor_adapters.kinds.openapi.load import Document


def base_url(document: Document, config: Config) -> str:
    """The base URL of every operation, without a trailing slash.

    Variables of the server's template take the administrator's value or their default; a value outside the
    variable's `enum` is refused.

    Raises:
        InvalidRequestError: the description names no usable server and the administrator none either.

    """
    if config.server is not None:
        return config.server
    servers = document.get("servers")
    first = cast("list[Any]", servers)[0] if isinstance(servers, list) and servers else None
    if not isinstance(first, dict) or not cast("dict[str, Any]", first).get("url"):
        raise wrong("server", "The description names no server; say where the API is.")
    chosen = cast("dict[str, Any]", first)
    url = _filled(str(chosen["url"]), chosen.get("variables"), config)
    if config.spec.startswith(("http://", "https://")):
        url = urljoin(config.spec, url)
    if not url.startswith(("http://", "https://")):
        raise wrong("server", f"The description's server {url!r} is relative; say where the API is.")
    if url.startswith("http://") and config.spec.startswith("https://"):
        raise wrong(
            "server", f"The description names {url!r}, which is not encrypted; if that is right, say it here."
        )
    return base_of(url, "server")


def _filled(template: str, variables: object, config: Config) -> str:
    named = cast("dict[str, Any]", variables) if isinstance(variables, dict) else {}
    for name in config.variables:
        if name not in named:
            raise wrong(
                "variables", f"The server has no variable {name!r}; it has: {', '.join(named) or 'none'}."
            )
    for name, described in named.items():
        about: dict[str, Any] = cast("dict[str, Any]", described) if isinstance(described, dict) else {}
        value = config.variables.get(name, str(about.get("default", "")))
        allowed = about.get("enum")
        if isinstance(allowed, list) and value not in [str(one) for one in cast("list[Any]", allowed)]:
            raise wrong(
                "variables", f"{name!r} cannot be {value!r}; accepted: {', '.join(map(str, allowed))}."
            )
        template = template.replace(f"{{{name}}}", value)
    return template
