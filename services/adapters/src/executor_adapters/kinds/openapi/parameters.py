"""The arguments of a tool: their names, their schema, and which parameters are never an agent's."""

import re
from typing import Any

from executor_adapters.kinds.openapi.binding import Place
from executor_shared.contracts.vocabulary import AuthMethod

_LETTERS = re.compile(r"[^A-Za-z0-9_.-]")
_MAX_NAME = 64
FORBIDDEN = frozenset({
    "accept", "authorization", "connection", "content-length", "content-type", "cookie", "expect", "forwarded",
    "host", "keep-alive", "proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
    "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "accept-encoding", "user-agent",
})  # fmt: skip
"""Headers that no argument may set: those of the connection, of proxies, and of credentials."""


def is_ours(place: Place, name: str, auth: tuple[AuthMethod, ...]) -> bool:
    """Whether a described parameter is not for agents: a forbidden header, or where a credential goes."""
    if place == "header" and name.lower() in FORBIDDEN:
        return True
    return any(
        placement.carrier == place and placement.name.lower() == name.lower()
        for method in auth
        for placement in method.placements
    )


class Arguments:
    """Collects the input schema of one tool."""

    def __init__(self) -> None:
        self._properties: dict[str, Any] = {}
        self._required: list[str] = []

    def add(self, wanted: str, schema: dict[str, Any], *, required: bool) -> str:
        """Add an argument; its name has only letters that every client accepts and is unique in the tool."""
        name = _LETTERS.sub("_", wanted)[:_MAX_NAME] or "value"
        while name in self._properties:
            name = f"{name[: _MAX_NAME - 1]}_"
        self._properties[name] = schema
        if required:
            self._required.append(name)
        return name

    def schema(self, definitions: dict[str, Any]) -> dict[str, Any]:
        """The input schema; arguments that it does not name are refused."""
        found: dict[str, Any] = {
            "type": "object",
            "properties": self._properties,
            "additionalProperties": False,
        }
        if self._required:
            found["required"] = self._required
        if definitions:
            found["$defs"] = definitions
        return found
