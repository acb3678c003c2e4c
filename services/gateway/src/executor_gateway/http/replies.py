"""What routes share: the caller, answers of contract types, pages."""

import base64
import binascii
import hashlib
from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar

import msgspec
from fastapi import Depends, Query, Request
from starlette.responses import Response

from executor_gateway.domain.identify import Identity
from executor_gateway.http.guard import IDENTITY
from executor_shared.errors import InvalidRequestError, NotPermittedError

_NO_STORE = {"Cache-Control": "no-store"}
T = TypeVar("T")


def caller(request: Request) -> Identity:
    """The identity that the guard found; a route cannot be reached without one."""
    identity: Identity = request.scope[IDENTITY]
    return identity


def administrator(request: Request) -> Identity:
    """The identity, where it may administer.

    Raises:
        NotPermittedError: it may not.

    """
    identity = caller(request)
    if not identity.principal.admin:
        raise NotPermittedError("Only administrators may do this.")
    return identity


Caller = Annotated[Identity, Depends(caller)]
Administrator = Annotated[Identity, Depends(administrator)]
Cursor = Annotated[str | None, Query(max_length=256)]
Limit = Annotated[int, Query(ge=1, le=200)]


def reply(value: object, status: int = 200) -> Response:
    """A contract message or plain value as JSON; `Raw` parts stay byte for byte."""
    return Response(msgspec.json.encode(value), status, _NO_STORE, media_type="application/json")


def shown(message: msgspec.Struct, *without: str) -> dict[str, Any]:
    """Every field of a message, defaults too, which the wire form leaves out."""
    names = message.__struct_fields__
    return {name: getattr(message, name) for name in names if name not in without}


def page(items: Sequence[object], following: str | None) -> Response:
    """A page of a list; `next` is the cursor of the following one."""
    return reply({"items": items, "next": following})


def _mark(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")


def paged(
    items: Sequence[T], key: Callable[[T], str], cursor: str | None, limit: int
) -> tuple[Sequence[T], str | None]:
    """The part of a sequence after a cursor, and the cursor of the next part.

    The cursor names the last item by its key's digest, so it stands even when others come or go; where
    that item itself is gone, the client is told to begin anew.
    """
    start = 0
    if cursor:
        start = next((i + 1 for i, item in enumerate(items) if _mark(_short(key(item))) == cursor), -1)
        if start < 0:
            raise InvalidRequestError(
                "cursor: no longer valid; begin without it.", details={"field": "cursor"}
            )
    part = items[start : start + limit]
    more = start + limit < len(items)
    return part, _mark(_short(key(part[-1]))) if more else None


def _short(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:24]


def from_base64(text: str, field: str) -> bytes:
    """Bytes from base64.

    Raises:
        InvalidRequestError: it is not base64; names the field.

    """
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidRequestError(f"{field}: expected base64.", details={"field": field}) from error
