"""Write what is generated from the contracts; `--check` fails where it is stale."""

import functools
import json
import operator
import sys
import types
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from executor_shared.contracts.acl import permissions_of, subject_pattern
from executor_shared.contracts.all import EVENTS, REQUESTS
from executor_shared.contracts.base import Message, ServiceName

ROOT = Path(__file__).resolve().parents[1]
SCHEMAS = Path("libs/shared/schemas/v1")
PAGE = Path("docs/reference/contracts.md")
PERMISSIONS = Path("deploy/nats/permissions.json")


def messages() -> tuple[type[Message], ...]:
    """Every type that is asked, answered or said, by name."""
    found = {t for r in REQUESTS for t in (r.asks, r.answers)} | {e.says for e in EVENTS}
    return tuple(sorted(found, key=lambda one: one.__name__))


def generated() -> dict[Path, str]:
    """Every generated file, relative to the root, with its content."""
    files = {SCHEMAS / f"{one.__name__}.json": _json(_schema(one)) for one in messages()}
    files[PAGE] = page()
    files[PERMISSIONS] = _json({str(name): permissions_of(name).as_nats() for name in ServiceName})
    return files


def _schema(message: type[Message]) -> dict[str, Any]:
    found = msgspec.json.schema(_plain(message), schema_hook=_any)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": message.__name__, **found}


def _any(wanted: type) -> dict[str, Any]:
    if wanted is not object:
        raise NotImplementedError(f"{wanted} has no JSON Schema")
    return {"description": "Any JSON value."}


@functools.cache
def _plain(message: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """The same message without defaults that are raw JSON, which msgspec cannot write into a schema."""
    hints = typing.get_type_hints(message)
    fields: list[tuple[str, Any, Any]] = []
    for field in msgspec.structs.fields(message):
        kind = _plain_kind(hints[field.name])
        default: Any = field.default
        if default is msgspec.NODEFAULT and field.default_factory is not msgspec.NODEFAULT:
            default = msgspec.field(default_factory=field.default_factory)
        if isinstance(default, msgspec.Raw):
            kind, default = kind | msgspec.UnsetType, msgspec.UNSET
        fields.append((field.name, kind, default))
    return msgspec.defstruct(
        message.__name__,
        [
            (name, kind) if default is msgspec.NODEFAULT else (name, kind, default)
            for name, kind, default in fields
        ],
        kw_only=True,
        tag_field=message.__struct_config__.tag_field,
        tag=message.__struct_config__.tag,
        namespace={"__doc__": message.__doc__},
    )


def _plain_kind(kind: Any) -> Any:  # noqa: ANN401 - any annotation there is
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return _plain(kind)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is None or origin is typing.Literal:
        return kind
    plain = tuple(_plain_kind(one) for one in arguments)
    return (
        functools.reduce(operator.or_, plain) if origin in {types.UnionType, typing.Union} else origin[plain]
    )


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


_INTRODUCTION = """\
# Contracts

What the services say to each other. Generated from `executor_shared.contracts` by `make contracts`; the JSON Schema of
every message stands in `libs/shared/schemas/v1/`.

A question is answered by one replica of its owner; the wait is the smaller of the timeout and what the call's deadline
leaves. `*` in a subject stands for the pool and the kind of adapters. An event is a hint and may be lost; whoever needs
certainty asks. Nobody but those named has the permission to ask, say or hear."""


def page() -> str:
    """The reference page."""
    parts = [_INTRODUCTION]
    for name in ServiceName:
        parts += _section(name)
    return "\n\n".join(parts) + "\n"


def _section(name: ServiceName) -> list[str]:
    rows = [
        (f"`{subject_pattern(r)}`", _names(r.callers), _type(r.asks), _type(r.answers), f"{r.timeout:g} s")
        for r in sorted(REQUESTS, key=lambda one: one.subject)
        if r.owner == name
    ]
    events = [
        (f"`{e.subject}`", _names(e.speakers), _names(e.hearers), _type(e.says))
        for e in sorted(EVENTS, key=lambda one: one.subject)
        if e.owner == name
    ]
    parts = [f"## {name}"]
    if rows:
        parts.append(_table(("Question", "Asked by", "Asks", "Answers", "Timeout"), rows))
    if events:
        parts.append(_table(("Event", "Said by", "Heard by", "Says"), events))
    if not rows and not events:
        parts.append("It answers nothing on the bus.")
    return parts


def _names(services: Iterable[ServiceName]) -> str:
    return ", ".join(sorted(services))


def _type(message: type[Message]) -> str:
    return f"[`{message.__name__}`](../../{SCHEMAS}/{message.__name__}.json)"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def stale(root: Path, files: Mapping[Path, str]) -> list[Path]:
    """Files that differ from what would be written, and schemas that nothing generates any more."""
    wrong = [
        path
        for path, content in files.items()
        if not (root / path).exists() or (root / path).read_text(encoding="utf-8") != content
    ]
    return wrong + _orphans(root, files)


def _orphans(root: Path, files: Mapping[Path, str]) -> list[Path]:
    there = (path.relative_to(root) for path in (root / SCHEMAS).glob("*.json"))
    return [path for path in there if path not in files]


def write(root: Path, files: Mapping[Path, str]) -> None:
    """Write all of them, and remove what is left over."""
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content, encoding="utf-8")
    for path in _orphans(root, files):
        (root / path).unlink()


def main() -> None:
    """Write, or check."""
    files = generated()
    if "--check" not in sys.argv[1:]:
        write(ROOT, files)
        print(f"Wrote {len(files)} files.")
        return
    if wrong := stale(ROOT, files):
        names = "\n".join(f"  {path}" for path in wrong)
        sys.exit(f"Stale, run `make contracts`:\n{names}")


if __name__ == "__main__":
    main()
