"""YAML to plain values with the line of each: no aliases, no tags, no duplicate keys, bounded.

Scalars follow YAML 1.2: `no`, `on` and dates are text, only `true` and `false` are booleans.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml
from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from executor_shared.document.problems import DocumentError, Path, Problem

MAX_TEXT = 1024 * 1024
_MAX_DEPTH = 32
_MAX_VALUES = 200_000
_INT = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]{1,30}(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?")
_WORDS: dict[str, object] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_Loader: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(slots=True)
class Tree:
    """The value of a document, and at which line each of its parts stands."""

    file: str
    value: object = None
    lines: dict[Path, int] = field(default_factory=dict[Path, int])

    def line(self, path: Path) -> int:
        """The line of the nearest part that exists, from 1."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def problem(self, path: Path, message: str) -> Problem:
        """A problem at a place of this document."""
        return Problem(self.file, self.line(path), path, message)


@dataclass(slots=True)
class _Open:
    """A mapping or list whose end has not come yet."""

    path: Path
    value: dict[str, object] | list[object]
    key: str | None = None

    def child(self) -> Path:
        """Where the next value belongs."""
        return (*self.path, len(self.value) if isinstance(self.value, list) else self.key or "")


class _Builder:
    def __init__(self, file: str) -> None:
        self.tree = Tree(file)
        self.problems: list[Problem] = []
        self._stack: list[_Open] = []
        self._documents = 0
        self._count = 0

    def take(self, event: Event) -> None:
        """One event after the other."""
        line = event.start_mark.line + 1 if event.start_mark else 1
        self._refuse(event, line)
        match event:
            case DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    self._stop(line, "a second document begins; put it into a file of its own")
            case MappingStartEvent():
                self._open({}, line)
            case SequenceStartEvent():
                self._open([], line)
            case MappingEndEvent() | SequenceEndEvent():
                closed = self._stack.pop()
                if self._stack:
                    self._stack[-1].key = None
                else:
                    self.tree.value = closed.value
            case ScalarEvent():
                self._scalar(event, line)
            case DocumentEndEvent() | _:
                pass

    def _refuse(self, event: Event, line: int) -> None:
        if isinstance(event, AliasEvent) or getattr(event, "anchor", None):
            self._stop(line, "anchors and aliases (&, *) are not accepted; write the value out, or quote it")
        tag = getattr(event, "tag", None)
        if tag not in {None, "!"}:
            self._stop(line, "tags (!) are not accepted; write plain values, or quote this one")
        self._count += 1
        if self._count > _MAX_VALUES:
            self._stop(line, f"more than {_MAX_VALUES} values; split the document")

    def _stop(self, line: int, message: str) -> None:
        path = self._stack[-1].path if self._stack else ()
        raise DocumentError([*self.problems, Problem(self.tree.file, line, path, message)])

    def _open(self, value: dict[str, object] | list[object], line: int) -> None:
        if self._expects_key():
            self._stop(line, "a key must be text")
        path = self._put(value, line) if self._stack else ()
        self.tree.lines.setdefault(path, line)
        if len(self._stack) >= _MAX_DEPTH:
            self._stop(line, f"nested deeper than {_MAX_DEPTH} levels")
        self._stack.append(_Open(path, value))

    def _expects_key(self) -> bool:
        return bool(self._stack) and isinstance(self._stack[-1].value, dict) and self._stack[-1].key is None

    def _scalar(self, event: ScalarEvent, line: int) -> None:
        if self._expects_key():
            self._key(event.value, line)
            return
        value = plain_scalar(event.value) if event.implicit[0] else event.value
        if not self._stack:
            self.tree.value = value
            return
        self._put(value, line)
        self._stack[-1].key = None

    def _key(self, key: str, line: int) -> None:
        here = self._stack[-1]
        path = (*here.path, key)
        if key in here.value:
            first = self.tree.lines.get(path, 0)
            self.problems.append(
                Problem(self.tree.file, line, path, f"this key stands here twice; first in line {first}")
            )
        here.key = key
        self.tree.lines[path] = line

    def _put(self, value: object, line: int) -> Path:
        here = self._stack[-1]
        path = here.child()
        if isinstance(here.value, list):
            here.value.append(value)
        else:
            here.value[here.key or ""] = value
        self.tree.lines.setdefault(path, line)
        return path


def plain_scalar(text: str) -> object:
    """What an unquoted scalar means."""
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def _events(text: str) -> Iterator[Event]:
    yield from yaml.parse(text, Loader=_Loader)


def load(text: str, file: str) -> Tree:
    """The tree of a document.

    Raises:
        DocumentError: too large, not YAML, or more than plain values; names the line.

    """
    if len(text.encode("utf-8", errors="replace")) > MAX_TEXT:
        raise DocumentError([Problem(file, 1, (), f"larger than {MAX_TEXT // 1024} KiB; split the document")])
    builder = _Builder(file)
    try:
        for event in _events(text):
            builder.take(event)
    except yaml.YAMLError as error:
        raise DocumentError([*builder.problems, _syntax(file, error)]) from error
    if builder.problems:
        raise DocumentError(builder.problems)
    return builder.tree


def _syntax(file: str, error: yaml.YAMLError) -> Problem:
    mark = getattr(error, "problem_mark", None)
    why = getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be read"
    return Problem(file, mark.line + 1 if mark else 1, (), f"not valid YAML: {why}")
