"""The wire only grows: what was once said is still understood, and every message survives the wire."""

import json
import types
import typing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from executor_shared.bus import wire
from executor_shared.contracts.all import EVENTS, REQUESTS
from executor_shared.contracts.base import Message

_GOLDEN = Path(__file__).parent / "golden"
_MESSAGES = sorted(
    {t for r in REQUESTS for t in (r.asks, r.answers)} | {e.says for e in EVENTS},
    key=lambda one: one.__name__,
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
_RAW = _JSON.map(lambda value: msgspec.Raw(json.dumps(value, separators=(",", ":")).encode()))
_PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(max_size=8),
    int: st.integers(-(2**53), 2**53),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    bytes: st.binary(max_size=8),
    object: _JSON,
    msgspec.Raw: _RAW,
    type(None): st.none(),
    msgspec.UnsetType: st.just(msgspec.UNSET),
}


def _strategy(kind: Any) -> st.SearchStrategy[Any]:
    if kind in _PLAIN:
        return _PLAIN[kind]
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return st.deferred(lambda: _struct(kind))
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        return st.sampled_from(arguments)
    if origin in {types.UnionType, typing.Union}:
        return st.one_of([_strategy(one) for one in arguments])
    if origin is tuple and arguments[1:] == (...,):
        return st.lists(_strategy(arguments[0]), max_size=2).map(tuple)
    if origin is dict:
        return st.dictionaries(_strategy(arguments[0]), _strategy(arguments[1]), max_size=2)
    raise NotImplementedError(f"{kind} on the wire")


def _struct(kind: type[msgspec.Struct]) -> st.SearchStrategy[Any]:
    hints = typing.get_type_hints(kind)
    required = {f.name: _strategy(hints[f.name]) for f in msgspec.structs.fields(kind) if f.required}
    optional = {f.name: _strategy(hints[f.name]) for f in msgspec.structs.fields(kind) if not f.required}
    return st.fixed_dictionaries(required, optional=optional).map(lambda fields: kind(**fields))


def _comparable(value: Any) -> Any:
    """Raw JSON compares by identity; everything else by value."""
    if isinstance(value, msgspec.Raw):
        return bytes(value)
    if isinstance(value, msgspec.Struct):
        return type(value), [_comparable(getattr(value, name)) for name in value.__struct_fields__]
    if isinstance(value, tuple):
        return tuple(_comparable(one) for one in typing.cast("tuple[Any, ...]", value))
    return value


@pytest.mark.parametrize("message", _MESSAGES, ids=lambda one: one.__name__)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_message_survives_the_wire(message: type[Message], data: st.DataObject):
    sent = data.draw(_strategy(message))
    received = wire.unpack(wire.pack(sent, {}), message)
    assert _comparable(received) == _comparable(sent)


@pytest.mark.parametrize("message", _MESSAGES, ids=lambda one: one.__name__)
@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_a_field_of_a_later_version_is_ignored(message: type[Message], data: st.DataObject):
    sent = data.draw(_strategy(message))
    body: dict[str, object] = msgspec.json.decode(msgspec.json.encode(sent))
    body["of_a_later_version"] = {"x": 1}
    received = msgspec.json.decode(msgspec.json.encode(body), type=message)
    assert msgspec.json.decode(msgspec.json.encode(received)) == msgspec.json.decode(
        msgspec.json.encode(sent)
    )


def _golden() -> list[Path]:
    return sorted(_GOLDEN.glob("*.json"))


def test_every_message_has_a_golden_file():
    assert {path.name.partition(".")[0] for path in _golden()} >= {one.__name__ for one in _MESSAGES}


@pytest.mark.parametrize("path", _golden(), ids=lambda path: path.name)
def test_what_was_once_said_is_still_understood(path: Path):
    """Golden files are only added, never edited: `<Message>.<number>.json`."""
    by_name = {one.__name__: one for one in _MESSAGES}
    message = by_name[path.name.partition(".")[0]]
    body = path.read_bytes()
    again = msgspec.json.encode(msgspec.json.decode(body, type=message))
    assert json.loads(again) == json.loads(body)
