"""References within one description. Nothing outside of it is ever fetched."""

from typing import Any, cast

from executor_adapters.kinds.openapi.load import Document
from executor_shared.errors import DescriptionInvalidError

_MAX_HOPS = 32


class References:
    """Resolves `#/…` pointers (RFC 6901)."""

    def __init__(self, document: Document) -> None:
        """Resolve within `document`."""
        self._document = document

    def resolve(self, value: object, where: str) -> dict[str, Any]:
        """The object that stands there, through as many references as there are; `{}` for anything else.

        Raises:
            DescriptionInvalidError: a reference leaves the document, leads nowhere, or runs in a circle.

        """
        for _ in range(_MAX_HOPS):
            if not isinstance(value, dict):
                return {}
            found = cast("dict[str, Any]", value)
            if "$ref" not in found:
                return found
            value = self.at(found["$ref"], where)
        raise DescriptionInvalidError(f"{where}: its references run in a circle.")

    def at(self, reference: object, where: str) -> object:
        """What a pointer names.

        Raises:
            DescriptionInvalidError: as `resolve`.

        """
        if not isinstance(reference, str) or not reference.startswith("#"):
            raise DescriptionInvalidError(
                f"{where}: {str(reference)[:200]!r} leaves the document. Bundle the description into one file first."
            )
        value: object = self._document
        for token in reference[1:].split("/")[1:]:
            key = token.replace("~1", "/").replace("~0", "~")
            value = _child(value, key)
            if value is None:
                raise DescriptionInvalidError(f"{where}: {reference!r} leads nowhere.")
        return value


def _child(value: object, key: str) -> object:
    if isinstance(value, dict):
        return cast("dict[str, object]", value).get(key)
    if isinstance(value, list) and key.isdigit():
        items = cast("list[object]", value)
        return items[int(key)] if int(key) < len(items) else None
    return None
