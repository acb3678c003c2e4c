"""From a tree to the model, with every problem in words that name the place and what is accepted."""

import difflib
import types
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from executor_shared.document.models import DocumentPart
from executor_shared.document.problems import DocumentError, Path, Problem
from executor_shared.document.yaml_tree import Tree

_TYPES = {
    "string_type": "expected text; put a number or a date in quotes",
    "bool_type": "expected true or false",
    "int_type": "expected a whole number",
    "list_type": "expected a list",
    "dict_type": "expected a mapping (key: value)",
    "model_type": "expected a mapping (key: value)",
    "missing": "this key is required",
    "string_too_short": "must not be empty",
    "too_short": "must not be empty",
}
_FROM_CONTEXT = {
    "literal_error": ("expected ", "expected"),
    "value_error": ("", "error"),
    "string_pattern_mismatch": ("expected text of the form ", "pattern"),
}


def validate(tree: Tree) -> DocumentPart:
    """The document of a tree.

    Raises:
        DocumentError: with every problem found.

    """
    if tree.value is None:
        raise DocumentError(
            [tree.problem((), "the document is empty; it begins with apiVersion: executor/v1")]
        )
    try:
        return DocumentPart.model_validate(tree.value)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        raise DocumentError(_unique(_problem(tree, detail) for detail in found)) from None


def _unique(problems: Any) -> list[Problem]:  # noqa: ANN401 - any iterable
    return list(dict.fromkeys(problems))


def _problem(tree: Tree, detail: ErrorDetails) -> Problem:
    path = _path_in(tree, detail["loc"])
    return tree.problem(path, _message(path, detail))


def _path_in(tree: Tree, loc: Path) -> Path:
    """The place without the names of union members, which pydantic adds to it."""
    path: Path = ()
    value = tree.value
    for step, part in enumerate(loc):
        last = step == len(loc) - 1
        if isinstance(value, dict) and (part in value or last):
            path, value = (*path, part), value.get(part)  # pyright: ignore[reportUnknownMemberType]
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            path, value = (*path, part), value[part]
    return path


def _message(path: Path, detail: ErrorDetails) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown(path)
    if kind in {"string_too_long", "too_long"}:
        return f"longer than {context.get('max_length')}"
    if kind in _FROM_CONTEXT:
        before, name = _FROM_CONTEXT[kind]
        return before + str(context.get(name))
    return _TYPES.get(kind, detail["msg"])


def _unknown(path: Path) -> str:
    accepted = _names_at(path[:-1])
    near = difflib.get_close_matches(str(path[-1]), accepted, n=1)
    meant = f"did you mean '{near[0]}'? " if near else ""
    return f"unknown key; {meant}accepted: {', '.join(accepted)}"


def _names_at(path: Path) -> list[str]:
    """The keys that are accepted at a place."""
    model: type[BaseModel] | None = DocumentPart
    for part in path:
        if isinstance(part, str) and model is not None:
            model = _model_in(_field(model, part))
    return [f.alias or name for name, f in model.model_fields.items()] if model else []


def _field(model: type[BaseModel], key: str) -> Any:  # noqa: ANN401 - an annotation
    return next((f.annotation for name, f in model.model_fields.items() if (f.alias or name) == key), None)


def _model_in(annotation: Any) -> type[BaseModel] | None:  # noqa: ANN401 - an annotation
    """The one model inside `X`, `X | None` or `list[X]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in {Union, types.UnionType, list}:
        return next((m for m in map(_model_in, get_args(annotation)) if m), None)
    return None
