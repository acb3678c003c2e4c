"""JSON-RPC messages: strict parsing, telling what a message is, and writing answers."""

import json
import math
from dataclasses import dataclass
from typing import cast

import msgspec

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
HEADER_MISMATCH = -32020
UNSUPPORTED_VERSION = -32022
TOO_MANY = 4290
NOT_NOW = 5030

_MAX_DEPTH = 100
_MAX_CONTAINERS = 200_000
_MAX_VALUES = 200_000
_MAX_ID = 256

Object = dict[str, object]


class NotJsonError(ValueError):
    """Not one JSON value as we accept it; the text says why and repeats nothing of it."""


class RpcError(Exception):
    """A request that is answered with a JSON-RPC error.

    Attributes:
        status: HTTP status where the client's era lets errors have one.

    """

    def __init__(self, code: int, message: str, *, status: int = 200, data: object = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.data = data


@dataclass(frozen=True, slots=True)
class Message:
    """One JSON-RPC message. `id` is JSON text ready to be echoed; None: a notification.

    `method` empty means a response of the client's.
    """

    method: str
    id: bytes | None
    params: Object
    body: bytes


def _unique(pairs: list[tuple[str, object]]) -> Object:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotJsonError("an object holds the same key twice")
    return found


def _constant(_: str) -> object:
    raise NotJsonError("NaN and Infinity are not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise NotJsonError("a number is out of range")
    return number


_decoder = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_constant, parse_float=_finite)


def _too_deep(value: object) -> bool:
    level: list[object] = [value]
    for _ in range(_MAX_DEPTH):
        below: list[object] = []
        for item in level:
            if isinstance(item, dict):
                below.extend(cast("Object", item).values())
            elif isinstance(item, list):
                below.extend(cast("list[object]", item))
        if not below:
            return False
        level = below
    return any(isinstance(item, dict | list) for item in level)


def _commas(body: bytes) -> int:
    """How many commas stand outside of strings."""
    outside = body.replace(rb"\\", b"").replace(rb"\"", b"").split(b'"')[::2]
    return sum(part.count(b",") for part in outside)


def parse(body: bytes) -> object:
    """The JSON value in a body: UTF-8, no key twice in an object, at most 100 levels, finite numbers.

    The numbers of brackets and of values are bounded too, since they are what parsing takes its time for.

    Raises:
        NotJsonError: otherwise.

    """
    brackets = body.count(b"{") + body.count(b"[")
    if brackets > _MAX_CONTAINERS:
        raise NotJsonError(f"more than {_MAX_CONTAINERS} objects and lists")
    if body.count(b",") > _MAX_VALUES and _commas(body) > _MAX_VALUES:
        raise NotJsonError(f"more than {_MAX_VALUES} values")
    try:
        value: object = _decoder.decode(body.decode())
    except NotJsonError:
        raise
    except RecursionError as error:
        raise NotJsonError("nested too deeply") from error
    except ValueError as error:
        raise NotJsonError("not valid JSON in UTF-8") from error
    # As many brackets as levels are needed for depth: most bodies are done here.
    if brackets > _MAX_DEPTH and _too_deep(value):
        raise NotJsonError(f"nested more than {_MAX_DEPTH} levels deep")
    return value


def id_text(value: object) -> bytes | None:
    """The JSON text of a request id, or None where it may not be one."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    try:
        text = json.dumps(value).encode()
    except ValueError:
        return None
    return text if len(text) <= _MAX_ID else None


def message_of(value: object, body: bytes) -> Message | None:
    """What one parsed value is as a message; None where it is none."""
    if not isinstance(value, dict):
        return None
    fields = cast("Object", value)
    if fields.get("jsonrpc") != "2.0":
        return None
    method, params = fields.get("method"), fields.get("params", {})
    if method is None:
        return Message("", None, {}, body) if ("result" in fields or "error" in fields) else None
    if not isinstance(method, str) or not method or not isinstance(params, dict):
        return None
    if "id" not in fields:
        return Message(method, None, cast("Object", params), body)
    identifier = id_text(fields["id"])
    return Message(method, identifier, cast("Object", params), body) if identifier else None


def result(identifier: bytes, value: bytes) -> bytes:
    """A successful response."""
    return b'{"jsonrpc":"2.0","id":' + identifier + b',"result":' + value + b"}"


def failure(identifier: bytes | None, error: RpcError) -> bytes:
    """An error response; without an id it names none (null)."""
    fields: Object = {"code": error.code, "message": error.message}
    if error.data is not None:
        fields["data"] = error.data
    return (
        b'{"jsonrpc":"2.0","id":'
        + (identifier or b"null")
        + b',"error":'
        + msgspec.json.encode(fields)
        + b"}"
    )
