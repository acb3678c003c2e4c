"""What an administrator writes for an MCP integration, checked field by field."""

import re
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

from executor_adapters.domain.endpoint import BEARER, check_placements, http_url, origin_of, wrong
from executor_adapters.domain.kind import KindOptions
from executor_shared.contracts.adapters import Discover
from executor_shared.contracts.vocabulary import AuthMethod, Target

_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MAX_WORDS = 64


@dataclass(frozen=True, slots=True)
class RemoteServer:
    """An MCP server behind a URL (streamable HTTP)."""

    url: str


@dataclass(frozen=True, slots=True)
class LocalServer:
    """An MCP server that is a child process of the worker (stdio)."""

    command: tuple[str, ...]
    env: tuple[tuple[str, str], ...] = ()


Server = RemoteServer | LocalServer


def parse(config: dict[str, object], options: KindOptions) -> Server:
    """The server that a configuration block names.

    Raises:
        InvalidRequestError: names the field, what was expected and what to do.

    """
    _only(config, ("url", "command", "env"))
    if ("url" in config) == ("command" in config):
        raise wrong("mcp.url", "Write either 'url' (a remote MCP server) or 'command' (a local one).")
    if "url" in config:
        if "env" in config:
            raise wrong("mcp.env", "'env' belongs to 'command'; a remote server has no environment.")
        return RemoteServer(http_url(config["url"], "mcp.url").geturl())
    if not options.allow_stdio:
        raise wrong(
            "mcp.command",
            "Local MCP servers are switched off here. Use 'url', or let the operator switch on stdio.",
        )
    return LocalServer(_command(config["command"]), _env(config.get("env", {})))


def target_of(asked: Discover, server: Server) -> Target:
    """Where calls go: the origin with its port, or `stdio:<slug>`."""
    config: dict[str, object]
    if isinstance(server, RemoteServer):
        origin, config = origin_of(urlsplit(server.url)), dict[str, object](url=server.url)
    else:
        origin = f"stdio:{asked.integration}"
        config = {"command": list(server.command), "env": dict(server.env)}
    return Target(
        tenant=asked.tenant,
        integration=asked.integration,
        kind="mcp",
        origin=origin,
        config=config,
        network=asked.network,
    )


def server_of(target: Target) -> Server:
    """The server in a target that `target_of` made and a grant has vouched for."""
    url = target.config.get("url")
    if isinstance(url, str):
        return RemoteServer(url)
    return LocalServer(_command(target.config.get("command")), _env(target.config.get("env", {})))


def auth_of(asked: Discover, server: Server) -> tuple[AuthMethod, ...]:
    """The administrator's methods, checked, or what MCP servers commonly take.

    A connection without a credential is always possible, so "none" is not a method.
    """
    if isinstance(server, LocalServer):
        _check_variables(asked.auth)
        return asked.auth
    check_placements(asked.auth, reserved="mcp-")
    return asked.auth or (BEARER,)


def _check_variables(methods: tuple[AuthMethod, ...]) -> None:
    for position, method in enumerate(methods):
        for index, placement in enumerate(method.placements):
            where = f"auth[{position}].placements[{index}]"
            if placement.carrier != "env":
                raise wrong(f"{where}.carrier", "For a local MCP server the carrier must be 'env'.")
            if not _ENV_NAME.fullmatch(placement.name):
                raise wrong(f"{where}.name", "An environment variable has letters, digits and underscores.")


def _command(value: object) -> tuple[str, ...]:
    words = cast("list[object]", value) if isinstance(value, list | tuple) else []
    if not words or len(words) > _MAX_WORDS or not all(_plain(word) for word in words) or not words[0]:
        raise wrong("mcp.command", "Expected a list of words, the program first: [npx, some-server].")
    return tuple(str(word) for word in words)


def _env(value: object) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, dict):
        raise wrong("mcp.env", "Expected names with values.")
    pairs = cast("dict[object, object]", value)
    for name, text in pairs.items():
        if not isinstance(name, str) or not _ENV_NAME.fullmatch(name):
            raise wrong(f"mcp.env.{name}", "A name has letters, digits and underscores.")
        if not _plain(text):
            raise wrong(f"mcp.env.{name}", "Expected text; write numbers in quotes.")
    return tuple(sorted((str(name), str(text)) for name, text in pairs.items()))


def _plain(value: object) -> bool:
    return isinstance(value, str) and "\0" not in value


def _only(config: dict[str, object], known: tuple[str, ...]) -> None:
    for name in config:
        if name not in known:
            raise wrong(f"mcp.{name}", f"{name!r} is not a field of 'mcp'. Known: {', '.join(known)}.")
