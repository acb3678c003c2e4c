"""Conditions in CEL: a small part of the language, so that no expression can run long.

Accepted: operators, `has`, `in`, `size`, `matches` (linear time), `startsWith`, `endsWith`, `contains`, over
the one variable `args`. Not accepted: comprehensions and every other function.
"""

import re
from dataclasses import dataclass
from typing import cast

import cel

from executor_policy.domain.conditions import Condition, ConditionFailedError

_MAX_LENGTH = 500
_MAX_VALUES = 1_000
_MAX_CHARACTERS = 65_536
_MAX_DEPTH = 32

_FUNCTIONS = frozenset({"has", "in", "size", "matches", "startsWith", "endsWith", "contains"})
_LOGIC = frozenset({"_&&_", "_||_", "!_", "_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_", "_?_:_", "@in"})
_OPERATORS = _LOGIC | {"-_", "_+_", "_-_", "_*_", "_/_", "_%_", "_[_]"}
_TEXT = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'")
_UNUSUAL = re.compile(r"\"\"\"|'''|//|`|\b[rRbB]{1,2}[\"']|[\x00-\x08\x0b-\x1f]")
_CALLED = re.compile(r"([A-Za-z_]\w*)\s*\(")
_ARGS = re.compile(r"(?<![\w.])args\b(\s*\.\s*([A-Za-z_]\w*))?")

_ACCEPTED = "operators, has(), in, size(), matches(), startsWith(), endsWith() and contains() over `args`"


class CelConditions:
    """The language."""

    def compile(self, text: str) -> Condition:
        """Check and compile; see `Conditions`."""
        if not text.strip() or len(text) > _MAX_LENGTH:
            raise ValueError(f"a CEL expression of 1 to {_MAX_LENGTH} characters")
        if unusual := _UNUSUAL.search(text):
            raise ValueError(f"plain quotes and no comments (found {unusual.group()!r})")
        bare = _TEXT.sub('""', text)
        if other := {name for name in _CALLED.findall(bare) if name not in _FUNCTIONS}:
            raise ValueError(f"{_ACCEPTED} (found {', '.join(sorted(other))}())")
        program = _parsed(text)
        if other := set(program.variables()) - {"args"}:
            raise ValueError(f"only the variable `args` (found {', '.join(sorted(other))})")
        if other := set(program.functions()) - _OPERATORS - _FUNCTIONS:
            raise ValueError(f"{_ACCEPTED} (found {', '.join(sorted(other))})")
        fields = [field for _, field in _ARGS.findall(bare)]
        return CelCondition(program, None if "" in fields else frozenset(fields))


def _parsed(text: str) -> cel.Program:
    try:
        return cel.compile(text)
    except ValueError as error:
        message = str(error).partition("ERROR: <input>:")[2] or str(error)
        raise ValueError(f"a CEL expression; at {message.splitlines()[0][:160]}") from error


@dataclass(frozen=True, slots=True)
class CelCondition:
    """A compiled expression. Of the arguments it gets only the `fields` that it names (None: all)."""

    program: cel.Program
    fields: frozenset[str] | None

    def holds(self, arguments: dict[str, object]) -> bool:
        """Whether it holds; see `Condition`."""
        chosen = arguments
        if self.fields is not None:
            chosen = {name: arguments[name] for name in self.fields if name in arguments}
        _check_size(chosen)
        try:
            answer: object = self.program.execute({"args": chosen})
        except Exception as error:  # the library raises many kinds; each is a condition that failed
            raise ConditionFailedError(type(error).__name__) from error
        if not isinstance(answer, bool):
            raise ConditionFailedError("not a truth value")
        return answer


def _check_size(chosen: dict[str, object]) -> None:
    """Bound what one evaluation may cost, whatever an agent sends."""
    values = characters = 0
    waiting: list[tuple[object, int]] = [(chosen, 0)]
    while waiting:
        value, depth = waiting.pop()
        values += 1
        if isinstance(value, str):
            characters += len(value)
        elif isinstance(value, dict):
            items = cast("dict[str, object]", value)
            characters += sum(len(key) for key in items)
            waiting += [(item, depth + 1) for item in items.values()]
        elif isinstance(value, list):
            waiting += [(item, depth + 1) for item in cast("list[object]", value)]
        if values + len(waiting) > _MAX_VALUES or characters > _MAX_CHARACTERS or depth > _MAX_DEPTH:
            raise ConditionFailedError("the arguments are too large for a condition")
