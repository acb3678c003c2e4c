"""Request bodies: which arguments they become, and which bytes they are."""

import base64
import binascii
import secrets
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import quote_plus

import msgspec

from executor_adapters.kinds.openapi.binding import Body
from executor_adapters.kinds.openapi.parameters import Arguments
from executor_adapters.kinds.openapi.refs import References
from executor_adapters.kinds.openapi.schemas import Schemas
from executor_shared.errors import Code, InvalidRequestError

_FORM = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data"
BODY, BODY_BASE64, CONTENT_TYPE = "body", "bodyBase64", "contentType"


def is_json(kind: str) -> bool:
    """`application/json`, `application/…+json`, with or without parameters."""
    plain = kind.partition(";")[0].strip().lower()
    return plain == "application/json" or plain.endswith("+json") or plain == "*/*"


def is_text(kind: str) -> bool:
    """`text/…` and XML."""
    plain = kind.partition(";")[0].strip().lower()
    return plain.startswith("text/") or plain in {"application/xml", "application/graphql"}


def describe(
    operation: dict[str, Any], references: References, schemas: Schemas, arguments: Arguments, where: str
) -> Body | None:
    """The body of an operation, its arguments added; None where it takes none."""
    if operation.get("requestBody") is None:
        return None
    body = references.resolve(operation["requestBody"], where)
    content = body.get("content")
    if not isinstance(content, dict) or not content:
        return None
    described = {
        str(kind): references.resolve(value, where) for kind, value in cast("dict[Any, Any]", content).items()
    }
    types = tuple(sorted(described, key=_preference))
    first = described[types[0]]
    required = body.get("required") is True
    binary = _binary_properties(references.resolve(first.get("schema"), where), types[0], references, where)
    if is_json(types[0]) or is_text(types[0]) or types[0].partition(";")[0] in {_FORM, _MULTIPART}:
        schema = schemas.input(first.get("schema") if first.get("schema") is not None else {})
        if is_text(types[0]):
            schema = {"type": "string", **schema}
        arguments.add(BODY, _described(schema, body, binary), required=required)
    else:
        text = f"The body ({types[0]}) in base64."
        arguments.add(
            BODY_BASE64,
            {"type": "string", "contentEncoding": "base64", "description": text},
            required=required,
        )
    if len(types) > 1:
        arguments.add(
            CONTENT_TYPE, {"type": "string", "enum": list(types), "default": types[0]}, required=False
        )
    return Body(types, binary)


def _preference(kind: str) -> tuple[int, str]:
    plain = kind.partition(";")[0].strip().lower()
    order = [is_json(kind), plain == _FORM, plain == _MULTIPART, is_text(kind)]
    return (order.index(True) if True in order else len(order), kind)


def _described(schema: dict[str, Any], body: dict[str, Any], binary: tuple[str, ...]) -> dict[str, Any]:
    text = str(body.get("description") or schema.get("description") or "")[:1024]
    if binary:
        text = f"{text} Give {', '.join(binary)} in base64.".strip()
    return {**schema, "description": text} if text else schema


def _binary_properties(
    schema: dict[str, Any], kind: str, references: References, where: str
) -> tuple[str, ...]:
    if not kind.startswith(_MULTIPART):
        return ()
    properties = schema.get("properties")
    named = cast("dict[str, Any]", properties) if isinstance(properties, dict) else {}
    return tuple(
        name
        for name, one in named.items()
        if (about := references.resolve(one, where)).get("format") == "binary" or "contentMediaType" in about
    )


@dataclass(frozen=True, slots=True)
class Encoded:
    """A body as it is sent."""

    content_type: str
    data: bytes


def encode(body: Body, arguments: dict[str, msgspec.Raw]) -> Encoded | None:
    """The bytes of a body; takes its arguments out of `arguments`. None where none was given.

    Raises:
        InvalidRequestError: names the argument that does not fit.

    """
    kind = body.types[0]
    if (chosen := arguments.pop(CONTENT_TYPE, None)) is not None:
        kind = msgspec.json.decode(chosen)
        if kind not in body.types:
            raise bad(CONTENT_TYPE, f"accepted: {', '.join(body.types)}")
    if (packed := arguments.pop(BODY_BASE64, None)) is not None:
        return Encoded(kind, _unpacked(msgspec.json.decode(packed), BODY_BASE64))
    raw = arguments.pop(BODY, None)
    if raw is None:
        return None
    plain = kind.partition(";")[0].strip().lower()
    if is_json(kind):
        return Encoded("application/json" if plain == "*/*" else kind, bytes(raw))
    value: object = msgspec.json.decode(raw)
    if plain == _FORM:
        return Encoded(kind, _form(_fields(value)))
    if plain == _MULTIPART:
        return _multipart(_fields(value), body.binary)
    if not isinstance(value, str):
        raise bad(BODY, f"a string is needed for {kind}")
    return Encoded(kind, value.encode())


def _fields(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise bad(BODY, "an object is needed")
    return cast("dict[str, Any]", value)


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()


def _form(fields: dict[str, Any]) -> bytes:
    pairs = [
        (name, one)
        for name, value in fields.items()
        for one in (cast("list[Any]", value) if isinstance(value, list) else [value])
    ]
    return "&".join(f"{quote_plus(name)}={quote_plus(_text(value))}" for name, value in pairs).encode()


def _multipart(fields: dict[str, Any], binary: tuple[str, ...]) -> Encoded:
    """multipart/form-data (RFC 7578)."""
    boundary = secrets.token_hex(16)
    lines: list[bytes] = []
    for name, value in fields.items():
        shown = name.replace('"', "%22").replace("\r", "").replace("\n", "")
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{shown}"'
        if name in binary:
            data = _unpacked(value, f"{BODY}.{name}")
            head += f'; filename="{shown}"\r\nContent-Type: application/octet-stream'
        else:
            data = _text(value).encode()
        lines += [head.encode(), b"\r\n\r\n", data, b"\r\n"]
    lines.append(f"--{boundary}--\r\n".encode())
    return Encoded(f"{_MULTIPART}; boundary={boundary}", b"".join(lines))


def _unpacked(value: object, field: str) -> bytes:
    try:
        return base64.b64decode(str(value), validate=True)
    except (binascii.Error, ValueError):
        raise bad(field, "base64 is needed") from None


def bad(field: str, why: str) -> InvalidRequestError:
    """An argument that does not fit; nothing was sent."""
    return InvalidRequestError(
        f"{field}: {why}. Nothing was sent.", code=Code.INVALID_TOOL_ARGUMENTS, details={"field": field}
    )
