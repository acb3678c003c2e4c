"""How values are written into paths, queries, headers and cookies (OpenAPI 3.1, "Style Values"; RFC 6570)."""

from typing import Any, cast
from urllib.parse import quote

import msgspec

from executor_adapters.kinds.openapi.binding import Parameter
from executor_adapters.kinds.openapi.bodies import bad

_RESERVED = "!$'()*,:;@/?[]"
"""What `allowReserved` leaves as it is: all reserved letters but those that would end the value (`&=+#`)."""
_JOINTS = {"spaceDelimited": "%20", "pipeDelimited": "%7C"}
_TRAVERSAL = frozenset({".", ".."})
_PATH_FORBIDDEN = frozenset("/\\%?#;")


def text_of(value: object) -> str:
    """A scalar as it is written: JSON words for booleans and null, nested values as JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return msgspec.json.encode(value).decode()


def path_value(parameter: Parameter, value: object) -> str:
    """The value inside its segment. It can neither leave the segment nor climb.

    Raises:
        InvalidRequestError: `.`, `..`, empty, or a separator, percent sign or control character in it.

    """
    if parameter.segments and isinstance(value, str):
        return "/".join(_quoted(_segment(parameter, part)) for part in value.split("/"))
    parts = _parts(value)
    for part in parts:
        _segment(parameter, part)
    if not parts:
        raise bad(parameter.argument, "it cannot be empty")
    if isinstance(value, dict):
        joint = "=" if parameter.explode else ","
        items = cast("dict[str, Any]", value).items()
        body = ",".join(f"{_quoted(name)}{joint}{_quoted(text_of(one))}" for name, one in items)
    else:
        body = ",".join(_quoted(part) for part in parts)
    if parameter.style == "label":
        return f".{body}"
    return f";{_quoted(parameter.name)}={body}" if parameter.style == "matrix" else body


def _segment(parameter: Parameter, part: str) -> str:
    unusual = any(letter in _PATH_FORBIDDEN or not letter.isprintable() for letter in part)
    if not part or part in _TRAVERSAL or unusual:
        raise bad(
            parameter.argument,
            "it cannot be empty, '.' or '..', or contain / \\ % ? # ; or control characters",
        )
    return part


def _parts(value: object) -> list[str]:
    if isinstance(value, dict):
        found = cast("dict[str, Any]", value)
        return [*found, *(text_of(one) for one in found.values())]
    if isinstance(value, list):
        return [text_of(one) for one in cast("list[Any]", value)]
    return [text_of(value)]


def query_pairs(parameter: Parameter, value: object) -> list[str]:
    """`name=value` pairs, encoded."""
    safe = _RESERVED if parameter.reserved else ""
    name = _quoted(parameter.name)

    def shown(one: object) -> str:
        return quote(text_of(one), safe=safe)

    if parameter.json:
        return [f"{name}={shown(msgspec.json.encode(value).decode())}"]
    if isinstance(value, list):
        items = [shown(one) for one in cast("list[Any]", value)]
        if parameter.explode:
            return [f"{name}={item}" for item in items]
        return [f"{name}={_JOINTS.get(parameter.style, ',').join(items)}"]
    if isinstance(value, dict):
        return _object_pairs(parameter, cast("dict[str, Any]", value), safe)
    return [f"{name}={shown(value)}"]


def _object_pairs(parameter: Parameter, value: dict[str, Any], safe: str) -> list[str]:
    if parameter.style == "deepObject":
        return [pair for key, one in value.items() for pair in _deep(f"{parameter.name}[{key}]", one, safe)]
    shown = {_quoted(key): quote(text_of(one), safe=safe) for key, one in value.items()}
    if parameter.explode:
        return [f"{key}={one}" for key, one in shown.items()]
    return [f"{_quoted(parameter.name)}={','.join(f'{key},{one}' for key, one in shown.items())}"]


def _deep(name: str, value: object, safe: str) -> list[str]:
    if isinstance(value, dict):
        pairs = cast("dict[str, Any]", value).items()
        return [pair for key, one in pairs for pair in _deep(f"{name}[{key}]", one, safe)]
    if isinstance(value, list):
        return [pair for one in cast("list[Any]", value) for pair in _deep(f"{name}[]", one, safe)]
    return [f"{_quoted(name)}={quote(text_of(value), safe=safe)}"]


def header_value(parameter: Parameter, value: object) -> str:
    """The value of a header; what a header cannot carry is refused.

    Raises:
        InvalidRequestError: other than visible ASCII and inner spaces.

    """
    shown = _simple(parameter, value)
    if not shown.isascii() or not shown.isprintable() or shown != shown.strip():
        raise bad(parameter.argument, "a header carries visible ASCII only, without spaces at its ends")
    return shown


def cookie_pair(parameter: Parameter, value: object) -> str:
    """`name=value` of a cookie, encoded."""
    return f"{_quoted(parameter.name)}={_quoted(_simple(parameter, value))}"


def _simple(parameter: Parameter, value: object) -> str:
    if parameter.json:
        return msgspec.json.encode(value).decode()
    if isinstance(value, list):
        return ",".join(text_of(one) for one in cast("list[Any]", value))
    if isinstance(value, dict):
        joint = "=" if parameter.explode else ","
        return ",".join(f"{key}{joint}{text_of(one)}" for key, one in cast("dict[str, Any]", value).items())
    return text_of(value)


def _quoted(text: str) -> str:
    return quote(text, safe="")
