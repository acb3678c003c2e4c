"""From the text of a description to its document: JSON or YAML, bounded, never executed."""

import re
from typing import Any, cast

import msgspec
import yaml

from executor_shared.errors import DescriptionInvalidError

Document = dict[str, Any]
_KNOWN = ("3.0", "3.1", "3.2")
_MAX_PARTS = 4_000_000
_Base: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):
    """YAML as JSON has it: no dates, and `no` or `on` are words (YAML 1.2, core schema)."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in resolvers if tag.rpartition(":")[2] not in {"timestamp", "bool"}]
    for first, resolvers in _Base.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"true|True|TRUE|false|False|FALSE"), list("tTfF")
)


def load(text: str | bytes, *, max_bytes: int) -> Document:
    """Parse and check that it is a description that this kind understands.

    Raises:
        DescriptionInvalidError: too large, not parseable (with line), or not OpenAPI 3.

    """
    size = len(text) if isinstance(text, bytes) else len(text.encode())
    if size > max_bytes:
        raise DescriptionInvalidError(
            f"The description has {size:,} bytes; at most {max_bytes:,} are accepted.",
            details={"max_bytes": max_bytes},
        )
    document = _parse(text)
    if not isinstance(document, dict):
        raise DescriptionInvalidError("The description is not an object; an OpenAPI document was expected.")
    found = cast("Document", document)
    _check_version(found)
    if not isinstance(found.get("paths"), dict) or not found["paths"]:
        raise DescriptionInvalidError("The description has no 'paths': there is nothing to call.")
    return found


def _parse(text: str | bytes) -> object:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    except RecursionError as error:
        raise DescriptionInvalidError("The description is nested too deeply.") from error
    try:
        found: object = yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "an unknown place"
        raise DescriptionInvalidError(
            f"The description is neither JSON nor YAML: {error.problem or 'it cannot be read'} at {where}."
        ) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DescriptionInvalidError("The description is neither JSON nor YAML.") from error
    try:
        parts = _Written().size(found)
    except RecursionError as error:
        raise DescriptionInvalidError("The description is nested too deeply.") from error
    if parts > _MAX_PARTS:
        raise DescriptionInvalidError(
            f"The description has more than {_MAX_PARTS:,} parts when its YAML aliases are written out."
        )
    return found


class _Written:
    """How many parts a document has where its aliases are written out; each is walked once."""

    def __init__(self) -> None:
        self._known: dict[int, int] = {}
        self._open: set[int] = set()

    def size(self, node: object) -> int:
        """Parts of a node.

        Raises:
            DescriptionInvalidError: an alias contains itself.

        """
        if not isinstance(node, dict | list):
            return 1
        mark = id(cast("object", node))
        if mark in self._open:
            raise DescriptionInvalidError("A YAML alias of the description contains itself.")
        if mark not in self._known:
            self._open.add(mark)
            inner = (
                cast("dict[Any, Any]", node).values() if isinstance(node, dict) else cast("list[Any]", node)
            )
            self._known[mark] = 1 + sum(map(self.size, inner))
            self._open.discard(mark)
        return self._known[mark]


def _check_version(document: Document) -> None:
    if "swagger" in document:
        raise DescriptionInvalidError(
            f"The description is Swagger {document['swagger']}; OpenAPI 3.0 and 3.1 are accepted. Convert it first, "
            "for example with swagger2openapi."
        )
    version = document.get("openapi")
    if ".".join(str(version).split(".")[:2]) not in _KNOWN:
        raise DescriptionInvalidError(
            f"The description's 'openapi' field is {version!r}; 3.0.x and 3.1.x are accepted."
        )
