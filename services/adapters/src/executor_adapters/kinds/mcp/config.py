"""What an administrator writes for an MCP integration, checked field by field."""

import re
from dataclasses import dataclass
from typing import cast

import msgspec
from yarl import URL

from executor_adapters.domain.kind import KindOptions
from executor_shared.canonical import canonical
from executor_shared.contracts.adapters import Discover
from executor_shared.contracts.vocabulary import AuthMethod, Placement, Target
from executor_shared.errors import InvalidRequestError

BEARER = AuthMethod(
    name="bearer",
    type="bearer",
    placements=(Placement(carrier="header", name="Authorization", prefix="Bearer "),),
)
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_OURS = frozenset({"accept", "connection", "content-length", "content-type", "host", "transfer-encoding"})
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
        raise _wrong("url", "Write either 'url' (a remote MCP server) or 'command' (a local one).")
    if "url" in config:
        if "env" in config:
            raise _wrong("env", "'env' belongs to 'command'; a remote server has no environment.")
        return RemoteServer(_url(config["url"]))
    if not options.allow_stdio:
        raise _wrong(
            "command",
            "Local MCP servers are switched off here. Use 'url', or let the operator switch on stdio.",
        )
    return LocalServer(_command(config["command"]), _env(config.get("env", {})))


def target_of(asked: Discover, server: Server) -> Target:
    """Where calls go: the origin with its port, or `stdio:<slug>`."""
    config: dict[str, object]
    if isinstance(server, RemoteServer):
        url = URL(server.url)
        origin, config = (
            f"{url.scheme}://{url.host_subcomponent}:{url.port}",
            dict[str, object](url=server.url),
        )
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


def raw_target(target: Target) -> msgspec.Raw:
    """Canonical JSON of a target, as it enters the definition hash."""
    return msgspec.Raw(canonical(msgspec.to_builtins(target)))


def auth_of(asked: Discover, server: Server) -> tuple[AuthMethod, ...]:
    """The administrator's methods, checked, or what MCP servers commonly take.

    A connection without a credential is always possible, so "none" is not a method.
    """
    for position, method in enumerate(asked.auth):
        for index, placement in enumerate(method.placements):
            _check_placement(placement, server, f"auth[{position}].placements[{index}]")
    if asked.auth or isinstance(server, LocalServer):
        return asked.auth
    return (BEARER,)


def _check_placement(placement: Placement, server: Server, field: str) -> None:
    local = isinstance(server, LocalServer)
    if local != (placement.carrier == "env"):
        wanted = "'env'" if local else "'header', 'query' or 'cookie'"
        raise _wrong(f"{field}.carrier", f"For this kind of MCP server the carrier must be {wanted}.")
    if local and not _ENV_NAME.fullmatch(placement.name):
        raise _wrong(f"{field}.name", "An environment variable has letters, digits and underscores.")
    if placement.carrier == "header":
        name = placement.name.lower()
        if not _HEADER_NAME.fullmatch(name) or name in _OURS or name.startswith("mcp-"):
            raise _wrong(f"{field}.name", f"{placement.name!r} cannot be a header of a credential.")


def _url(value: object) -> str:
    if not isinstance(value, str) or len(value) > 2048:  # noqa: PLR2004  longer is no URL of a server
        raise _wrong("url", "Expected a URL such as https://mcp.example.com/mcp.")
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
        raise _wrong("url", "A URL of a server has no '#' part.")
    return str(url)


def _command(value: object) -> tuple[str, ...]:
    words = cast("list[object]", value) if isinstance(value, list | tuple) else []
    if not words or len(words) > _MAX_WORDS or not all(_plain(word) for word in words) or not words[0]:
        raise _wrong("command", "Expected a list of words, the program first: [npx, some-server].")
    return tuple(str(word) for word in words)


def _env(value: object) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, dict):
        raise _wrong("env", "Expected names with values.")
    pairs = cast("dict[object, object]", value)
    for name, text in pairs.items():
        if not isinstance(name, str) or not _ENV_NAME.fullmatch(name):
            raise _wrong(f"env.{name}", "A name has letters, digits and underscores.")
        if not _plain(text):
            raise _wrong(f"env.{name}", "Expected text; write numbers in quotes.")
    return tuple(sorted((str(name), str(text)) for name, text in pairs.items()))


def _plain(value: object) -> bool:
    return isinstance(value, str) and "\0" not in value


def _only(config: dict[str, object], known: tuple[str, ...]) -> None:
    for name in config:
        if name not in known:
            raise _wrong(name, f"{name!r} is not a field of 'mcp'. Known: {', '.join(known)}.")


def _wrong(field: str, message: str) -> InvalidRequestError:
    where = f"mcp.{field}" if not field.startswith("auth") else field
    return InvalidRequestError(f"{where}: {message}", details={"field": where})
