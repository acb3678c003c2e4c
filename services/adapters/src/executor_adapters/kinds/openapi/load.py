"""From the text of a description to its document: JSON or YAML, bounded, never executed."""

from typing import Any, cast

import msgspec
import yaml

from executor_shared.errors import DescriptionInvalidError

Document = dict[str, Any]
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_KNOWN = ("3.0.", "3.1.", "3.2.")


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
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "an unknown place"
        raise DescriptionInvalidError(
            f"The description is neither JSON nor YAML: {error.problem or 'it cannot be read'} at {where}."
        ) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DescriptionInvalidError("The description is neither JSON nor YAML.") from error


def _check_version(document: Document) -> None:
    if "swagger" in document:
        raise DescriptionInvalidError(
            f"The description is Swagger {document['swagger']}; OpenAPI 3.0 and 3.1 are accepted. Convert it first, "
            "for example with swagger2openapi."
        )
    version = document.get("openapi")
    if not isinstance(version, str) or not version.startswith(_KNOWN):
        raise DescriptionInvalidError(
            f"The description's 'openapi' field is {version!r}; 3.0.x and 3.1.x are accepted."
        )
