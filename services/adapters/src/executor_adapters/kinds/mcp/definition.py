"""One tool of an upstream as the catalog keeps it: what is shown to agents, cleaned, and what it does."""

import re
import unicodedata
from typing import cast

import msgspec

from executor_adapters.domain.schema_limits import schema_problem
from executor_adapters.kinds.mcp.headers import annotated_parameters, invalid_annotation
from executor_shared.canonical import canonical
from executor_shared.contracts.adapters import DiscoveredTool
from executor_shared.contracts.vocabulary import Effect

_NAME = re.compile(r"[A-Za-z0-9_./-]{1,128}")
_MAX_TEXT = 8 * 1024
_MAX_DEFINITION = 512 * 1024
_MAX_DEPTH = 96
_DATA = frozenset({"const", "default", "enum", "example", "examples"})
_TEXTS = frozenset({"description", "title"})
_KEPT_CONTROLS = frozenset("\n\t")
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co"})


class SetAsideError(Exception):
    """A tool that cannot be used; the text says why."""


class Binding(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a tool is called: its upstream name and the arguments that are mirrored as headers."""

    name: str
    headers: list[tuple[list[str], str]] = []


def discovered(raw: msgspec.Raw) -> DiscoveredTool:
    """The tool in this JSON; fields that we do not know stay as they are.

    Raises:
        SetAsideError: it cannot be used.

    """
    if len(bytes(raw)) > _MAX_DEFINITION:
        raise SetAsideError(f"its definition has more than {_MAX_DEFINITION} bytes")
    tool = _decoded(raw)
    name = tool["name"] = named(tool)
    _drop_unusable_output(tool)
    _clean(tool, 0)
    schema = tool["inputSchema"] = _input_schema(tool.get("inputSchema"))
    if (problem := invalid_annotation(schema)) is not None:
        raise SetAsideError(problem[:300])
    try:
        canonical(tool)
    except ValueError as error:
        raise SetAsideError("it holds a number or text that has no canonical form") from error
    annotations = tool.get("annotations")
    hints = cast("dict[str, object]", annotations) if isinstance(annotations, dict) else {}
    binding = Binding(name, annotated_parameters(schema))
    return DiscoveredTool(
        own_name=name,
        definition=msgspec.Raw(msgspec.json.encode(tool)),
        binding=msgspec.Raw(canonical(msgspec.to_builtins(binding))),
        effect=effect_of(hints),
        idempotent=hints.get("idempotentHint") is True,
    )


def effect_of(hints: dict[str, object]) -> Effect:
    """What the annotations suggest; without any, the protocol's own default is destructive."""
    if hints.get("readOnlyHint") is True:
        return "read"
    return "write" if hints.get("destructiveHint") is False else "destructive"


def named(tool: dict[str, object]) -> str:
    """The tool's name.

    Raises:
        SetAsideError: it has none that can stand in an address.

    """
    name = tool.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise SetAsideError("its name must have 1 to 128 letters, digits, '_', '-', '.' or '/'")
    return name


def _decoded(raw: msgspec.Raw) -> dict[str, object]:
    try:
        value: object = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError) as error:
        raise SetAsideError("its definition is not valid JSON, or nested too deep") from error
    if not isinstance(value, dict):
        raise SetAsideError("its definition is not an object")
    return cast("dict[str, object]", value)


def _input_schema(value: object) -> dict[str, object]:
    """The input schema, which must describe an object; anything else is taken as "any object"."""
    if not isinstance(value, dict):
        return {"type": "object"}
    schema = cast("dict[str, object]", value)
    if schema.setdefault("type", "object") != "object":
        return {"type": "object"}
    if (problem := schema_problem(schema, len(msgspec.json.encode(schema)))) is not None:
        raise SetAsideError(problem)
    return schema


def _drop_unusable_output(tool: dict[str, object]) -> None:
    """Results are passed on unchecked, so a bad output schema costs the tool only that schema."""
    output = tool.get("outputSchema")
    if output is None and "outputSchema" not in tool:
        return
    usable = isinstance(output, dict)
    if usable:
        schema = cast("dict[str, object]", output)
        usable = schema_problem(schema, len(msgspec.json.encode(schema))) is None
    if not usable:
        del tool["outputSchema"]


def _clean(node: object, depth: int) -> None:
    """Clean, in place, the texts that a person or model reads; data (enum, default, …) stays as it is."""
    if depth > _MAX_DEPTH:
        raise SetAsideError(f"its definition is nested more than {_MAX_DEPTH} levels deep")
    if isinstance(node, list):
        for item in cast("list[object]", node):
            _clean(item, depth + 1)
    elif isinstance(node, dict):
        for key, value in cast("dict[str, object]", node).items():
            if key in _TEXTS and isinstance(value, str):
                node[key] = clean_text(value)
            elif key not in _DATA:
                _clean(value, depth + 1)


def clean_text(text: str) -> str:
    """Without control, bidirectional and invisible characters, and of bounded length."""
    if text.isascii() and text.isprintable() and len(text) <= _MAX_TEXT:
        return text
    kept = "".join(
        character
        for character in text[: 2 * _MAX_TEXT]
        if character in _KEPT_CONTROLS or unicodedata.category(character) not in _UNSEEN
    )
    return kept if len(kept) <= _MAX_TEXT else kept[: _MAX_TEXT - 1] + "…"
