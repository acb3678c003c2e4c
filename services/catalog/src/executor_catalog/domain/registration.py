"""Letting a discovered tool in: what every definition must keep to, and the form in which it is shown."""

import asyncio
import re
from dataclasses import dataclass, field
from typing import Any, cast

import msgspec

from executor_catalog.domain import schemas
from executor_catalog.domain.state import Definition
from executor_catalog.domain.visible import only_visible
from executor_shared.canonical import canonical, digest, digest_bytes
from executor_shared.contracts.adapters import Discovered, DiscoveredTool

MAX_DESCRIPTION = 8 * 1024
MAX_DEFINITION = 1024 * 1024
MAX_DEPTH = 100
MAX_TOOLS = 10_000
_CUT_NOTE = "\n[The rest of this description was left out: it is longer than 8 KiB.]"
_OWN_NAME = re.compile(r"[A-Za-z0-9_/-]+(\.[A-Za-z0-9_/-]+)*")
_MAX_NAME = 128
_SCHEMAS = ("inputSchema", "outputSchema")


@dataclass(frozen=True, slots=True)
class Offer:
    """What an upstream offers, after the limits: usable definitions and the rest with reasons."""

    tools: dict[str, Definition] = field(default_factory=dict[str, Definition])
    set_aside: dict[str, str] = field(default_factory=dict[str, str])


class _UnfitError(Exception):
    """The tool cannot be used; the text says why."""


async def offer_of(found: Discovered) -> Offer:
    """Everything that was discovered; one unusable tool never takes the others with it.

    Thousands of tools take longer than a call may be held up, so others get their turn in between.
    """
    offer = Offer()
    for name, reason in list(found.set_aside.items())[:MAX_TOOLS]:
        offer.set_aside[printable(name, _MAX_NAME)] = printable(reason, 1000)
    for tool in found.tools[:MAX_TOOLS]:
        _take(offer, tool)
        await asyncio.sleep(0)
    if len(found.tools) > MAX_TOOLS:
        offer.set_aside["(further tools)"] = f"a connection has at most {MAX_TOOLS:,} tools"
    for name in offer.tools.keys() & offer.set_aside.keys():
        del offer.set_aside[name]
    return offer


def _take(offer: Offer, tool: DiscoveredTool) -> None:
    name = printable(tool.own_name, _MAX_NAME)
    if tool.own_name in offer.tools:
        offer.set_aside[f"{name} (again)"] = "the upstream offers two tools of this name; the first is used"
        return
    try:
        offer.tools[tool.own_name] = register(tool)
    except _UnfitError as unfit:
        offer.set_aside[name] = printable(str(unfit), 1000)


def register(tool: DiscoveredTool) -> Definition:
    """The definition in the form that is kept, shown and hashed.

    Raises:
        _UnfitError: it is outside the limits; says which.

    """
    if len(tool.own_name) > _MAX_NAME or not _OWN_NAME.fullmatch(tool.own_name):
        raise _UnfitError(f"its name is not 1 to {_MAX_NAME} characters of A-Z a-z 0-9 _ - . /")
    if len(bytes(tool.definition)) > MAX_DEFINITION:
        raise _UnfitError(f"its definition has more than {MAX_DEFINITION:,} bytes")
    shown = _shown(tool)
    for key in _SCHEMAS:
        if key in shown and (fault := schemas.fault_of(shown[key], key)):
            raise _UnfitError(fault)
    try:
        public, binding = digest(shown), canonical(_decode(bytes(tool.binding), "its binding"))
    except (ValueError, RecursionError) as error:
        raise _UnfitError(f"it has no canonical form: {error}") from error
    effect, repeatable = tool.effect, b"1" if tool.idempotent else b"0"
    fingerprint = digest_bytes(public.encode(), binding, effect.encode(), repeatable)
    return Definition(fingerprint, msgspec.json.encode(shown), public, binding, effect, tool.idempotent)


def _shown(tool: DiscoveredTool) -> dict[str, Any]:
    shown = _decode(bytes(tool.definition), "its definition")
    if not isinstance(shown, dict):
        raise _UnfitError("its definition is not an object")
    shown = cast("dict[str, Any]", shown)
    _check_depth(shown)
    shown = only_visible(shown)
    shown["name"] = tool.own_name
    schema = shown.get("inputSchema")
    if not isinstance(schema, dict):
        shown["inputSchema"] = {"type": "object"}
    elif "type" not in schema:
        shown["inputSchema"] = {"type": "object", **cast("dict[str, Any]", schema)}
    if "description" in shown:
        shown["description"] = _cut(shown["description"])
    return shown


def _decode(body: bytes, what: str) -> object:
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise _UnfitError(f"{what} is not valid JSON") from error


def _check_depth(value: object) -> None:
    waiting = [(value, 1)]
    while waiting:
        here, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise _UnfitError(f"its definition is nested deeper than {MAX_DEPTH} levels")
        if isinstance(here, dict):
            waiting.extend((child, depth + 1) for child in cast("dict[str, object]", here).values())
        elif isinstance(here, list):
            waiting.extend((child, depth + 1) for child in cast("list[object]", here))


def _cut(description: object) -> str:
    if not isinstance(description, str):
        raise _UnfitError("its description is not a text")
    whole = description.encode("utf-8", "surrogatepass")
    if len(whole) <= MAX_DESCRIPTION:
        return description
    kept = whole[: MAX_DESCRIPTION - len(_CUT_NOTE)].decode("utf-8", "ignore")
    return kept + _CUT_NOTE


def printable(text: str, limit: int) -> str:
    """A text from outside without control characters and with a bound, for names and reasons."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:limit])
