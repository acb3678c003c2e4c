"""Canonical JSON (RFC 8785) and digests over it."""

import hashlib
import json
from typing import Any, cast

import msgspec
import rfc8785

_SAFE_INT = 2**53 - 1
_sorted = msgspec.json.Encoder(order="sorted")


def _plain(value: object) -> bool:
    """Whether msgspec's sorted form of `value` is already the RFC 8785 form.

    Floats differ in exponents, keys in UTF-16 order beyond ASCII: those take the slower way.
    """
    if isinstance(value, str | bool) or value is None:
        return True
    if isinstance(value, int):
        return -_SAFE_INT <= value <= _SAFE_INT
    if isinstance(value, dict):
        items = cast("dict[str, object]", value)
        return all(key.isascii() and _plain(item) for key, item in items.items())
    if isinstance(value, list):
        return all(_plain(item) for item in cast("list[object]", value))
    return False


def canonical(value: object) -> bytes:
    """The RFC 8785 form of a JSON value.

    Raises:
        ValueError: for numbers or strings that RFC 8785 cannot express (integers beyond 2^53, lone
            surrogates, NaN).

    """
    if _plain(value):
        return _sorted.encode(value)
    try:
        return rfc8785.dumps(cast("Any", value))
    except rfc8785.CanonicalizationError as error:
        raise ValueError(str(error)) from error


def _once(pairs: list[tuple[str, object]]) -> None:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("an object holds the same key twice")


_keys = json.JSONDecoder(object_pairs_hook=_once, parse_int=len, parse_float=len)


def check_unambiguous(text: bytes) -> None:
    """Refuse JSON in which an object holds a key twice: parsers differ in which of the two they believe.

    A digest says nothing of the other one, so text that is passed on as it came must not have any.

    Raises:
        ValueError: it has, or it is not JSON.

    """
    _keys.decode(text.decode())


def digest(value: object) -> str:
    """SHA-256 of the canonical form, in hexadecimal."""
    return hashlib.sha256(canonical(value)).hexdigest()


def digest_bytes(*parts: bytes) -> str:
    """SHA-256 over parts, each preceded by its length, in hexadecimal."""
    whole = hashlib.sha256()
    for part in parts:
        whole.update(len(part).to_bytes(8, "big"))
        whole.update(part)
    return whole.hexdigest()
