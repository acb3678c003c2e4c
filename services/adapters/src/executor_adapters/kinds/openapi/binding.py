"""How an operation is performed: all that a worker needs of it, canonical and pinned by the definition hash."""

from typing import Literal

import msgspec

Place = Literal["path", "query", "header", "cookie"]


class Parameter(msgspec.Struct, frozen=True, omit_defaults=True):
    """One parameter: the argument it comes from, and how it is written.

    `segments`: the description declares that its value spans path segments (`x-multi-segment`).
    """

    argument: str
    name: str
    place: Place
    style: str = ""
    explode: bool = False
    reserved: bool = False
    json: bool = False
    segments: bool = False


class Body(msgspec.Struct, frozen=True, omit_defaults=True):
    """The request body: the media types that are understood, the first one being the default.

    `binary` names the properties of a form that carry bytes (given in base64).
    """

    types: tuple[str, ...]
    binary: tuple[str, ...] = ()


class Binding(msgspec.Struct, frozen=True, omit_defaults=True):
    """One operation."""

    method: str
    path: str
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
    accept: str = ""


decode = msgspec.json.Decoder(Binding).decode
