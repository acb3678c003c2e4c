"""Checking a call's arguments against the tool's input schema before anyone is asked."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice

import jsonschema_rs
import msgspec

from executor_gateway.domain.recent import Recent
from executor_shared.contracts.catalog import Tool
from executor_shared.errors import DescriptionInvalidError

_KEPT = 4_096
_KEPT_SECONDS = 24 * 3600.0
_ERRORS_SHOWN = 5
_TEXT_SHOWN = 200
_NAMES_SHOWN = 40
_OFF_LOOP_BYTES = 64 * 1024
_OFF_LOOP_SECONDS = 5.0
# Where a schema composes its properties from elsewhere, its own `properties` are not the whole list.
_COMPOSING = frozenset(
    ("$ref", "$dynamicRef", "allOf", "anyOf", "oneOf", "if", "patternProperties", "dependentSchemas")
)


class _Shown(msgspec.Struct):
    input_schema: dict[str, object] = msgspec.field(name="inputSchema", default_factory=dict[str, object])


@dataclass(frozen=True, slots=True)
class InputSchema:
    """A compiled input schema.

    Attributes:
        schema: as agents see it.
        validator: prebuilt; linear-time patterns, no reference leaves the document.
        accepted: the only arguments there are, or None where the schema leaves that open.
        mirrored: whether an argument is annotated `x-mcp-header`.

    """

    schema: Mapping[str, object]
    validator: jsonschema_rs.Validator
    accepted: frozenset[str] | None
    mirrored: bool


def _accepted(schema: Mapping[str, object]) -> frozenset[str] | None:
    properties = schema.get("properties")
    if not isinstance(properties, dict) or _COMPOSING.intersection(schema):
        return None
    if schema.get("additionalProperties", False) is not False or "unevaluatedProperties" in schema:
        return None
    return frozenset(properties)


def compile_schema(tool: Tool) -> InputSchema:
    """Compile a tool's input schema.

    Raises:
        DescriptionInvalidError: it is not a usable JSON Schema.

    """
    try:
        schema = msgspec.json.decode(tool.definition, type=_Shown).input_schema
        validator = jsonschema_rs.validator_for(
            schema, pattern_options=jsonschema_rs.RegexOptions(), mask="the value", offline=True
        )
    except (ValueError, msgspec.MsgspecError, jsonschema_rs.ReferencingError) as error:
        raise DescriptionInvalidError(
            f"The input schema of {tool.address} cannot be used, so its arguments cannot be checked.",
            details={"tool": tool.address},
        ) from error
    mirrored = b"x-mcp-header" in bytes(tool.definition)
    return InputSchema(schema, validator, _accepted(schema), mirrored)


def _path(steps: list[str | int]) -> str:
    return "arguments" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)


def _short(text: str, length: int = _TEXT_SHOWN) -> str:
    return text if len(text) <= length else f"{text[:length]}…"


def _names(names: frozenset[str]) -> str:
    shown = sorted(names)
    more = f" and {len(shown) - _NAMES_SHOWN} more" if len(shown) > _NAMES_SHOWN else ""
    return ", ".join(shown[:_NAMES_SHOWN]) + more if shown else "none"


def problems(schema: InputSchema, arguments: Mapping[str, object]) -> list[str]:
    """What is wrong with the arguments, by path; empty where nothing is. Values are never repeated."""
    if schema.accepted is not None and not schema.accepted.issuperset(arguments):
        unknown = [_short(name, 60) for name in islice((n for n in arguments if n not in schema.accepted), 5)]
        return [f"unknown argument {', '.join(unknown)}; accepted: {_names(schema.accepted)}"]
    if schema.validator.is_valid(arguments):
        return []
    errors = islice(schema.validator.iter_errors(arguments), _ERRORS_SHOWN)
    return [_short(f"{_path(error.instance_path)}: {error.message}") for error in errors]


def _memory() -> Recent[tuple[str, str], InputSchema]:
    return Recent(_KEPT, _KEPT_SECONDS)


@dataclass(frozen=True, slots=True)
class CheckArguments:
    """Compiled schemas, made when first needed and kept for the tools in use."""

    compiled: Recent[tuple[str, str], InputSchema] = field(default_factory=_memory)

    def schema(self, tool: Tool) -> InputSchema:
        """The compiled input schema of a tool.

        Raises:
            DescriptionInvalidError: it is not a usable JSON Schema.

        """
        key = (tool.id, tool.public_digest)
        found = self.compiled.get(key)
        if found is None:
            found = compile_schema(tool)
            self.compiled.keep(key, found, self.compiled.generation)
        return found

    async def __call__(self, tool: Tool, arguments: Mapping[str, object], size: int) -> list[str]:
        """Problems with the arguments (`size` bytes of JSON); large ones are checked off the event loop."""
        schema = self.schema(tool)
        if size <= _OFF_LOOP_BYTES:
            return problems(schema, arguments)
        try:
            async with asyncio.timeout(_OFF_LOOP_SECONDS):
                return await asyncio.to_thread(problems, schema, arguments)
        except TimeoutError:
            return ["the arguments are too large to be checked in time"]
