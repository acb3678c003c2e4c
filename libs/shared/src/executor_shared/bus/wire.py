"""Bodies on the wire: JSON by msgspec, compressed where large."""

import zlib
from functools import lru_cache
from typing import TypeVar

import msgspec

from executor_shared.bus.transport import Frame
from executor_shared.contracts.base import Message
from executor_shared.errors import TooLargeError

_COMPRESS_OVER = 128 * 1024
_MAX_PLAIN = 192 * 1024 * 1024
_ENCODING = "Executor-Encoding"
_TOKEN_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_")

_encoder = msgspec.json.Encoder()
Body = TypeVar("Body", bound=Message)


@lru_cache(maxsize=4096)
def routed(subject: str, tokens: int, route: tuple[str, ...]) -> str:
    """The subject with its route.

    Raises:
        ValueError: wrong number of tokens, or one that is not `[a-z0-9_-]+`.

    """
    if len(route) != tokens or not all(token and _TOKEN_LETTERS.issuperset(token) for token in route):
        raise ValueError(f"{subject} takes {tokens} route tokens of [a-z0-9_-], got {route}")
    return ".".join((subject, *route))


def pack(message: Message, headers: dict[str, str]) -> Frame:
    """A message as a frame."""
    body = _encoder.encode(message)
    if len(body) > _COMPRESS_OVER:
        return Frame(zlib.compress(body, 1), {**headers, _ENCODING: "deflate"})
    return Frame(body, headers)


def body_of(frame: Frame) -> bytes:
    """The plain body.

    Raises:
        TooLargeError: it inflates beyond the bound.

    """
    if frame.headers.get(_ENCODING) != "deflate":
        return frame.body
    inflater = zlib.decompressobj()
    plain = inflater.decompress(frame.body, _MAX_PLAIN)
    if inflater.unconsumed_tail:
        raise TooLargeError("A message inflates beyond its bound.")
    return plain


def unpack(frame: Frame, body: type[Body]) -> Body:
    """The message in a frame."""
    return msgspec.json.decode(body_of(frame), type=body)
